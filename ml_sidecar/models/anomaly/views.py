"""Cheap causal views of every series, each blind where another sees; non-negative, larger is stranger.

The same function looks at one provisional row of ten thousand APIs and at a block of replayed rows: it is element-wise
arithmetic on the rows, a short recent past and a context that was frozen before them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.anomaly.arrays import window_mean, zeroed
from ml_sidecar.models.anomaly.context import UNKNOWN, Context
from ml_sidecar.models.anomaly.grid import Grid
from ml_sidecar.models.anomaly.looks import slid, slid_mean

FAMILIES = {
    "seasonal": (0, 1, 2),
    "likelihood": (3,),
    "novelty": (4,),
    "dynamics": (5, 6),
    "discord": (7,),
    "rarity": (8,),
}
"""The views of each family: z, its mean over 1 h and 4 h; density of improbable levels; beyond the known range; jump,
roughness; unlike any earlier stretch; rare level after that level."""
VIEWS = 9
GROSS = 4.0
"""Deviations of so many times what is worth an alarm begin to be gross."""
Single = NDArray[np.float32]
_SPAN = 6
"""Candidates between the oldest and the newest of the four means of a stretch."""
_CHUNK = 100_000
"""Distances computed at once: they and what they are made of stay in the processor's cache."""


@dataclass(frozen=True)
class Lengths:
    """Rows of the windows that the views look at."""

    hour: int
    four: int
    density: int
    rough: int
    lag: int
    quarter: int
    held: int

    @classmethod
    def of(cls, grid: Grid) -> Lengths:
        """Spans of time with a least number of rows."""
        return cls(
            hour=grid.rows(1, 3),
            four=grid.rows(4, 3),
            density=min(10, grid.rows(0.8, 2)),
            rough=grid.rows(2, 5),
            lag=grid.rows(1, 2),
            quarter=2 * grid.slot,
            held=grid.rows(1, 3),
        )

    @property
    def recent(self) -> int:
        """Rows of the past that the next row needs."""
        return max(self.four, self.rough, self.lag, self.hour, 4 * self.quarter, self.density)


@dataclass
class Recent:
    """The last rows: `rows` (5, L, N) holds value, z, improbability, rarity and jump; absent values are filled in.

    Attributes:
        rows: see above.
        held: last value seen, (N,).
        age: rows since then, (N,).
    """

    rows: Array
    held: Array
    age: Array

    @classmethod
    def empty(cls, lengths: Lengths, columns: int) -> Recent:
        """Nothing seen yet."""
        rows = np.zeros((5, lengths.recent, columns))
        rows[0] = np.nan
        return cls(rows, np.full(columns, np.nan), np.full(columns, np.inf))


@dataclass(frozen=True)
class Look:
    """What the views see in T rows of N series.

    Attributes:
        rows: (5, T, N), to become part of `Recent`.
        held: (T, N), last value seen.
        age: (T, N), rows since then.
        there: (T, N), True where there was a value.
        heights: (VIEWS, T, N), log(1 + view).
        expected: (T, N), what is normal.
        spread: (T, N), usual deviation from it.
        tracked: (6, T, N), |mean 1 h|, |mean 4 h|, log roughness, distance to earlier stretches, improbability over
            the short window, mean of half an hour: what the next context learns from.
    """

    rows: Array
    held: Array
    age: Array
    there: Mask
    heights: Array
    expected: Array
    spread: Array
    tracked: Array


def squash(z: Array) -> Array:
    """Signed logarithm: one unit means the same at z = 3 and at z = 300."""
    z = np.clip(zeroed(z), -1e6, 1e6)
    return np.asarray(np.copysign(np.log1p(np.abs(z)), z))


def _filled(raw: Array, recent: Recent, expected: Array, held_rows: int) -> tuple[Array, Array, Array, Mask]:
    """Values with gaps filled: the last value for an hour, what is expected after that."""
    there = np.isfinite(raw)
    row = np.arange(len(raw))[:, None]
    last = np.maximum.accumulate(np.where(there, row, -1), axis=0)
    held = np.where(last >= 0, np.take_along_axis(raw, np.maximum(last, 0), axis=0), recent.held)
    age = np.where(last >= 0, row - last, recent.age + row + 1)
    known = np.where(np.isfinite(expected), expected, held)
    return np.where(there, raw, np.where(age <= held_rows, held, known)), held, age, there


