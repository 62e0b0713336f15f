"""What the forecaster remembers of each series: the last day row by row, the last four weeks by half hour."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array
from ml_sidecar.models.forecast.arrays import Columns, median, rearranged

DAY = 86400.0
HOUR = 3600.0
FRESH = HOUR
"""Age in seconds up to which a value still stands for the present one."""
_SLOT = 1800.0
_DAYS = 28
_PROFILE_DAYS = 14
_SLACK = 32


@dataclass(frozen=True)
class Clock:
    """The grid as the forecaster counts it; all counts are rows unless they say otherwise.

    Attributes:
        step: seconds between rows.
        horizons: seconds ahead, (H,).
    """

    step: float
    horizons: tuple[float, ...]

    @property
    def stride(self) -> int:
        """Rows between two origins that are learnt from: half an hour."""
        return max(1, round(_SLOT / self.step))

    @property
    def ahead(self) -> tuple[int, ...]:
        """Rows from an origin to the first row at or after each horizon."""
        return tuple(math.ceil(h / self.step - 1e-9) for h in self.horizons)

    @property
    def day(self) -> int:
        """Rows in a day."""
        return round(DAY / self.step)

    @property
    def slots(self) -> int:
        """Slots of the daily profile."""
        return max(1, round(DAY / max(self.step, _SLOT)))

    @property
    def slot(self) -> float:
        """Seconds in a slot."""
        return DAY / self.slots

    def rows(self, hours: float, least: int = 1) -> int:
        """Rows in so many hours."""
        return max(least, round(hours * HOUR / self.step))


class Trail:
    """The last rows of S series, oldest first, NaN where there is nothing; older rows are forgotten."""

    def __init__(self, length: int, width: int) -> None:
        self._length = length
        self._rows = np.full((length + _SLACK, width), np.nan, dtype=np.float32)
        self._end = length

    def push(self, row: Array) -> None:
        """Append one row, (S,)."""
        if self._end == len(self._rows):
            self._rows[: self._length] = self._rows[-self._length :]
            self._end = self._length
        self._rows[self._end] = row
        self._end += 1

    def last(self, count: int) -> NDArray[np.float32]:
        """The last `count` rows, (count, S)."""
        return self._rows[self._end - count : self._end]

    def ago(self, count: int) -> Array:
        """The row `count` rows before the last, (S,)."""
        return np.asarray(self._rows[self._end - 1 - count], dtype=np.float64)

    def rearrange(self, columns: Columns) -> None:
        """Take over other series, -1 for new ones."""
        self._rows = rearranged(self._rows, columns, np.nan)


@dataclass(frozen=True, slots=True)
class Seasons:
    """What earlier days say about the hours just ahead, by slot; each (n, S).

    Attributes:
        profile: median of the same time of day over two weeks, days of the same kind where two of them are known.
        weekly: median of the same time of the week over four weeks, known where three of them are.
        two_days, week: the value two days and a week before.
    """

    profile: Array
    weekly: Array
    two_days: Array
    week: Array


class History:
    """Memory of S series on one grid.

    Args:
        clock: the grid.
        width: S.
    """

    def __init__(self, clock: Clock, width: int) -> None:
        self.clock = clock
        length = max(clock.day + 2, clock.rows(6) + 1, 27)
        self.values = Trail(length, width)
        self.departures = Trail(length, width)
        self.last = np.full(width, np.nan)
        self.age = np.full(width, np.inf)
        self.known = np.zeros(width)
        self.local = np.full(width, np.nan)
        self._table = np.full((_DAYS * clock.slots, width), np.nan, dtype=np.float32)
        self._slot = np.full(width, -1, dtype=np.int64)
        self._sum = np.zeros(width)
        self._count = np.zeros(width)
        self._ahead = math.ceil((max(clock.horizons) + clock.stride * clock.step) / clock.slot) + 2
        self._base = np.zeros(width, dtype=np.int64)
        blank = np.full((self._ahead, width), np.nan)
        self._seasons = Seasons(blank, blank, blank, blank)

    @property
    def width(self) -> int:
        """Number of series, S."""
        return len(self.last)

    @property
    def now(self) -> Array:
        """Present value, (S,); NaN where the last one is older than an hour."""
        return np.where(self.age * self.clock.step <= FRESH, self.last, np.nan)

    def push(self, row: Array, local: Array) -> None:
        """Let one grid row in: values (S,) with NaN where absent, and local time in seconds (S,)."""
        seen = np.isfinite(row)
        self.last = np.where(seen, row, self.last)
        self.age = np.where(seen, 0.0, self.age + 1)
        self.known += seen
        self.local = local
        self._tabulate(row, seen)
        now = self.now
        self.values.push(now)
        self.departures.push(now - self.season(self._seasons.profile, 0.0))

    def _tabulate(self, row: Array, seen: NDArray[np.bool_]) -> None:
        slot = np.floor(self.local / self.clock.slot + 1e-9).astype(np.int64)
        over = np.flatnonzero((slot != self._slot) & (self._slot >= 0))
        if len(over):
            count = self._count[over]
            closed = np.where(count > 0, self._sum[over] / np.maximum(count, 1), np.nan)
            self._table[self._slot[over] % len(self._table), over] = closed
        fresh = slot != self._slot
        self._sum = np.where(fresh, 0.0, self._sum) + np.where(seen, row, 0.0)
        self._count = np.where(fresh, 0.0, self._count) + seen
        self._slot = slot

    def look_ahead(self) -> None:
        """Work out the seasons of the hours just ahead; due at each origin."""
        per_day = self.clock.slots
        self._base = np.floor(self._position(0.0) + 1e-9).astype(np.int64)
        target = self._base + np.arange(self._ahead)[:, None]

        def earlier(days: Columns) -> NDArray[np.float32]:
            slots = target - days[:, None, None] * per_day
            return np.asarray(self._table[slots % len(self._table), np.arange(self.width)])

        days = np.arange(1, _PROFILE_DAYS + 1)
        recent = earlier(days)
        date = target // per_day
        alike = _weekend(date - days[:, None, None]) == _weekend(date)
        kind = np.where(alike, recent, np.float32(np.nan))
        enough = np.isfinite(kind).sum(axis=0) >= 2
        profile = median(np.where(enough, kind, recent))
        weeks = earlier(np.arange(7, _DAYS, 7))
        weekly = np.where(np.isfinite(weeks).sum(axis=0) >= 3, median(weeks), np.nan)
        self._seasons = Seasons(profile, weekly, recent[1].astype(np.float64), recent[6].astype(np.float64))

    def _position(self, ahead: float) -> Array:
        """Local time `ahead` seconds from now, in slots, whole where the mean of a slot lies."""
        return (self.local + ahead - (self.clock.slot - self.clock.step) / 2) / self.clock.slot

    def season(self, table: Array, ahead: float) -> Array:
        """One of the `seasons` at `ahead` seconds from now, (S,), interpolated between slots."""
        x = self._position(ahead) - self._base
        low = np.clip(np.nan_to_num(np.floor(x + 1e-9)), 0, self._ahead - 2).astype(np.int64)
        share = np.clip(x - low, 0.0, 1.0)
        each = np.arange(self.width)
        before, after = table[low, each], table[low + 1, each]
        between = np.where(share < 1e-6, before, (1 - share) * before + share * after)
        nearest = np.where(np.isfinite(before), before, after)
        return np.asarray(np.where(np.isfinite(between), between, nearest))

    @property
    def seasons(self) -> Seasons:
        """As worked out at the last origin."""
        return self._seasons

    def rearrange(self, columns: Columns) -> None:
        """Take over other series, -1 for new ones."""
        self.values.rearrange(columns)
        self.departures.rearrange(columns)
        self.last = rearranged(self.last, columns, np.nan)
        self.age = rearranged(self.age, columns, np.inf)
        self.known = rearranged(self.known, columns, 0.0)
        self.local = rearranged(self.local, columns, np.nan)
        self._table = rearranged(self._table, columns, np.nan)
        self._slot = rearranged(self._slot, columns, -1)
        self._sum = rearranged(self._sum, columns, 0.0)
        self._count = rearranged(self._count, columns, 0.0)
        self._base = rearranged(self._base, columns, 0)
        seasons = self._seasons
        self._seasons = Seasons(
            *(
                rearranged(x, columns, np.nan)
                for x in (seasons.profile, seasons.weekly, seasons.two_days, seasons.week)
            )
        )


def _weekend(date: Columns) -> NDArray[np.bool_]:
    """Whether a date, in days since the epoch, is a Saturday or Sunday."""
    return (date + 3) % 7 >= 5
