"""Which candidate to believe: weights by discounted resolved error, per series and horizon."""

from __future__ import annotations

import numpy as np

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.forecast.arrays import Columns, rearranged

_SHARPNESS = 12.0
_HALF_LIFE = 96.0
_LEAST = 5.0


class Mixture:
    """Exponentially forgotten error of K candidates at H horizons for S series.

    The forecast is their mean weighted by (error / smallest error) ** -12: nearly the best one's, and the mean of
    those that are equally good. Half of an error's weight is forgotten after 96 origins.
    """

    def __init__(self, candidates: int, horizons: int, width: int) -> None:
        self._loss = np.zeros((candidates, horizons, width))
        self._mass = np.zeros((horizons, width))

    def resolve(self, horizon: int, error: Array, known: Mask) -> None:
        """Learn from absolute errors (K, S) at one horizon, where `known` (S,)."""
        decay = 0.5 ** (1 / _HALF_LIFE)
        self._loss[:, horizon] = np.where(
            known, decay * self._loss[:, horizon] + error, self._loss[:, horizon]
        )
        self._mass[horizon] = np.where(known, decay * self._mass[horizon] + 1, self._mass[horizon])

    def combine(self, candidates: Array) -> Array:
        """Forecast (H, S) from candidates (K, H, S), the first of which is the last value."""
        least = np.maximum(self._loss.min(axis=0), 1e-12 + 1e-9 * self._loss.max(axis=0))
        weight = np.maximum(self._loss / least, 1.0) ** -_SHARPNESS
        mixed = (weight * candidates).sum(axis=0) / weight.sum(axis=0)
        # Rounding must not move the forecast off candidates that agree.
        mixed = np.clip(mixed, candidates.min(axis=0), candidates.max(axis=0))
        return np.asarray(np.where(self._mass < _LEAST, candidates[0], mixed))

    def rearrange(self, columns: Columns) -> None:
        """Take over other series, -1 for new ones."""
        self._loss = rearranged(self._loss, columns, 0.0)
        self._mass = rearranged(self._mass, columns, 0.0)
