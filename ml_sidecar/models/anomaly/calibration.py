"""From the height of a view to E, the expected number of such peaks a week on the series' own past.

Peaks are the extremes of about six hours, so that looking more often costs no more false alarms. Above their median u
the excess is exponential with a gamma prior on its rate, whose posterior predictive tail is a power law: heavy, hence
cautious, while little has been seen (Gelman et al., Bayesian Data Analysis, 2.6; peaks over threshold: Siffer et al.
2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array
from ml_sidecar.models.anomaly.arrays import median, middle, ordered, quantiles, total, zeroed

QUIET = 1e3
"""E of a row that is no peak at all, and of all that cannot be judged yet."""
PRIOR_PEAKS = 5.0
"""So many imagined excesses..."""
PRIOR_SCALE = 0.35
"""...of this mean, in log(1 + z): a power law of index 3."""
STIRRING_PRIOR = 2.0
"""A series that is mostly silent must have stirred so often before the height at which it does is half believed."""
FORGIVEN = 2
"""That many earlier peaks as high may have been incidents; a third is habit."""
TIE = 0.05
"""Heights closer than this are the same."""
HIGHEST = 16
"""So many of the highest peaks are told apart when counting habits."""
LOWERED = 20
"""One in so many of the highest excesses is lowered to the next: an incident must not raise the bar."""
POOL_BLOCKS = 4.0
"""Weight, in peaks of its own, that an API gives to its siblings' usual peak."""
POOL_LEAST = 3
"""So many siblings with a week of history make a pool."""
POOL_WEEK = 28


@dataclass(frozen=True)
class Calibration:
    """What the past says about the peaks of each view; arrays (V, N), `highest` (16, V, N).

    Attributes:
        usual: u, what is exceeded counts as a peak.
        lesser: peaks a week of what stirs at all, for heights that are no more than usual.
        count: m, past excesses over u.
        total: their sum, the prior's included.
        weeks: w, of history.
        highest: the highest past peaks.
    """

    usual: Array
    lesser: Array
    count: Array
    total: Array
    weeks: Array
    highest: Array

    def expected_per_week(self, height: Array) -> Array:
        """E of heights (V, T, N): (m + 1/2) / w (1 + (x - u) / S)^-(m + k0), at least (N - 2) / w.

        m excesses over u in w weeks with sum S, prior included; N earlier peaks about as high.
        """
        over = height - self.usual[:, None]
        weeks = np.maximum(self.weeks, 1e-9)
        rate = (self.count + 0.5) / weeks
        power = self.count + PRIOR_PEAKS
        tail = np.exp(-power[:, None] * np.log1p(np.maximum(over, 0.0) / self.total[:, None]))
        alike, seen = height - TIE, np.zeros(height.shape, dtype=np.int8)
        for peak in self.highest:
            seen += peak[:, None] >= alike
        habit = np.maximum(seen - float(FORGIVEN), 0.0)
        result = np.maximum(rate[:, None] * tail, habit / weeks[:, None])
        result = np.where(over > 0, result, np.where(height > 0, self.lesser[:, None], QUIET))
        return np.where(self.weeks[:, None] > 0, result, QUIET)

    def beyond_habit(self, height: Array, view: int) -> Array:
        """E of heights (T, N) of one view that exceed the third highest peak of the past, the last that is habit.

        What a mean of views calls unusual must be so in many of them. Beyond all habit one view is enough: the tail
        goes on from there, by the prior alone. This is what sees that an API of which one answer in twenty fails now
        and then has begun to fail altogether, in the first minutes, when no mean over an hour has moved yet.
        """
        habit = np.maximum(self.highest[FORGIVEN, view], self.usual[view])
        rate = (FORGIVEN + 0.5) / np.maximum(self.weeks[view], 1e-9)
        over = np.maximum(height - habit, 0.0) / (PRIOR_PEAKS * PRIOR_SCALE)
        tail = np.exp(-(PRIOR_PEAKS + FORGIVEN) * np.log1p(over))
        return np.where((over > 0) & (self.weeks[view] > 0), rate * tail, QUIET)

    def height(self, expected: float) -> Array:
        """The height (V, N) that so many peaks a week exceed; NaN before anything was seen."""
        weeks = np.where(self.weeks > 0, self.weeks, np.nan)
        rate = (self.count + 0.5) / weeks
        return self.usual + self.total * (
            (np.maximum(rate / expected, 1.0)) ** (1 / (self.count + PRIOR_PEAKS)) - 1
        )


