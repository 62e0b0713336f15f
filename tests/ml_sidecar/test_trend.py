from __future__ import annotations

import numpy as np
import pytest

from ml_sidecar.trend import performance_trend
from tests.ml_sidecar.fleets import DAY_ROWS, smooth_noise, window


def series(days: int, apis: int, memory: float = 0.95, seed: int = 0) -> np.ndarray:
    """Smooth noise around 10 with a daily rhythm, (T, A, 1)."""
    rows = days * DAY_ROWS
    wave = np.sin(2 * np.pi * np.arange(rows) / DAY_ROWS)[:, None]
    return (10 + 3 * wave + smooth_noise(np.random.default_rng(seed), rows, apis, memory))[:, :, None]


def slope(values: np.ndarray) -> np.ndarray:
    """Trend per API."""
    return performance_trend(window(values, ("value",)))[:, 0]


@pytest.mark.parametrize(("days", "true"), [(7, 0.8), (28, 0.1)])
def test_a_real_slope_is_found(days: int, true: float) -> None:
    """A lasting slope is reported in the feature's unit per day."""
    values = series(days, 20) + true * (np.arange(days * DAY_ROWS) / DAY_ROWS)[:, None, None]
    found = slope(values)
    assert (found != 0).mean() >= 0.75
    assert found[found != 0] == pytest.approx(true, rel=0.5)


@pytest.mark.parametrize(("days", "memory"), [(7, 0.95), (28, 0.95), (28, 0.995)])
def test_noise_is_no_trend(days: int, memory: float) -> None:
    """Noise without a slope, smooth or not, shows a trend in about one API of ten at most."""
    assert (slope(series(days, 200, memory)) != 0).mean() < 0.1


def test_an_outage_day_is_no_trend() -> None:
    """One terrible day, the last one included, does not make a trend."""
    values = series(14, 100)
    values[-DAY_ROWS:] += 500.0
    assert (slope(values) != 0).mean() < 0.12


def with_quiet_weekends(values: np.ndarray, dip: float) -> np.ndarray:
    """The values with Saturdays and Sundays lower by `dip`."""
    weekday = (np.floor(window(values, ("value",)).times / 86400) + 3) % 7
    return values - np.where(weekday >= 5, dip, 0.0)[:, None, None]


def test_weekends_are_no_trend() -> None:
    """A window that holds more weekends at one end shows no trend."""
    assert (slope(with_quiet_weekends(series(19, 100), 6.0)) != 0).mean() < 0.1


def test_weekends_hide_no_trend() -> None:
    """A lasting slope is found beneath a weekly rhythm."""
    values = series(19, 50) + 0.1 * (np.arange(19 * DAY_ROWS) / DAY_ROWS)[:, None, None]
    assert (slope(with_quiet_weekends(values, 2.0)) > 0).mean() > 0.7


def test_excluded_rows_do_not_count() -> None:
    """Values in excluded spans do not move the trend."""
    values = series(10, 2)
    excluded = np.zeros(values.shape[:2], dtype=bool)
    excluded[5 * DAY_ROWS :: 2, 0] = True
    spoiled = values.copy()
    spoiled[excluded] = 1000.0
    one, other = (performance_trend(window(v, ("value",)), excluded) for v in (values, spoiled))
    assert np.array_equal(one, other)


def test_little_history_says_nothing() -> None:
    """Four days are too few for a trend: 0; an API that never reported has none: NaN."""
    values = series(4, 2) + np.arange(4 * DAY_ROWS)[:, None, None]
    values[:, 1] = np.nan
    found = slope(values)
    assert found[0] == 0
    assert np.isnan(found[1])
    assert slope(values[:10])[0] == 0
    assert performance_trend(window(np.empty((0, 0, 1)), ("value",))).shape == (0, 1)
