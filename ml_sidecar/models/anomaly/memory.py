"""What the detector remembers of every series, and the context it makes of that at each block's beginning.

Tapes are arrays with the newest row last. They hold NaN where an API was absent or known to be bad, so that neither
enters what counts as normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Direction, Feature
from ml_sidecar.models.anomaly.arrays import (
    group_median,
    grouped,
    median,
    merged,
    moments,
    push,
    quantiles,
    total,
    widened,
    zeroed,
)
from ml_sidecar.models.anomaly.context import EDGES, Context
from ml_sidecar.models.anomaly.grid import DAY, Grid
from ml_sidecar.models.anomaly.season import PROFILES, Zones, chosen, learnt, profiles, spread
from ml_sidecar.models.anomaly.views import VIEWS

MAD = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""
HISTORY_ROWS = 4032
"""Rows kept of 28 days for the table of rare levels and the range."""
MEMORY_HOURS = 12 * 168.0
"""Peaks are remembered for twelve weeks."""
WARM_ROWS = 24
BINS = len(EDGES) + 1
SETTLED_DAYS = 3.0
RENEWED_DAYS = 1.0
RENEWED_BLOCKS = 2
"""Once every API is settled, what changes slowly is renewed once a day, and not in every block."""
YOUNG = 1.5
"""While an API is younger than a day it is given this many times its siblings' spread."""


@dataclass
class Block:
    """The rows of the present block so far; NaN where absent or excluded. R rows, N series."""

    value: Array
    residual: Array
    jump: Array
    tracked: Array
    heights: Array

    @classmethod
    def empty(cls, grid: Grid, columns: int) -> Block:
        """Nothing seen yet."""
        r = grid.block

        def unknown(*shape: int) -> Array:
            return np.full((*shape, r, columns), np.nan)

        return cls(unknown(), unknown(), unknown(), unknown(6), unknown(VIEWS))

    def widen(self, columns: int) -> None:
        """Make room for more series."""
        for name, x in vars(self).items():
            setattr(self, name, widened(x, columns))


