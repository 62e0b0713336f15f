"""Counters that survive a restart: episodes by severity, changes of thresholds by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.contract import SEVERITIES
from ml_sidecar.features import Entity

Counts = NDArray[np.int64]


class Tallies:
    """Counts per API.

    Args:
        features: number of features.
    """

    def __init__(self, features: int) -> None:
        self._features = features
        self._episodes: dict[Entity, list[int]] = {}
        self._changes: dict[Entity, list[int]] = {}

    def add_episode(self, entity: Entity, severity: str) -> None:
        """Count a closed episode in the severity it reached."""
        self._episodes.setdefault(entity, [0] * len(SEVERITIES))[SEVERITIES.index(severity)] += 1

    def add_changes(self, entities: Sequence[Entity], changes: Counts) -> None:
        """Count changed thresholds, (A, F)."""
        for i in np.flatnonzero(changes.any(axis=1)).tolist():
            former = self._changes.get(entities[i], [0] * self._features)
            self._changes[entities[i]] = [a + int(b) for a, b in zip(former, changes[i], strict=True)]

    def episodes(self, entities: Sequence[Entity]) -> Counts:
        """Closed episodes, (A, 3) by severity; zeros for an API that never had one."""
        return _table(self._episodes, entities, len(SEVERITIES))

    def changes(self, entities: Sequence[Entity]) -> Counts:
        """Changed thresholds, (A, F)."""
        return _table(self._changes, entities, self._features)

    def to_state(self) -> dict[str, Any]:
        """All counts as plain JSON values."""
        return {
            "episodes": [[*entity, counts] for entity, counts in self._episodes.items()],
            "changes": [[*entity, counts] for entity, counts in self._changes.items()],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], features: int) -> Self:
        """Inverse of `to_state`; changes are dropped where the set of features is another one."""
        tallies = cls(features)
        tallies._episodes = {Entity(a, e): counts for a, e, counts in state["episodes"]}
        tallies._changes = {
            Entity(a, e): counts for a, e, counts in state["changes"] if len(counts) == features
        }
        return tallies


def _table(counts: Mapping[Entity, list[int]], entities: Sequence[Entity], width: int) -> Counts:
    table = np.zeros((len(entities), width), dtype=np.int64)
    for i, entity in enumerate(entities):
        if entity in counts:
            table[i] = counts[entity]
    return table