def calibrate(peaks: Array, hours: float, groups: int, prior: float | Array = PRIOR_SCALE) -> Calibration:
    """Learn from past peaks.

    Args:
        peaks: (P, V, N), NaN where there was none; the N series are A APIs of `groups` features each.
        hours: length of the span each peak is the extreme of.
        groups: features; the same feature of all APIs is a pool.
        prior: mean of an imagined excess where there is no pool; one, or (V, 1).
    """
    rows, some = ordered(peaks)
    size = np.full(peaks.shape[1:], len(peaks), dtype=np.intp) if some is None else some
    usual, lesser = _usual(rows, size, np.asarray(size * hours / 168.0, dtype=np.float64))
    excess = zeroed(np.maximum(rows - usual, 0.0))
    count = (excess > 0).sum(axis=0)
    top = np.where(count >= 8, np.maximum(1, count // LOWERED), 0)
    last = np.maximum(size - 1, 0)
    bar = np.take_along_axis(excess, np.maximum(last - top, 0)[None], axis=0)
    own = total(np.minimum(excess, bar))
    places = last - np.arange(HIGHEST)[:, None, None]
    highest = np.take_along_axis(rows, np.maximum(places, 0), axis=0)
    highest = np.where((places >= 0) & (size > 0), highest, -np.inf)
    usual, scale, known = _pooled(usual, own, count, size, groups, prior)
    # Siblings stand in for the first peak: an API that is hours old is judged as if it had had one as theirs usually are.
    weeks = np.asarray(np.maximum(size, known) * hours / 168.0, dtype=np.float64)
    return Calibration(usual, lesser, count.astype(np.float64), own + PRIOR_PEAKS * scale, weeks, highest)


def _usual(peaks: Array, size: NDArray[np.intp], weeks: Array) -> tuple[Array, Array]:
    """Threshold of the peaks, and the rate of what stays below it.

    The median peak. But where most spans are silent, what stirs does so at a height of its own, such as one failed request
    of twenty; the distance from silence to it says nothing about the tail above it. The threshold then is the lower
    quartile of what stirs, drawn towards silence while there is little of it.
    """
    usual = zeroed(middle(peaks, size))
    stirring = np.where(peaks > 0, peaks, np.nan)
    n = np.isfinite(stirring).sum(axis=0)
    lower = zeroed(quantiles(stirring, (0.25,))[0]) * n / (n + STIRRING_PRIOR)
    sparse = (usual <= 0) & (n > 0)
    return np.where(sparse, lower, usual), np.where(sparse, n / np.maximum(weeks, 1e-9), QUIET)


def _pooled(
    usual: Array, own: Array, count: Array, size: NDArray[np.intp], groups: int, prior: float | Array
) -> tuple[Array, Array, Array]:
    """Usual peak drawn towards the siblings' while there are few of its own, their mean excess, and 1 where there is a pool."""
    if usual.shape[1] < POOL_LEAST * groups:
        return usual, np.broadcast_to(np.asarray(prior), usual.shape), np.zeros(usual.shape)
    shape = (usual.shape[0], -1, groups)
    grown = (size >= POOL_WEEK).reshape(shape)
    enough = grown.sum(axis=1, keepdims=True) >= POOL_LEAST
    siblings = median(np.moveaxis(np.where(grown, usual.reshape(shape), np.nan), 1, 0))[:, None]
    excess = np.where(grown, own.reshape(shape), 0.0).sum(axis=1, keepdims=True)
    peaks = np.where(grown, count.reshape(shape), 0).sum(axis=1, keepdims=True)
    known = np.broadcast_to(np.asarray(prior), (shape[0], 1))[:, None]
    scale = np.clip(excess / np.maximum(peaks, 1), known / 2, known * 2)
    n = size.reshape(shape)
    drawn = (n * usual.reshape(shape) + POOL_BLOCKS * zeroed(siblings)) / (n + POOL_BLOCKS)
    return (
        np.where(enough, drawn, usual.reshape(shape)).reshape(usual.shape),
        np.where(enough, scale, known).repeat(usual.shape[1] // groups, axis=1).reshape(usual.shape),
        enough.repeat(usual.shape[1] // groups, axis=1).reshape(usual.shape).astype(np.float64),
    )
