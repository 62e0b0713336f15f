"""The law by which a simulated API answers: history and live answers are drawn from the same one.

A law is a pure function of time, random regimes included: whether a burst is under way at some instant follows from
a hash of the instant's time slot. So the past can be generated in one vectorised pass and the live simulator,
asked at any moment, carries on where it ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.random import Generator

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TIMEOUT_SECONDS: Final = 10.0
"""What the demo's collector waits; an answer that would take longer is a timeout."""
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How requests sent at the given instants behave; each field is one value or one per instant.

    Attributes:
        median: Median response time in seconds.
        spread: Standard deviation of the response time's logarithm.
        error_probability: Share of requests answered with a 5xx status.
        slow_probability: Share of requests that take `slow_factor` times as long, or longer.
        slow_factor: Smallest multiple of a slow request.
        slow_alpha: Pareto exponent of what lies beyond `slow_factor`; smaller is heavier.
    """

    median: FloatArray | float
    spread: FloatArray | float = 0.15
    error_probability: FloatArray | float = 0.0005
    slow_probability: float = 0.0
    slow_factor: float = 1.0
    slow_alpha: float = 50.0


class Outcomes(NamedTuple):
    """What requests came to: response times in seconds, at most the timeout, and whether each succeeded."""

    seconds: FloatArray
    success: BoolArray


def draw(behaviour: Behaviour, count: int, rng: Generator) -> Outcomes:
    """Draw the outcomes of `count` requests; a request that reaches the timeout has failed."""
    seconds = behaviour.median * np.exp(behaviour.spread * rng.standard_normal(count))
    slow = rng.random(count) < behaviour.slow_probability
    tail = behaviour.slow_factor * (1.0 - rng.random(count)) ** (-1.0 / behaviour.slow_alpha)
    seconds = np.minimum(np.where(slow, seconds * tail, seconds), TIMEOUT_SECONDS)
    success = (rng.random(count) >= behaviour.error_probability) & (seconds < TIMEOUT_SECONDS)
    return Outcomes(seconds, success)


def uniform(slots: NDArray[np.int64], stream: int) -> FloatArray:
    """A number in [0, 1) per slot and stream, always the same one (the finaliser of SplitMix64)."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    mixed = slots.astype(np.uint64) * golden + np.uint64(stream * 0xD1B54A32D192ED03 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bursts(
    time: FloatArray, stream: int, per_day: float, shortest: float, longest: float, slot: float = HOUR / 2
) -> FloatArray:
    """Strength, in (0, 1], of the habitual burst under way at each instant; 0 outside bursts.

    At most one burst a slot, so that their rate is stationary and their number a week is steady.

    Args:
        time: Unix times in seconds.
        stream: Chooses the random sequence.
        per_day: Mean number of bursts a day; at most one a slot.
        shortest: Shortest duration in seconds.
        longest: Longest duration in seconds; below `slot`.
        slot: Length of a slot in seconds.
    """
    slots = np.floor(time / slot).astype(np.int64)
    happens = uniform(slots, stream) < per_day * slot / DAY
    duration = shortest + (longest - shortest) * uniform(slots, stream + 1)
    start = slots * slot + (slot - duration) * uniform(slots, stream + 2)
    inside = happens & (time >= start) & (time < start + duration)
    return np.where(inside, 1.0 - uniform(slots, stream + 3), 0.0)


def daily(time: FloatArray, peak_hour: float) -> FloatArray:
    """A daily wave from -1 to 1 with its maximum at `peak_hour` UTC."""
    return np.cos(2 * np.pi * (time - peak_hour * HOUR) / DAY)


def weekday(time: FloatArray) -> FloatArray:
    """1 from Monday to Friday (UTC), 0 at the weekend, with two hours of passage between them."""
    monday = np.mod(time - 4 * DAY, WEEK)  # 1 January 1970 was a Thursday
    return np.clip(np.minimum(monday / (2 * HOUR), (5 * DAY - monday) / (2 * HOUR)), 0.0, 1.0)


def plateau(time: FloatArray, start_hour: float, hours: float, edge: float = HOUR / 6) -> FloatArray:
    """1 within the daily span that begins at `start_hour` UTC, 0 outside, with edges of `edge` seconds."""
    into = np.mod(time - start_hour * HOUR, DAY)
    return np.clip(np.minimum(into / edge, (hours * HOUR - into) / edge), 0.0, 1.0)


def slow_wander(time: FloatArray, per_week: float, weeks: float = 26.0) -> FloatArray:
    """Exponent that moves by `per_week` a week, up for `weeks` weeks and down again, for ever."""
    phase = np.mod(time / WEEK, 2 * weeks)
    return per_week * (np.minimum(phase, 2 * weeks - phase) - weeks / 2)
