"""The rules of github.com/grafana/promql-anomaly-detection, expressed in arrays; written from their description.

Both keep their own constants. A rule's window is that span of rows; where rows are so far apart
that the adaptive rules' hour would be fewer than twelve, it is twelve rows (an hour of one row equals its mean and could
never be outside), and it lies around the same time of a day or a week ago, as their offsets have it. Zero and negative values are no samples to these rules ("> 0"). An alert
must hold for 5 minutes, that is the next row where rows are closer.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.score import Array, Flags, Series

MULTIPLIER, MARGIN, VARIATION = 2.0, 0.5, 0.5
"""Deviations in half a band; least half band as a share of its middle; deviations count from this share of the mean."""
HOUR, DAY = 3600.0, 86400.0
LEAST = 12
FOR = 300.0


def adaptive(series: Series) -> tuple[Array, dict[float, Flags]]:
    """Mean of an hour, with the mean of a day of its larger deviations, and bands of a day and a week ago."""
    value, rows = _positive(series), _rows(series)
    width = max(LEAST, rows(HOUR))
    hour = value.rolling(width, min_periods=1)
    middle, deviation = hour.mean(), hour.std(ddof=0)
    large = deviation.where(deviation > VARIATION * middle)
    smooth = large.rolling(max(width, rows(26 * HOUR)), min_periods=1).mean()
    half = MULTIPLIER * smooth
    ago = [
        (middle.shift(rows(t) - width // 2), MULTIPLIER * deviation.shift(rows(t) - width // 2))
        for t in (7 * DAY, DAY)
    ]
    return _answer(series, value, [(middle, half), (middle, MARGIN * middle), *ago])


def robust(series: Series) -> tuple[Array, dict[float, Flags]]:
    """Median of a day and the median absolute deviation from it; what is judged is the median of an hour."""
    value, rows = _positive(series), _rows(series)
    day = rows(DAY)
    middle = value.rolling(day, min_periods=1).median()
    deviation = (value - middle).abs().rolling(day, min_periods=1).median()
    level = value.rolling(rows(HOUR), min_periods=1).median()
    own = (value - level).abs().rolling(rows(HOUR), min_periods=1).median()
    ago = [(level.shift(rows(t)), MULTIPLIER * own.shift(rows(t))) for t in (167.75 * HOUR, 23.75 * HOUR)]
    return _answer(series, level, [(middle, MULTIPLIER * deviation), (middle, MARGIN * middle), *ago])


def _positive(series: Series) -> pd.Series[float]:
    value = pd.Series(series.value)
    return value.where(value > 0)


def _rows(series: Series) -> Callable[[float], int]:
    """How many rows a span of seconds has."""
    return lambda seconds: max(1, round(seconds / series.step))


def _answer(
    series: Series, level: pd.Series[float], bands: list[tuple[pd.Series[float], pd.Series[float]]]
) -> tuple[Array, dict[float, Flags]]:
    """Outside the widest of the bands, for five minutes; scored by the distance from its middle in half bands."""
    lower = np.fmax(np.fmin.reduce([(m - h).to_numpy() for m, h in bands]), 0.0)
    upper = np.fmax.reduce([(m + h).to_numpy() for m, h in bands])
    seen: Array = np.asarray(level, dtype=np.float64)
    outside = (seen < lower) | (seen > upper)
    need = 1 + (int(np.ceil(FOR / series.step)) if series.step < FOR else 0)
    held = pd.Series(outside).rolling(need, min_periods=need).sum().to_numpy() >= need
    return squashed(seen, lower, upper), dict.fromkeys((0.25, 1.0), held)


def squashed(seen: Array, lower: Array, upper: Array) -> Array:
    """Distance from the middle of a band in half bands, x, as x / (1 + x): .5 at its edge, 0 where nothing is known."""
    half = np.maximum((upper - lower) / 2, 1e-12)
    away = np.abs(seen - (upper + lower) / 2) / half
    return np.asarray(np.nan_to_num(away / (1 + away), nan=0.0, posinf=1.0))
