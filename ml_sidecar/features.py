"""Features and the matrix of their values: the shape in which data passes from reader to models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ROUNDING = 1e-9
"""Share of the valid range by which a value may miss it through rounding alone."""


class Direction(StrEnum):
    """The side on which a feature is bad."""

    BELOW = "below"
    ABOVE = "above"
    BOTH = "both"


class Entity(NamedTuple):
    """One API in one environment: the identity of a row of the feature matrix."""

    api_name: str
    environment: str


@dataclass(frozen=True, slots=True)
class Feature:
    """What is known about one feature beforehand.

    Attributes:
        name: value of the label `feature`.
        expr: PromQL that returns one sample per API.
        direction: the side on which it is bad.
        minimum: lower end of its valid range, -inf where there is none.
        maximum: upper end of its valid range, inf where there is none.
        smallest_deviation: smallest deviation worth an alarm, in the feature's unit, at least 0.
        smallest_deviation_ratio: the same as a share of the expected value; the larger of the two holds.
        unit: percent, seconds, per_minute, ratio, bytes or none; for sentences and dashboards.
        title: its name in a sentence.
    """

    name: str
    expr: str = ""
    direction: Direction = Direction.BOTH
    minimum: float = -np.inf
    maximum: float = np.inf
    smallest_deviation: float = 0.0
    smallest_deviation_ratio: float = 0.0
    unit: str = "none"
    title: str = ""

    @property
    def label(self) -> str:
        """Name in a sentence."""
        return self.title or self.name.replace("_", " ")

    def worth_alarm(self, expected: Array) -> Array:
        """Smallest deviation worth an alarm around each expected value, same shape, in the feature's unit."""
        return np.fmax(self.smallest_deviation, self.smallest_deviation_ratio * np.abs(expected))


@dataclass(frozen=True, slots=True)
class Window:
    """Feature values of all APIs on a regular grid of times; an instant is a window of one row.

    Attributes:
        start: time of the first row, seconds since the epoch.
        step: seconds between rows.
        entities: the A APIs, in column order.
        features: names of the F features, in order.
        values: shape (T, A, F), NaN where a value is absent; never infinite.
    """

    start: float
    step: float
    entities: tuple[Entity, ...]
    features: tuple[str, ...]
    values: Array

    def __post_init__(self) -> None:
        expected = (len(self.entities), len(self.features))
        if self.values.ndim != 3 or self.values.shape[1:] != expected:
            raise ValueError(
                f"values have shape {self.values.shape}, expected (T, {expected[0]}, {expected[1]})"
            )

    @property
    def times(self) -> Array:
        """Shape (T,), seconds since the epoch."""
        return self.start + self.step * np.arange(len(self.values), dtype=np.float64)

    @property
    def end(self) -> float:
        """Time of the last row; `start - step` for a window without rows."""
        return self.start + self.step * (len(self.values) - 1)

    @property
    def rows(self) -> int:
        """API rows that hold at least one value."""
        return int(np.isfinite(self.values).any(axis=2).sum())

    def between(self, start: float, end: float) -> Window:
        """The rows with start <= time <= end."""
        first = max(0, int(np.ceil((start - self.start) / self.step - 1e-9)))
        last = min(len(self.values), int(np.floor((end - self.start) / self.step + 1e-9)) + 1)
        return replace(
            self, start=self.start + first * self.step, values=self.values[first : max(first, last)]
        )

    def of(self, entities: Sequence[Entity]) -> Window:
        """The same rows with exactly these entities as columns; absent ones are NaN."""
        wanted = tuple(entities)
        if wanted == self.entities:
            return self
        column = {entity: i for i, entity in enumerate(self.entities)}
        values = np.full((len(self.values), len(wanted), len(self.features)), np.nan)
        pairs = [(i, column[entity]) for i, entity in enumerate(wanted) if entity in column]
        if pairs:
            to, source = (list(side) for side in zip(*pairs, strict=True))
            values[:, to] = self.values[:, source]
        return replace(self, entities=wanted, values=values)


def empty_window(start: float, step: float, features: Iterable[str]) -> Window:
    """A window without rows and without APIs."""
    names = tuple(features)
    return Window(start, step, (), names, np.empty((0, 0, len(names))))


def clean(values: Array, features: Sequence[Feature]) -> tuple[Array, NDArray[np.int64]]:
    """Make values fit for models.

    Infinite values and values outside the feature's valid range say nothing about the API and become NaN; values
    beyond the range by rounding alone are put on its edge.

    Args:
        values: shape (..., F).
        features: the F features.

    Returns:
        The cleaned copy, and the number of values rejected per feature, shape (F,). NaN counts as rejected
        nowhere: it is Prometheus' way to say "no value" (0 / 0).
    """
    low = np.array([f.minimum for f in features])
    high = np.array([f.maximum for f in features])
    width = np.where(np.isfinite(high - low), high - low, 0.0) * _ROUNDING
    with np.errstate(invalid="ignore"):
        bad = np.isinf(values) | (values < low - width) | (values > high + width)
        cleaned = np.where(bad, np.nan, np.clip(values, low, high))
    return cleaned, bad.reshape(-1, len(features)).sum(axis=0)
