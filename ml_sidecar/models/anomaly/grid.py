"""Spans of time turned into rows of one grid, and the boundaries at which the detector's context is renewed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array

HOUR, DAY, WEEK = 3600.0, 86400.0, 604800.0


@dataclass(frozen=True)
class Grid:
    """A regular grid of times: row g is at phase + g * step.

    Rows are grouped into slots of about 15 minutes (profiles), hours (spreads), peaks of about 6 hours
    (calibration) and blocks of at least 6 hours and 24 rows (context); each is a multiple of the one before and
    starts at multiples of itself since the epoch, so that the grouping does not depend on where a history starts.

    Attributes:
        step: seconds between rows.
        phase: seconds by which the rows are shifted against multiples of the step.
    """

    step: float
    phase: float = 0.0

    @cached_property
    def slot(self) -> int:
        """Rows of a slot."""
        return max(1, round(900 / self.step))

    @cached_property
    def hour(self) -> int:
        """Rows of an hour."""
        return self.slot * max(1, round(HOUR / (self.slot * self.step)))

    @cached_property
    def peak(self) -> int:
        """Rows among which only the extreme counts."""
        return self.hour * max(-(-3 // self.hour), round(6 * HOUR / (self.hour * self.step)))

    @cached_property
    def block(self) -> int:
        """Rows scored against one context."""
        return self.peak * max(1, -(-24 // self.peak))

    def rows(self, hours: float, least: int = 1, unit: int = 1) -> int:
        """How many units of `unit` rows make up that many hours, at least `least`."""
        return max(least, round(hours * HOUR / (self.step * unit)))

    def index(self, time: float) -> int:
        """Row at (or nearest to) a time."""
        return round((time - self.phase) / self.step)

    def times(self, rows: NDArray[np.int64]) -> Array:
        """Times of rows, seconds since the epoch."""
        return np.asarray(self.phase + rows * self.step, dtype=np.float64)
