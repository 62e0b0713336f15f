"""Counters that survive a restart."""

from __future__ import annotations

import json

import numpy as np

from ml_sidecar.changes import ThresholdChanges, episode_counts
from ml_sidecar.contract import SEVERITIES
from ml_sidecar.features import Entity

A, B, C = Entity("a", "test"), Entity("b", "test"), Entity("c", "test")


def changed() -> ThresholdChanges:
    """One change of B's second feature."""
    changes = ThresholdChanges(2)
    changes.add([A, B], np.array([[0, 0], [0, 1]]))
    return changes


def test_changes_stand_in_the_column_of_their_feature() -> None:
    """A change counts once, for its API and feature; an API without one shows zeros."""
    assert changed().counts([B, C]).tolist() == [[0, 1], [0, 0]]
    assert changed().counts([]).shape == (0, 2)


def test_changes_survive_the_journal() -> None:
    """Through JSON and back no count is lost or doubled."""
    restored = ThresholdChanges.from_state(json.loads(json.dumps(changed().to_state())), 2)
    restored.add([B], np.array([[0, 1]]))
    assert restored.counts([B]).tolist() == [[0, 2]]


def test_changes_of_another_set_of_features_are_dropped() -> None:
    """After features were added or removed old counts would stand in the wrong columns."""
    assert ThresholdChanges.from_state(changed().to_state(), 3).counts([B]).tolist() == [[0, 0, 0]]


def test_episodes_stand_in_the_column_of_their_severity() -> None:
    """Every combination is there, zeros included, so that a rate sees the first episode."""
    totals = {(A, "high"): 2, (A, "medium"): 1}
    assert episode_counts(totals, [C, A], SEVERITIES).tolist() == [[0, 0, 0], [0, 1, 2]]