class Memory:
    """Tapes of N series.

    Args:
        grid: rows and blocks.
        features: the F features; series are A APIs times F features.
    """

    def __init__(self, grid: Grid, features: Sequence[Feature]) -> None:
        self.grid = grid
        self.features = tuple(features)
        slot, day_slots = grid.slot, grid.rows(24, 24, grid.slot)
        self.renewed = max(RENEWED_BLOCKS, round(RENEWED_DAYS * DAY / (grid.block * grid.step)))
        self.stride = _stride(gcd(grid.rows(1, 2), grid.hour), grid.rows(28 * 24) // HISTORY_ROWS)
        self.days = max(2, -(-grid.rows(14 * 24, 500, slot) // day_slots))
        self.day_slots = day_slots
        none = np.full
        self.slots = none((grid.rows(35 * 24, 35, slot), 0), np.nan)
        self.misses = none((day_slots, PROFILES, 0), np.nan)
        self.errors = np.zeros((2, PROFILES, 0))
        self.hours = none((grid.rows(15 * 24, 15, grid.hour), 0), np.nan)
        self.fast = none((grid.rows(48, 48), 2, 0), np.nan)
        self.week = none((grid.rows(168, 60, slot), 4, 0), np.nan)
        self.stretches = none((self.days * day_slots + 14, 0), np.nan)
        self.history = none((min(HISTORY_ROWS, grid.rows(28 * 24, 500, self.stride)), 0), np.nan)
        self.quarters = np.zeros((len(self.history), 0), dtype=np.int8)
        self.long = none((grid.rows(28 * 24, 42, grid.block), 3, 0), np.nan)
        self.short = none((grid.rows(14 * 24, 21, grid.block), 3, 0), np.nan)
        self.extremes = none((grid.rows(28 * 24, 21, grid.block), 2, 0), np.nan)
        self.peaks = none((grid.rows(MEMORY_HOURS, 28, grid.peak), VIEWS, 0), np.nan)
        self.quantum = np.zeros(0)
        self.range = none((2, 0), np.nan)
        self.first = none(0, np.inf)
        self.rows = np.zeros(0)
        self.guesses = none((PROFILES, grid.block // slot, 0), np.nan)
        self.offset = none((PROFILES, 0), np.nan)
        self.own = none(0, np.nan)
        self.sign = np.zeros(0)
        self.least = np.zeros(0)
        self.ratio = np.zeros(0)

    def widen(self, apis: int) -> None:
        """Make room for more APIs."""
        more = apis * len(self.features)
        for name, x in list(vars(self).items()):
            if isinstance(x, np.ndarray) and name not in {"sign", "least", "ratio"}:
                fill = {"errors": 0.0, "quantum": 0.0, "rows": 0.0, "first": np.inf, "quarters": 0}.get(
                    name, np.nan
                )
                setattr(self, name, widened(x, more, fill).astype(x.dtype))
        signs = {Direction.ABOVE: 1.0, Direction.BELOW: -1.0, Direction.BOTH: 0.0}
        apis = self.rows.shape[0] // max(len(self.features), 1)
        self.sign = np.tile([signs[f.direction] for f in self.features], apis)
        self.least = np.tile([f.smallest_deviation for f in self.features], apis)
        self.ratio = np.tile([f.smallest_deviation_ratio for f in self.features], apis)

    def absorb(self, block: Block, start: int, zones: Zones, floor: Array) -> None:
        """Let a finished block enter the tapes.

        Args:
            block: its rows.
            start: its first grid row.
            zones: time zones.
            floor: least spread of each series, as the block's context had it.
        """
        grid, value = self.grid, block.value
        there = np.isfinite(value)
        ends = slice(grid.slot - 1, None, grid.slot)
        slots = group_median(value, grid.slot)
        raw = slots - self.guesses
        self.errors = learnt(self.errors, raw - self.offset[:, None], 5 * self.own, grid)
        push(self.misses, raw.transpose(1, 0, 2))
        push(self.slots, slots)
        push(self.hours, MAD * group_median(np.abs(block.residual), grid.hour))
        push(self.fast, np.stack([np.abs(block.residual), np.abs(block.jump)], axis=1))
        tracked = np.where(there, block.tracked, np.nan)
        push(self.week, tracked[:4, ends].transpose(1, 0, 2))
        push(self.stretches, tracked[5, ends])
        last = slice(self.stride - 1, None, self.stride)
        times = grid.times(start + np.arange(grid.block))[last]
        push(self.history, value[last])
        push(self.quarters, zones.quarter(times, value.shape[1]).astype(np.int8))
        push(self.long, moments(self._tamed(value, floor))[None])
        push(self.short, moments(tracked[4])[None])
        push(self.extremes, np.stack([np.fmax.reduce(value, axis=0), np.fmin.reduce(value, axis=0)])[None])
        peaks = np.fmax.reduce(grouped(np.moveaxis(block.heights, 0, 1), grid.peak), axis=1)
        push(self.peaks, peaks)
        seen = there.any(axis=0)
        begun = grid.times(start + np.argmax(there, axis=0))
        self.first = np.where(seen, np.minimum(self.first, begun), self.first)
        self.rows = self.rows + there.sum(axis=0)

    def _tamed(self, value: Array, floor: Array) -> Array:
        """Values with those far outside the usual range drawn to its edge: one spike must not widen the bands."""
        low, high = self.range
        reach = 3 * np.fmax(high - low, 4 * floor)
        return np.asarray(np.fmin(np.fmax(value, low - reach), high + reach))

    def context(self, start: int, zones: Zones, former: Context | None = None) -> Context:
        """What is known before grid row `start`, for the block that begins there.

        Args:
            start: first grid row of the block.
            zones: time zones.
            former: where given, what changes slowly is taken from it; only levels and spreads are renewed.
        """
        known = self._slow_context() if former is None else former
        expected = self._renewed_level(start, zones)
        fast = MAD * median(self.fast, least=10)
        self.own = self._own_spread(fast[0], known.long_mean)
        spreads = spread(self.hours, self.own, start, self.grid, zones)
        times = self.grid.times(start + self.grid.slot * np.arange(self.grid.block // self.grid.slot))
        floor = self._floor(known.width, expected)
        return replace(
            known,
            expected=expected,
            spread=np.maximum(spreads, floor),
            quarter=zones.quarter(times, len(floor)),
            floor=floor,
            jump_mad=fast[1],
            stretches=np.where(np.isnan(self.stretches), 1e18, self.stretches - known.anchor).astype(
                np.float32
            ),
        )

    def _slow_context(self) -> Context:
        """The part that changes from day to day; the rest is filled in by `context`."""
        edges = quantiles(self.history, (0.05, 0.95, *EDGES), least=20)
        recent = quantiles(self.history[-(len(self.history) // 2) :], (0.05, 0.95), least=10)
        self.range = np.where(np.isfinite(recent), recent, edges[:2])
        _, long_mean, long_std = _known(self.long, 10)
        _, short_mean, short_std = _known(self.short, 30)
        mean_mad, rough, rough_mad, far = self._scales()
        table, usual = self._rarity(edges[2:])
        high, low = self._extremes()
        later = np.empty(0)
        return Context(
            expected=later,
            spread=later,
            quarter=np.empty((0, 0), dtype=np.intp),
            floor=later,
            width=zeroed(self.range[1] - self.range[0]),
            high=high,
            low=low,
            long_mean=long_mean,
            long_std=long_std,
            short_mean=short_mean,
            short_std=short_std,
            mean_mad=mean_mad,
            jump_mad=later,
            rough_median=rough,
            rough_mad=rough_mad,
            far_median=far,
            edges=edges[2:],
            table=table,
            usual_rarity=usual,
            stretches=np.empty((0, 0), dtype=np.float32),
            anchor=zeroed(long_mean),
            days=self.days,
            slots_a_day=self.day_slots,
        )

    def settled(self, start: int) -> bool:
        """True if every API has been known for so long that what changes slowly need not be renewed this block."""
        ages = self.grid.times(np.array(start)) - self.first
        grown = bool((ages[np.isfinite(ages)] > SETTLED_DAYS * DAY).all())
        return grown and start // self.grid.block % self.renewed != 0

    def _renewed_level(self, start: int, zones: Zones) -> Array:
        """What is normal in the slots of the block, (S, N)."""
        self.guesses = profiles(self.slots, start, self.grid, zones)
        near = median(self.misses, least=5)
        known = np.isfinite(near[0])
        level = near[0] if known.all() else np.where(known, near[0], median(self.slots))
        self.offset = np.concatenate([level[None], zeroed(near[1:])])
        return chosen(self.guesses + self.offset[:, None], self.errors)

    def usual_day(self) -> Array:
        """The level of the last day, with the profile of every day where there is one, (S, N): one kind for all series."""
        level, profile = (self.guesses + self.offset[:, None])[:2]
        return np.asarray(np.where(np.isfinite(profile), profile, level))

    def _floor(self, width: Array, expected: Array) -> Array:
        steps = self.fast[:, 1]
        quantum = median(np.where(steps > 0, steps, np.nan))
        self.quantum = np.where(np.isfinite(quantum), quantum, self.quantum)
        level = zeroed(median(np.abs(expected)))
        worth = np.fmax(self.least, self.ratio * level)
        fine = np.fmax(0.02 * width, 0.25 * self.quantum) + 1e-9 * (level + 1e-3)
        return np.asarray(np.fmax(fine, 0.25 * worth))

    def _own_spread(self, near: Array, level: Array) -> Array:
        """Spread of the last 48 h, of 14 days where that says nothing; a young API's is not below its siblings'."""
        own = np.where(np.isfinite(near), near, median(self.hours))
        size = np.abs(level) + 1e-12
        shape = (-1, len(self.features))
        young = self.rows < self.grid.rows(24, WARM_ROWS)
        share = np.where(young, np.nan, own / size).reshape(shape)
        usual = np.broadcast_to(median(share, least=3), share.shape).ravel()
        return np.asarray(np.where(young & np.isfinite(usual), np.fmax(own, YOUNG * usual * size), own))

    def _scales(self) -> tuple[Array, Array, Array, Array]:
        week = self.week.copy()
        week[:, 3] = np.where(week[:, 3] > 0, week[:, 3], np.nan)
        middle = median(week, least=10)
        rough = median(np.abs(week[:, 2] - middle[2]), least=10)
        return MAD * middle[:2], middle[2], MAD * rough, middle[3]

    def _extremes(self) -> tuple[Array, Array]:
        """Highest and lowest value of 28 days with the most extreme day left out, once there are two days."""
        days = max(1, round(DAY / (self.grid.block * self.grid.step)))
        whole = self.extremes[len(self.extremes) % days :]
        tops = np.fmax.reduce(grouped(whole[:, 0], days), axis=1)
        lows = np.fmin.reduce(grouped(whole[:, 1], days), axis=1)
        return _second(tops), -_second(-lows)

    def _rarity(self, edges: Array) -> tuple[Array, Array]:
        """-log share of (level now, level an hour ago) per quarter of the day, shrunk to the whole day's."""
        value, n = self.history, self.history.shape[1]
        lag = self.grid.rows(1, 2) // self.stride
        level = np.zeros(value.shape, dtype=np.int64)
        for edge in edges:
            level += value >= edge
        now, then, quarter = level[lag:], level[:-lag], self.quarters[lag:].astype(np.int64)
        both = np.isfinite(value[lag:]) & np.isfinite(value[:-lag])
        cell = ((quarter * BINS + now) * BINS + then) * n + np.arange(n)
        count = (
            np.bincount(cell[both], minlength=4 * BINS * BINS * n)
            .reshape(4, BINS, BINS, n)
            .astype(np.float64)
        )
        rows = count.sum(axis=(0, 1, 2))
        whole = count.sum(axis=0) / np.maximum(rows, 1.0)
        distinct = 1 + (np.diff(edges, axis=0) > 0).sum(axis=0) + np.isfinite(edges[0])
        inside = count.sum(axis=(1, 2))[:, None, None]
        table = -np.log((count + 20 * whole + 0.5 / distinct**2) / (inside + 20.5))
        usual = total((count * table).reshape(4 * BINS * BINS, n)) / np.maximum(rows, 1.0)
        return np.where(rows > 0, table, np.nan), usual

    def ready(self, start: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Series that can be judged by a day of their own, and those with an hour that may lean on siblings."""
        now = self.grid.times(np.array(start))
        grown = (self.rows >= WARM_ROWS) & (now - self.first >= DAY)
        shape = (-1, len(self.features))
        siblings = grown.reshape(shape).sum(axis=0) >= 3
        young = (self.rows >= self.grid.rows(1, 12)).reshape(shape) & siblings
        return grown, grown | young.ravel()


def _stride(hour: int, wanted: int) -> int:
    """Largest divisor of an hour's rows that is at most the wanted stride."""
    return max(d for d in range(1, hour + 1) if hour % d == 0 and d <= max(1, wanted))


def _known(tape: Array, least: int) -> tuple[Array, Array, Array]:
    n, mean, std = merged(tape)
    return n, np.where(n >= least, mean, np.nan), np.where(n >= least, std, np.nan)


def _second(x: Array) -> Array:
    """Second largest along the first axis; the largest where there is but one; NaN where there is none."""
    ordered = np.sort(-x, axis=0)
    one, two = -ordered[0], -ordered[min(1, len(ordered) - 1)]
    return np.asarray(np.where(np.isfinite(two), two, one))