def _novelty(value: Array, context: Context) -> Array:
    beyond = np.fmax(value - context.high, context.low - value)
    return np.asarray(10 * np.fmax(beyond, 0) / np.fmax(context.width, context.floor))


def _bins(value: Array, edges: Array) -> NDArray[np.intp]:
    return np.asarray((value[:, None] >= edges).sum(axis=1))


def _rare(past: Array, rows: int, context: Context, slot: NDArray[np.intp], lag: int, phase: float) -> Array:
    """-log of the share of this level after that level at this quarter of the day."""
    now, then = past[-rows:], slid(past[-rows - lag : -lag], past[-rows - lag - 1 : -lag - 1], phase)
    quarter = context.quarter[slot]
    column = np.arange(now.shape[1])
    bins, edges = context.table, context.edges
    return zeroed(np.asarray(bins[quarter, _bins(now, edges), _bins(then, edges), column]))


def _halves(past: Array, rows: int, quarter: int, phase: float) -> tuple[Array, int]:
    """Means over half an hour that make up the last two hours of each row, oldest first, and their offset.

    The four means of row t are those at t, t + offset, ..., t + 3 offset: rows that lie half an hour apart share them.
    """
    means = window_mean(past[-rows - 4 * quarter + 1 :], quarter)
    if rows >= quarter:
        return means, quarter
    four = np.concatenate([means[k * quarter : k * quarter + rows] for k in range(4)])
    if phase < 1.0:
        enters = past[[-1 - k * quarter for k in (4, 3, 2, 1)]]
        leaves = past[[*(-1 - k * quarter for k in (3, 2, 1)), -2]]
        four += (1.0 - phase) * (enters - leaves) / quarter
    return four, rows


