"""Counters that survive a restart."""

from __future__ import annotations

import json

import numpy as np

from ml_sidecar.features import Entity
from ml_sidecar.tallies import Tallies

A, B, C = Entity("a", "test"), Entity("b", "test"), Entity("c", "test")


def filled() -> Tallies:
    """Two episodes of A, one change of B's second feature."""
    tallies = Tallies(2)
    tallies.add_episode(A, "medium")
    tallies.add_episode(A, "high")
    tallies.add_changes([A, B], np.array([[0, 0], [0, 1]]))
    return tallies


def test_counts_stand_in_the_column_of_their_severity_and_feature() -> None:
    """An episode counts once, in the severity it reached; an API that never had one shows zeros."""
    tallies = filled()
    assert tallies.episodes([C, A]).tolist() == [[0, 0, 0], [0, 1, 1]]
    assert tallies.changes([B, A]).tolist() == [[0, 1], [0, 0]]


def test_counts_survive_the_journal() -> None:
    """Through JSON and back no count is lost or doubled."""
    restored = Tallies.from_state(json.loads(json.dumps(filled().to_state())), 2)
    restored.add_changes([B], np.array([[0, 1]]))
    assert restored.episodes([A]).tolist() == [[0, 1, 1]]
    assert restored.changes([B]).tolist() == [[0, 2]]


def test_changes_of_another_set_of_features_are_dropped() -> None:
    """After features were added or removed old counts would stand in the wrong columns."""
    restored = Tallies.from_state(filled().to_state(), 3)
    assert restored.changes([B]).tolist() == [[0, 0, 0]]
    assert restored.episodes([A]).tolist() == [[0, 1, 1]]
