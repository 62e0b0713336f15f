"""How far off forecasts have been: adaptive conformal intervals, and probabilities from the same residuals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.forecast.arrays import Columns, rearranged

MISS = 0.10
_MEMORY = 336
_GAIN = 0.03
_ENOUGH = 20
_PRIOR = 8.0


class Residuals:
    """The last week of resolved errors, divided by the volatility at their origin, per horizon and series.

    Intervals are adaptive conformal (Gibbs and Candès 2021): the quantile of past |error| / volatility whose level
    is steered by past misses, so that nine values in ten lie inside in the long run whatever the data do.

    Args:
        horizons: seconds ahead, (H,).
        features: number of features; the series axis runs over APIs, then features.
        width: S.
    """

    def __init__(self, horizons: tuple[float, ...], features: int, width: int) -> None:
        self._features = features
        self._hours = np.asarray(horizons) / 3600.0
        self._ring = np.full((len(horizons), _MEMORY, width), np.nan, dtype=np.float32)
        self._next = np.zeros(len(horizons), dtype=np.int64)
        self._level = np.full((len(horizons), width), MISS)
        self._factor = np.repeat(3 * np.sqrt(self._hours)[:, None], width, axis=1)

    def half_width(self, sigma: Array) -> Array:
        """Half width (H, S) of the 90 % interval at volatility (S,); never quite 0, which rounding would miss."""
        return np.asarray(np.maximum(self._factor, 1e-3) * sigma)

    def resolve(self, horizon: int, error: Array, sigma: Array, half_width: Array, known: Mask) -> None:
        """Learn from signed errors truth - forecast (S,) at one horizon, where `known` (S,)."""
        missed = np.abs(error) > half_width
        level = np.clip(self._level[horizon] + _GAIN * (MISS - missed), 0.002, 0.6)
        self._level[horizon] = np.where(known, level, self._level[horizon])
        self._ring[horizon, self._next[horizon] % _MEMORY] = np.where(known, error / sigma, np.nan)
        self._next[horizon] += 1
        self._factor[horizon] = self._quantile(horizon)

    def _quantile(self, horizon: int) -> Array:
        size = np.sort(np.abs(self._ring[horizon]), axis=0)
        count = np.isfinite(size).sum(axis=0)
        rank = np.ceil((1 - self._level[horizon]) * (count + 1)).astype(np.int64) - 1
        own = np.take_along_axis(size, np.clip(rank, 0, np.maximum(count - 1, 0))[None], 0)[0].astype(
            np.float64
        )
        if (count >= _ENOUGH).all():
            return np.asarray(own)
        wide = np.full(self._features, 3 * np.sqrt(self._hours[horizon]))
        by_feature = size.reshape(len(size), -1, self._features)
        for i in range(self._features):
            pooled = by_feature[:, :, i]
            pooled = pooled[np.isfinite(pooled)]
            if len(pooled) >= _ENOUGH:
                wide[i] = max(wide[i], float(np.quantile(pooled, 1 - MISS / 2)))
        return np.asarray(
            np.where(count >= _ENOUGH, own, np.fmax(own, np.tile(wide, len(own) // self._features)))
        )

    def probability_within(self, low: Array, high: Array) -> Array:
        """Probability (H, S) that error / volatility lies in [low, high], each (H, S), shrunk towards all APIs' share."""
        with np.errstate(invalid="ignore"):
            inside = (self._ring >= low[:, None]) & (self._ring <= high[:, None])
        hits = inside.sum(axis=1)
        count = np.isfinite(self._ring).sum(axis=1)
        return np.asarray((hits + _PRIOR * self._pooled(hits, count)) / (count + _PRIOR))

    def _pooled(self, hits: NDArray[np.int64], count: NDArray[np.int64]) -> Array:
        """Share of hits per feature over all APIs, one half of one residual assumed on either side."""
        shape = (len(hits), -1, self._features)
        share = (hits.reshape(shape).sum(axis=1) + 0.5) / (count.reshape(shape).sum(axis=1) + 1.0)
        return np.tile(share, hits.shape[1] // self._features)

    def rearrange(self, columns: Columns) -> None:
        """Take over other series, -1 for new ones."""
        self._ring = rearranged(self._ring, columns, np.nan)
        self._level = rearranged(self._level, columns, MISS)
        self._factor = rearranged(self._factor, columns, np.nan)
        for horizon in range(len(self._factor)):
            if (columns < 0).any():
                self._factor[horizon] = self._quantile(horizon)