def far(means: Array, offset: int, context: Context) -> Array:
    """Distance of the last two hours to the nearest stretch on the second nearest day of the last 14, (T, N).

    The second, because an anomaly seen once must not excuse its twin. Candidates lie 15 minutes apart.

    Args:
        means: (T + 3 offset, N), as `_halves` gives them.
        offset: likewise.
        context: what was known before the block.
    """
    days, tape = context.days, context.stretches
    rows, n = len(means) - 3 * offset, means.shape[1]
    single = (means - context.anchor).astype(np.float32)
    near = np.empty((rows, days, n), dtype=np.float32)
    wide = max(1, min(n, _CHUNK // context.slots_a_day))
    tall = max(1, min(rows, _CHUNK // (context.slots_a_day * wide)))
    for left in range(0, n, wide):
        mine = slice(left, left + wide)
        for top in range(0, rows, tall):
            here = single[top : top + tall + 3 * offset, mine]
            near[top : top + tall, :, mine] = _nearest(here, offset, tape[:, mine], days, context.slots_a_day)
    two = np.partition(near, 1, axis=1)[:, :2] if days > 1 else near[:, [0, 0]]
    nearest = np.where(two[:, 1] < UNKNOWN, two[:, 1], two[:, 0]).astype(np.float64)
    return np.where(nearest < UNKNOWN, np.sqrt(nearest / 4), 0.0)


def _nearest(means: Single, offset: int, tape: Single, days: int, per_day: int) -> Single:
    """Squared distance to the nearest stretch of each day, (T, days, N), within the processor's cache."""
    rows, n = len(means) - 3 * offset, tape.shape[1]
    near = np.empty((rows, days, n), dtype=np.float32)
    some = max(1, _CHUNK // max(1, len(means) * per_day * n))
    for first in range(0, days, some):
        length = (min(days, first + some) - first) * per_day
        square = tape[first * per_day :][: length + _SPAN] - means[:, None]
        np.multiply(square, square, out=square)
        newest, *older = (square[k * offset :][:rows, 2 * k :][:, :length] for k in (3, 2, 1, 0))
        distance = newest + older[0]
        distance += older[1]
        distance += older[2]
        distance.reshape(rows, -1, per_day, n).min(axis=2, out=near[:, first : first + some])
    return near


def look(
    raw: Array,
    slot: NDArray[np.intp],
    recent: Recent,
    context: Context,
    lengths: Lengths,
    *,
    phase: float = 1.0,
) -> Look:
    """See rows through all views.

    Args:
        raw: (T, N), NaN where absent.
        slot: slot of the block each row is in, (T,).
        recent: the rows before.
        context: what was known before the block.
        lengths: windows in rows.
        phase: see `looks.Moment`; below 1 there is one row, which is not to become part of `Recent`.
    """
    n = len(raw)
    expected, spread = context.expected[slot], context.spread[slot]
    value, held, age, there = _filled(raw, recent, expected, lengths.held)
    floor = context.floor
    z = zeroed(np.where(there, (value - expected) / spread, 0.0))
    off = np.abs(value - context.long_mean) / np.maximum(context.long_std, floor)
    off = zeroed(np.where(there, off, 0.0))
    improbable = np.minimum(
        0.217 * off * off + 0.4 * np.log1p(off), 20.0
    )  # about -log10 of the Gaussian tail
    values = np.concatenate([recent.rows[0], value])
    previous = np.concatenate([recent.age[None], age[:-1]])
    steady = there & (previous < lengths.held)
    jump = zeroed(np.where(steady, value - slid(values[-n - 1 : -1], values[-n - 2 : -2], phase), 0.0))
    rare = np.where(there, _rare(values, n, context, slot, lengths.lag, phase), context.usual_rarity)
    rows = np.stack([value, z, improbable, rare, jump])
    past = np.concatenate([recent.rows, rows], axis=1)

    def mean(which: int, width: int) -> Array:
        return slid_mean(past[which], n, width, phase)

    one, four = mean(1, lengths.hour), mean(1, lengths.four)
    short = mean(2, lengths.density)
    unrest = slid_mean(past[4][-n - lengths.rough :] ** 2, n, lengths.rough, phase)
    rough = np.log(np.sqrt(np.maximum(unrest, 0.0)) + floor)
    halves, offset = _halves(values, n, lengths.quarter, phase)
    distance = far(halves, offset, context)
    means = [
        one / np.maximum(context.mean_mad[0], 0.3 / np.sqrt(lengths.hour)),
        four / np.maximum(context.mean_mad[1], 0.3 / np.sqrt(lengths.four)),
    ]
    dense = (short - context.short_mean) / np.maximum(
        context.short_std, np.maximum(0.05, 0.03 * context.short_mean)
    )
    jumped = jump / np.maximum(context.jump_mad, floor)
    rougher = (rough - context.rough_median) / np.maximum(context.rough_mad, 0.15)
    views = np.stack(
        [
            np.abs(z),
            np.abs(means[0]),
            np.abs(means[1]),
            dense,
            _novelty(value, context),
            np.abs(jumped),
            np.abs(rougher),
            distance / np.maximum(context.far_median, floor),
            np.expm1(mean(3, lengths.hour) / 3),
        ]
    )
    heights = np.log1p(np.clip(zeroed(views), 0.0, 1e6))
    return Look(
        rows,
        held,
        age,
        there,
        np.where(there, heights, 0.0),
        expected,
        spread,
        np.stack([np.abs(one), np.abs(four), rough, distance, short, halves[3 * offset :]]),
    )


def bad(look_: Look, sign: Array) -> Array:
    """Deviation to the bad side, (T, N), in the feature's unit; negative on the good side.

    Args:
        look_: what was seen.
        sign: per series 1 where above is bad, -1 where below is, 0 where both are.
    """
    off = look_.rows[0] - look_.expected
    return np.asarray(np.where(sign == 0, np.abs(off), sign * off))


def worths(look_: Look, sign: Array, least: Array, ratio: Array) -> Array:
    """Deviation to the bad side in multiples of the smallest that is worth an alarm, (T, N); inf where none is stated.

    Args:
        look_: what was seen.
        sign: see `bad`.
        least: smallest deviation worth an alarm.
        ratio: the same as a share of the expected value.
    """
    worth = np.fmax(least, ratio * np.abs(look_.expected))
    return np.where(worth > 0, bad(look_, sign) / np.where(worth > 0, worth, 1.0), np.inf)


def gate(look_: Look, sign: Array, multiples: Array) -> Array:
    """How far a deviation counts, 0 to 1, (T, N).

    0 where the value lies on the good side or deviates by no more than is worth an alarm, 1 from a quarter more on.

    Args:
        look_: what was seen.
        sign: see `bad`.
        multiples: see `worths`.
    """
    side = np.where(sign == 0, 1.0, np.clip(bad(look_, sign) / look_.spread, 0.0, 1.0))
    big = np.clip(4 * (multiples - 1), 0.0, 1.0)
    return zeroed(side * big)


def gross(multiples: Array) -> Array:
    """How far a deviation is gross, 0 to 1, (T, N): from 4 to 8 times what is worth an alarm; 0 where none is stated."""
    return np.where(np.isfinite(multiples), np.clip(multiples / GROSS - 1, 0.0, 1.0), 0.0)
