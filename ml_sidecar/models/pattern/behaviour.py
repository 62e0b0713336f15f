"""A day of an API in eight numbers that say how it behaves, not how big it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ml_sidecar.features import Array, Direction, Feature, Mask, Window
from ml_sidecar.models.forecast.arrays import mean, median

TRAITS: Final = ("silence", "failing", "bursts", "slower", "jitter", "spells", "rhythm", "traffic")
"""Columns of a behaviour vector, each about 0 to 1:

silence: share of rows without a value or without traffic, excluded rows apart.
failing: square root of the mean share by which bounded features (percentages, ratios) miss their good end.
bursts: square root of the range of that share between the day's worst hour and its median hour.
slower: how far the median of the remaining bad-above features lies above the API's usual one; 1 is twice as much.
jitter: their relative interquartile range within an hour, the median hour's.
spells: share of hours in which they exceed their daily wave by half the day's median, times four, at most 1.
rhythm: share of the variance of hourly values that one wave a day explains, damped where they hardly vary.
traffic: how far the remaining features (traffic) lie above or below the API's usual; 1 is a factor of two."""

_HOUR: Final = 3600.0
_WAVE_NOISE: Final = 0.05


def describe_day(
    window: Window, features: Sequence[Feature], usual: Array, excluded: Mask | None = None
) -> Array:
    """Behaviour over the window, usually 24 h.

    Args:
        window: (T, A, F) on the grid.
        features: F features, in the window's order.
        usual: (A, F), each API's usual median, NaN where not known.
        excluded: (T, A), rows that say nothing; their values must be NaN.

    Returns:
        (A, len(TRAITS)); NaN rows for APIs without any value.
    """
    values = window.values
    hourly = _hourly(values, window.step)
    middle = median(values)
    bounded = [i for i, f in enumerate(features) if _bounded(f)]
    loads = [i for i, f in enumerate(features) if not _bounded(f) and f.direction is Direction.ABOVE]
    others = [i for i in range(len(features)) if i not in (*bounded, *loads)]
    shares = np.stack([_badness(hourly[:, :, i], features[i]) for i in bounded]) if bounded else None
    vector = np.stack(
        [
            _silence(values, others, excluded),
            _root(_worst([mean(x) for x in shares])) if shares is not None else _nothing(values),
            _root(_worst([np.fmax.reduce(x, axis=0) - median(x) for x in shares]))
            if shares is not None
            else _nothing(values),
            _worst([_ratio(middle[:, i], usual[:, i]) for i in loads], values),
            _worst([_jitter(values[:, :, i], window.step) for i in loads], values),
            _worst([_spells(hourly[:, :, i]) for i in loads], values),
            _worst([_rhythm(hourly[:, :, i]) for i in (*loads, *others)], values),
            _worst([_ratio(middle[:, i], usual[:, i]) for i in others], values),
        ],
        axis=1,
    )
    seen = np.asarray(np.isfinite(values).any(axis=(0, 2)))
    return np.where(seen[:, None], np.nan_to_num(np.clip(vector, -1.0, 1.0)), np.nan)


def _bounded(feature: Feature) -> bool:
    return bool(np.isfinite(feature.maximum - feature.minimum)) and feature.direction is not Direction.BOTH


def _nothing(values: Array) -> Array:
    return np.zeros(values.shape[1])


def _worst(parts: Sequence[Array], values: Array | None = None) -> Array:
    if not len(parts):
        return _nothing(values) if values is not None else np.zeros(0)
    return np.asarray(np.fmax.reduce(list(parts), axis=0))


def _root(share: Array) -> Array:
    return np.sqrt(np.maximum(share, 0.0))


def _hourly(values: Array, step: float) -> Array:
    """Hourly means (hours, A, F); rows short of a whole hour at the beginning are left out."""
    rows = max(1, round(_HOUR / step))
    hours = max(1, len(values) // rows)
    blocks = values[max(0, len(values) - hours * rows) :].reshape(hours, -1, *values.shape[1:])
    return mean(blocks.transpose(1, 0, 2, 3))


def _badness(values: Array, feature: Feature) -> Array:
    """Share of the valid range between the good end and the value, 0 to 1."""
    good = feature.maximum if feature.direction is Direction.BELOW else feature.minimum
    return np.abs(values - good) / (feature.maximum - feature.minimum)


def _silence(values: Array, others: Sequence[int], excluded: Mask | None) -> Array:
    absent: Mask = np.asarray(~np.isfinite(values).any(axis=2))
    for i in others:
        absent |= values[:, :, i] == 0.0
    if excluded is None:
        return np.asarray(absent.mean(axis=0))
    return np.asarray((absent & ~excluded).sum(axis=0) / np.maximum((~excluded).sum(axis=0), 1))


def _ratio(value: Array, usual: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((value > 0) & (usual > 0), np.log2(value / usual), 0.0)


def _jitter(values: Array, step: float) -> Array:
    """Interquartile range within an hour over its median, of the median hour; 0 where an hour is one row."""
    rows = max(1, round(_HOUR / step))
    hours = len(values) // rows
    if rows < 4 or not hours:
        return np.zeros(values.shape[1])
    blocks = np.sort(values[len(values) - hours * rows :].reshape(hours, rows, -1), axis=1)
    low, middle, high = blocks[:, rows // 4], blocks[:, rows // 2], blocks[:, (3 * rows) // 4]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = median(np.where(middle > 0, (high - low) / middle, np.nan))
    return np.nan_to_num(spread)


def _wave(hourly: Array) -> Array:
    """The wave of 24 h in hourly values, (hours, A), mean 0; 0 for less than half a day."""
    hours = len(hourly)
    if hours < 12:
        return np.zeros_like(hourly)
    away = np.nan_to_num(hourly - mean(hourly))
    angle = 2 * np.pi * np.arange(hours)[:, None] / 24.0
    sine, cosine = np.sin(angle), np.cos(angle)
    wave = (away * sine).sum(axis=0) * sine + (away * cosine).sum(axis=0) * cosine
    return np.asarray(2 / hours * wave)


def _spells(hourly: Array) -> Array:
    with np.errstate(invalid="ignore"):
        slow = hourly - _wave(hourly) > 1.5 * median(hourly)
    return np.asarray(np.minimum(4 * slow.mean(axis=0), 1.0))


def _rhythm(hourly: Array) -> Array:
    """Share of the variance that the daily wave explains, damped where hourly values hardly vary."""
    middle = mean(hourly)
    power = np.square(np.nan_to_num(hourly - middle)).mean(axis=0)
    wave = np.square(_wave(hourly)).mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.sqrt(power) / np.abs(middle)
        share = np.where(power > 0, np.minimum(wave / power, 1.0), 0.0)
        return np.where(middle != 0, share * relative / (relative + _WAVE_NOISE), 0.0)
