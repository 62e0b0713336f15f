"""The lasting direction of each feature, or 0 where the data do not show one.

Daily means (which cancel the daily rhythm) through the Theil-Sen slope with Sen's interval (Sen 1968; Gilbert 1987,
16.4.3), whose Kendall variance is corrected for autocorrelation after Yue and Wang (2004). From two weeks on, the
difference between working days and weekends is taken out first.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ml_sidecar.features import Array, Mask, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.forecast.arrays import mean, median

_DAY: Final = 86400.0
_LEAST_DAYS: Final = 5
_LEAST_SHARE: Final = 0.25
_Z: Final = 1.959964


def performance_trend(
    window: Window, excluded: Mask | None = None, local_time: LocalTime | None = None
) -> Array:
    """Robust slope of each feature, in its unit per day.

    Args:
        window: history on the grid; whole days are counted back from its end.
        excluded: (T, A), True where the API was known to be bad; such rows do not count.
        local_time: for telling weekends from working days.

    Returns:
        (A, F); 0 unless the 95 % interval excludes 0, NaN for an API and feature without any value.
    """
    values = window.values if excluded is None else np.where(excluded[:, :, None], np.nan, window.values)
    count, features = len(window.entities), len(window.features)
    daily = _daily_means(values.reshape(len(values), count * features), window.step)
    if len(daily) >= 14:
        middays = window.end - _DAY * (np.arange(len(daily), dtype=np.float64)[::-1] + 0.5)
        local = (local_time or LocalTime()).local(middays, window.entities)
        weekend = np.repeat((np.floor(local / _DAY) + 3) % 7 >= 5, features, axis=1)
        daily = _without_weekends(daily, weekend)
    slope = _significant_slope(daily)
    seen = np.isfinite(values).any(axis=0)
    return np.where(seen, slope.reshape(count, features), np.nan)


def _daily_means(values: Array, step: float) -> Array:
    """(D, S) over days counted back from the end; NaN for a day with less than a quarter of its rows."""
    rows = max(1, round(_DAY / step))
    days = len(values) // rows
    blocks = values[len(values) - days * rows :].reshape(days, rows, values.shape[1]).transpose(1, 0, 2)
    share = np.isfinite(blocks).mean(axis=0)
    return np.where(share >= _LEAST_SHARE, mean(blocks), np.nan)


def _without_weekends(daily: Array, weekend: Mask) -> Array:
    """Weekends moved by the median difference to working days, the present slope apart."""
    days = np.arange(len(daily), dtype=np.float64)[:, None]
    flat = daily - _sen(daily)[0] * days
    working, free = (median(np.where(weekend == kind, flat, np.nan)) for kind in (False, True))
    shift = np.nan_to_num(free - working)
    return daily - np.where(weekend, shift, 0.0)


def _pairs(daily: Array) -> tuple[Array, Array]:
    """Slopes of all pairs of days (P, S), NaN where one is missing, and Kendall's S (S,)."""
    first, second = np.triu_indices(len(daily), 1)
    slopes = (daily[second] - daily[first]) / (second - first)[:, None]
    return slopes, np.nansum(np.sign(slopes), axis=0)


def _sen(daily: Array) -> tuple[Array, Array]:
    """Theil-Sen slope (S,), 0 where there are no two days, and the sorted slopes of all pairs."""
    ordered = np.sort(_pairs(daily)[0], axis=0)
    return (np.nan_to_num(median(ordered)) if len(ordered) else np.zeros(daily.shape[1])), ordered


def _significant_slope(daily: Array) -> Array:
    if len(daily) < _LEAST_DAYS:
        return np.zeros(daily.shape[1])
    slope, ordered = _sen(daily)
    days = np.isfinite(daily).sum(axis=0)
    variance = days * (days - 1) * (2 * days + 5) / 18.0 * _variance_inflation(daily, slope)
    reach = _Z * np.sqrt(variance)
    pairs = np.isfinite(ordered).sum(axis=0)
    low = np.floor((pairs - reach) / 2).astype(np.int64) - 1
    high = np.ceil((pairs + reach) / 2).astype(np.int64)
    sure = (days >= _LEAST_DAYS) & (low >= 0) & (high < pairs)
    last = len(ordered) - 1
    lower = np.take_along_axis(ordered, np.clip(low, 0, last)[None], 0)[0]
    upper = np.take_along_axis(ordered, np.clip(high, 0, last)[None], 0)[0]
    return np.where(sure & ((lower > 0) | (upper < 0)), slope, 0.0)


def _variance_inflation(daily: Array, slope: Array) -> Array:
    """Factor, at least 1, by which day-to-day correlation raises the variance of Kendall's S.

    n / n* of Yue and Wang (2004) for first-order autocorrelation, which short series understate; hence the
    correction (n r + 2) / (n - 4) of Orcutt and Winokur (1969).
    """
    total = len(daily)
    flat = daily - slope * np.arange(total, dtype=np.float64)[:, None]
    # Ranks, so that one terrible day does not hide the correlation of the others.
    ranks = np.where(np.isfinite(flat), flat.argsort(axis=0).argsort(axis=0), np.nan)
    away = np.nan_to_num(ranks - mean(ranks))
    power = np.maximum(np.square(away).sum(axis=0), 1e-12)
    raw = (away[1:] * away[:-1]).sum(axis=0) / power
    correlation = np.clip((total * raw + 2) / (total - 4), 0.0, 0.9)
    lags = np.arange(1, total, dtype=np.float64)[:, None]
    return np.asarray(1 + 2 * ((1 - lags / total) * correlation**lags).sum(axis=0))
