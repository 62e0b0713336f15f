"""Alert thresholds by what they would have cost.

A threshold is not a percentile of rows but of alerts: crossings are counted as an alert would count them, sustained
for two grid rows, merged into one episode while the gaps stay below an hour. The warning threshold is the one nearest
to normal that costs at most the budget per API, feature and week; the critical one costs at most 0.26 of it, the
same ratio as between the anomaly scores 0.9 and 0.7. Where the history is too short to see so rare a crossing, the tail
is continued exponentially (peaks over threshold; Davison and Smith 1990), its mean excess shrunk to what all APIs
show, so that a short history gives a cautious threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Direction, Feature, Mask, Window
from ml_sidecar.models.forecast.arrays import median
from ml_sidecar.results import Thresholds, budget_of

WEEK: Final = 7 * 86400.0
_MERGE: Final = 3600.0
_SHARES: Final = (1.0, budget_of(0.9) / budget_of(0.7))
_PEAKS: Final = 8
_PRIOR_PEAKS: Final = 4.0
_PRIOR_TAIL: Final = 0.5
_OUTLIER: Final = 4.0
_GAP: Final = 0.5
_CHUNK: Final = 512


class ThresholdOptimizer:
    """Learns thresholds of all APIs from a window of history.

    Args:
        features: in the order of the result.
        step: seconds between grid rows.
        budget: alerts that a warning threshold may cost per API, feature and week; shared between both sides of a
            feature that is bad on both.
    """

    name = "threshold_optimizer"

    def __init__(self, features: Sequence[Feature], step: float = 300.0, budget: float = 0.25) -> None:
        self._features = tuple(features)
        self._step = step
        self._budget = budget

    def fit(self, window: Window, excluded: Mask | None = None) -> Thresholds:
        """Thresholds of every API in the window; NaN for an API and feature without values.

        Args:
            window: history on the grid.
            excluded: (T, A), True where the API was known to be bad; such rows do not count.

        Raises:
            ValueError: the window has another step or lacks a feature.
        """
        if window.step != self._step:
            raise ValueError(f"window has a step of {window.step} s, expected {self._step} s")
        shape = (len(window.entities), len(self._features), 2)
        lower, upper, cost = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
        for i, feature in enumerate(self._features):
            values = window.values[:, :, window.features.index(feature.name)]
            if excluded is not None:
                values = np.where(excluded, np.nan, values)
            sides = _sides(feature)
            costs = []
            for sign in sides:
                bound, paid = self._side(values, feature, sign, self._budget / len(sides))
                (upper if sign > 0 else lower)[:, i] = bound
                costs.append(paid)
            cost[:, i] = np.sum(costs, axis=0)
        names = tuple(f.name for f in self._features)
        return Thresholds(window.entities, names, lower, upper, cost)

    def _side(self, values: Array, feature: Feature, sign: float, budget: float) -> tuple[Array, Array]:
        """Thresholds (A, 2) on one side, and what they cost per week, (A, 2); `sign` is 1 above, -1 below."""
        known = np.isfinite(values)
        weeks = known.sum(axis=0) * self._step / WEEK
        normal = median(values)
        least = feature.worth_alarm(normal)
        badness = sign * (values - normal)
        tails = [self._levels(badness[:, part]) for part in _chunks(values.shape[1])]
        peaks = np.concatenate([p for p, _ in tails], axis=1) if tails else np.empty((_PEAKS, 0))
        typical = np.concatenate([t for _, t in tails]) if tails else np.empty(0)
        limits = _limits(peaks, typical, np.maximum(least, 1e-9 * (1 + np.abs(normal))), weeks, budget)
        bound = np.clip(normal[:, None] + sign * limits, feature.minimum, feature.maximum)
        costs = [
            np.stack([self._alerts(sign * values[:, part], sign * bound[part, s]) for s in range(2)], axis=1)
            for part in _chunks(values.shape[1])
        ]
        paid = np.concatenate(costs) if costs else np.empty((0, 2))
        return bound, np.where(weeks[:, None] > 0, paid / np.maximum(weeks, 1e-9)[:, None], np.nan)

    def _levels(self, badness: Array) -> tuple[Array, Array]:
        """The `_PEAKS` levels p_1 >= p_2 >= ... that 0, 1, ... episodes lie beyond, and the upper quartile (A,)."""
        high, before = self._episodes(badness)
        # An episode begins wherever the level lies between the row before and this one: it adds one alert for all
        # thresholds from `before` up to `high`. Scanning downwards gives the number of alerts at every threshold.
        rises = np.where(high > before, high, -np.inf)
        falls = np.where(high > before, before, -np.inf)
        # Falls first: where an episode's second step begins just where its first one ended, nothing is added.
        level = np.concatenate([falls, rises])
        change = np.repeat(np.array([-1, 1], dtype=np.int8), len(rises))[:, None]
        change = np.broadcast_to(change, level.shape)
        order = np.argsort(-level, axis=0, kind="stable")
        level = np.take_along_axis(level, order, 0)
        alerts = np.maximum.accumulate(
            np.cumsum(np.take_along_axis(change, order, 0), axis=0, dtype=np.int32), axis=0
        )
        counts = np.arange(_PEAKS)[:, None, None]
        reached = (alerts[None] > counts).argmax(axis=1)
        peaks = np.where((alerts[-1] > counts[:, 0]), np.take_along_axis(level, reached, 0), -np.inf)
        return np.where(np.isfinite(peaks), peaks, np.nan), _quartile(badness)

    def _episodes(self, badness: Array) -> tuple[Array, Array]:
        """Running level whose excursions beyond any threshold are the episodes an alert would make of them.

        Returns:
            That level and the same one row before, both (T, A).
        """
        solid = np.where(np.isfinite(badness), badness, -np.inf)
        sustained = solid.copy()
        sustained[1:] = np.minimum(solid[1:], solid[:-1])
        sustained[:1] = -np.inf
        merged = sustained.copy()
        for gap in range(1, max(1, round(_MERGE / self._step)) + 1):
            np.maximum(merged[gap:], sustained[: len(sustained) - gap], out=merged[gap:])
        before = np.full_like(merged, -np.inf)
        before[1:] = merged[:-1]
        return merged, before

    def _alerts(self, badness: Array, bound: Array) -> NDArray[np.int64]:
        """Episodes beyond a bound, (A,)."""
        now, before = self._episodes(badness)
        return np.asarray(((now > bound) & (before <= bound)).sum(axis=0))


def _limits(peaks: Array, typical: Array, least: Array, weeks: Array, budget: float) -> Array:
    """Distances from normal (A, 2) for warning and critical.

    Args:
        peaks: (P, A), levels that 0, 1, ... episodes lie beyond, falling, NaN where there are fewer.
        typical: (A,), upper quartile of the distance from normal.
        least: (A,), smallest deviation worth an alarm, above 0.
        weeks: (A,), length of the history.
        budget: alerts per week at the warning threshold.
    """
    peaks = np.where(np.isfinite(peaks), np.maximum(peaks, 0.0), 0.0)
    # One peak far beyond the second one is an incident nobody has excluded; it must not raise the bar for the next.
    unit = least + np.maximum(typical, 0.0)
    others = peaks[1:]
    spread = np.maximum(others.mean(axis=0) - others[-1], _PRIOR_TAIL * unit)
    peaks = np.concatenate([np.minimum(peaks[:1], peaks[1:2] + _OUTLIER * spread), others])
    used = np.clip(np.floor(4 * weeks), 2, len(peaks)).astype(np.int64)
    lowest = np.take_along_axis(peaks, used[None] - 1, 0)[0]
    excess = np.where(np.arange(len(peaks))[:, None] < used, peaks - lowest, 0.0).sum(axis=0)
    own = excess / np.maximum(used - 1, 1)
    prior = float(np.median((own / unit)[weeks > 0])) if (weeks > 0).any() else 0.0
    prior = max(prior, _PRIOR_TAIL)
    tail = (excess + _PRIOR_PEAKS * prior * unit) / (used - 1 + _PRIOR_PEAKS)
    limits = []
    for share in _SHARES:
        allowed = share * budget * weeks
        seen = np.take_along_axis(
            peaks, np.clip(np.floor(allowed), 0, len(peaks) - 1).astype(np.int64)[None], 0
        )[0]
        beyond = lowest + tail * np.log(np.maximum(used / np.maximum(allowed, 1e-9), 1.0))
        # A threshold that lies just on the costliest tolerated peak would be crossed by its like.
        limits.append(np.where(allowed >= 1, seen, np.maximum(seen, beyond)))
    warning = np.maximum(limits[0], least)
    critical = np.maximum(limits[1], warning + _GAP * least)
    return np.stack([warning, critical], axis=1)


def _sides(feature: Feature) -> tuple[float, ...]:
    return {Direction.ABOVE: (1.0,), Direction.BELOW: (-1.0,), Direction.BOTH: (-1.0, 1.0)}[feature.direction]


def _chunks(count: int) -> Iterator[slice]:
    """Columns in pieces, so that memory stays bounded with many APIs."""
    for start in range(0, count, _CHUNK):
        yield slice(start, start + _CHUNK)


def _quartile(values: Array) -> Array:
    """Upper quartile over the first axis that leaves NaN out; NaN where nothing is left."""
    ordered = np.sort(values, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    at = np.maximum(np.ceil(0.75 * count).astype(np.int64) - 1, 0)
    return np.asarray(np.take_along_axis(ordered, at[None], 0)[0])


def changed_thresholds(
    former: Thresholds, present: Thresholds, features: Sequence[Feature]
) -> NDArray[np.int64]:
    """Number of thresholds per API and feature that moved by more than the smallest deviation worth an alarm.

    A feature without a smallest deviation counts a move by more than 5 % of the former value. APIs and features that
    only one of the two knows do not count.

    Returns:
        (A, F) of `present`.
    """
    known = {feature.name: feature for feature in features}
    row = {entity: i for i, entity in enumerate(former.entities)}
    here = [i for i, entity in enumerate(present.entities) if entity in row]
    there = [row[present.entities[i]] for i in here]
    changes = np.zeros((len(present.entities), len(present.features)), dtype=np.int64)
    for f, name in enumerate(present.features):
        if name not in known or name not in former.features:
            continue
        for old, new in ((former.lower, present.lower), (former.upper, present.upper)):
            before, after = old[there, former.features.index(name)], new[here, f]
            worth = known[name].worth_alarm(before)
            worth = np.where(worth > 0, worth, 0.05 * np.abs(before))
            changes[here, f] += (np.abs(after - before) > worth).sum(axis=1)
    return changes
