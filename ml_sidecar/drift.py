"""Whether features still look as they did when the models learnt them: the population stability index.

PSI = sum over bins of (p - q) ln(p / q), p and q being the shares of the recent and the former values in ten bins of
equal former share (Siddiqi 2006). Above 0.2 is a drift, below 0.1 is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ml_sidecar.features import Array, Feature, Window
from ml_sidecar.models.forecast.arrays import median

_BINS: Final = 10
_PSEUDO: Final = 0.5
_LEAST_ROWS: Final = 100


def population_stability(recent: Window, reference: Window, features: Sequence[Feature]) -> Array:
    """Population stability index per feature, pooled over all APIs, each in units of its own usual values.

    Args:
        recent: usually the last day.
        reference: usually the training window.
        features: F features that both windows hold.

    Returns:
        (F,), at least 0, higher is a stronger drift; NaN where either side has fewer than 100 values. Only APIs
        that both windows know count.
    """
    reference = reference.of([e for e in reference.entities if e in set(recent.entities)])
    recent = recent.of(reference.entities)
    return np.array([_index(*_standardised(recent, reference, f)) for f in features])


def _standardised(recent: Window, reference: Window, feature: Feature) -> tuple[Array, Array]:
    """Recent and former values in multiples of the API's own spread, at least the smallest deviation; NaN left out."""
    now = recent.values[:, :, recent.features.index(feature.name)]
    former = reference.values[:, :, reference.features.index(feature.name)]
    middle = median(former)
    spread = np.maximum(median(np.abs(former - middle)), feature.worth_alarm(middle))
    spread = np.where(spread > 0, spread, 1.0)
    both = [(x - middle) / spread for x in (now, former)]
    now, former = (x[np.isfinite(x)] for x in both)
    return now, former


def _index(now: Array, former: Array) -> float:
    if min(len(now), len(former)) < _LEAST_ROWS:
        return float("nan")
    edges = np.unique(np.quantile(former, np.linspace(0, 1, _BINS + 1)[1:-1]))
    shares = []
    for values in (now, former):
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1) + _PSEUDO
        shares.append(counts / counts.sum())
    recent, usual = shares
    return float(((recent - usual) * np.log(recent / usual)).sum())
