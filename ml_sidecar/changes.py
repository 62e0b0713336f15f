"""How often learnt thresholds have changed, kept across restarts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Entity

Counts = NDArray[np.int64]


class ThresholdChanges:
    """Changes per API and feature.

    Args:
        features: number of features.
    """

    def __init__(self, features: int) -> None:
        self._features = features
        self._counts: dict[Entity, list[int]] = {}

    def add(self, entities: Sequence[Entity], changes: Counts) -> None:
        """Count changed thresholds, (A, F)."""
        for i in np.flatnonzero(changes.any(axis=1)).tolist():
            former = self._counts.get(entities[i], [0] * self._features)
            self._counts[entities[i]] = [a + int(b) for a, b in zip(former, changes[i], strict=True)]

    def counts(self, entities: Sequence[Entity]) -> Counts:
        """Changed thresholds so far, (A, F); zeros for an API whose thresholds never changed."""
        nothing = [0] * self._features
        rows = [self._counts.get(entity, nothing) for entity in entities]
        return np.array(rows, dtype=np.int64).reshape(len(entities), self._features)

    def to_state(self) -> list[Any]:
        """All counts as plain JSON values."""
        return [[*entity, counts] for entity, counts in self._counts.items()]

    @classmethod
    def from_state(cls, state: Sequence[Any], features: int) -> Self:
        """Inverse of `to_state`; counts of another set of features would stand in the wrong columns and are dropped."""
        changes = cls(features)
        changes._counts = {Entity(a, e): counts for a, e, counts in state if len(counts) == features}
        return changes


def episode_counts(
    totals: Mapping[tuple[Entity, Any], int], entities: Sequence[Entity], severities: Sequence[str]
) -> Counts:
    """Closed episodes, (A, S) by severity, from totals by API and severity."""
    rows = [[totals.get((entity, severity), 0) for severity in severities] for entity in entities]
    return np.array(rows, dtype=np.int64).reshape(len(entities), len(severities))
