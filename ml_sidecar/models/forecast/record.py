"""What resolved forecasts have shown: errors against naive ones, coverage, calibration of the confidence."""

from __future__ import annotations

from typing import Final

import numpy as np

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.forecast.arrays import Columns, rearranged

_SUMS: Final = ("count", "error", "last", "seasonal", "inside", "hit", "brier", "worth")


class Record:
    """Sums over resolved forecasts per series, all horizons together.

    Args:
        features: number of features; the series axis runs over APIs, then features.
        width: S.
        half_life: resolved forecasts of one series after which half their weight is forgotten; inf for never.
    """

    def __init__(self, features: int, width: int, half_life: float = np.inf) -> None:
        self._features = features
        self._decay = 0.5 ** (1 / half_life)
        self._sums = np.zeros((len(_SUMS), width))

    def add(
        self,
        error: Array,
        last: Array,
        seasonal: Array,
        half_width: Array,
        worth: Array,
        confidence: Array,
        known: Mask,
    ) -> None:
        """Count one resolved forecast per series, only where `known`; all (S,).

        Args:
            error: absolute error of the forecast.
            last: that of the last value.
            seasonal: that of the seasonal naive, NaN where it was not possible; such a forecast does not count.
            half_width: of its interval.
            worth: smallest deviation worth an alarm.
            confidence: as stated.
            known: whether the truth has come.
        """
        hit = error <= worth
        new = np.stack(
            [
                np.ones_like(error),
                error,
                last,
                seasonal,
                error <= half_width,
                hit,
                (confidence - hit) ** 2,
                worth,
            ]
        )
        known = known & np.isfinite(seasonal)
        self._sums = np.where(known, self._decay * self._sums + new, self._sums)

    def _of(self, name: str) -> Array:
        """Sums (A, F)."""
        return np.asarray(self._sums[_SUMS.index(name)].reshape(-1, self._features))

    def _share(self, name: str) -> Array:
        count = self._of("count").sum(axis=0)
        return np.asarray(np.where(count > 0, self._of(name).sum(axis=0) / np.maximum(count, 1e-12), np.nan))

    @property
    def count(self) -> Array:
        """Resolved forecasts per feature, (F,)."""
        return np.asarray(self._of("count").sum(axis=0))

    @property
    def coverage(self) -> Array:
        """Share inside the 90 % interval per feature, (F,); NaN where nothing is resolved."""
        return self._share("inside")

    @property
    def within(self) -> Array:
        """Share within the smallest deviation worth an alarm per feature, (F,)."""
        return self._share("hit")

    @property
    def brier(self) -> Array:
        """Mean squared difference of confidence and outcome per feature, (F,); 0 is perfect, lower is better."""
        return self._share("brier")

    @property
    def skill(self) -> Array:
        """1 - error / error of the better naive forecast per feature, (F,); above 0 is better than naive.

        Errors of different APIs are added in units of each API's mean smallest deviation worth an alarm, or of its
        error by the last value where the feature has none.
        """
        count = np.maximum(self._of("count"), 1e-12)
        unit = np.where(self._of("worth") > 0, self._of("worth"), self._of("last")) / count
        unit = np.where(unit > 0, unit, np.inf)
        ours, last, seasonal = ((self._of(n) / unit).sum(axis=0) for n in ("error", "last", "seasonal"))
        better = np.minimum(last, seasonal)
        return np.asarray(np.where(better > 0, 1 - ours / np.where(better > 0, better, 1.0), np.nan))

    def rearrange(self, columns: Columns) -> None:
        """Take over other series, -1 for new ones."""
        self._sums = rearranged(self._sums, columns, 0.0)
