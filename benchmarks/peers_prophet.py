"""The band of Prophet as github.com/AICoE/prometheus-anomaly-detector draws it."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers_rules import squashed
from benchmarks.score import DAY, Array, Flags, Series

Rows = NDArray[np.intp]
DAYS = 3
"""The detector's default training window."""


def band(series: Series) -> tuple[Array, dict[float, Flags]]:
    """Fitted at the end of each day on the last three, with daily, weekly and yearly seasons; silent before."""
    lower, upper = np.full(series.n, np.nan), np.full(series.n, np.nan)
    day = ((series.time - series.time[0]) // DAY).astype(int)
    for today in range(1, int(day[-1]) + 1):
        rows = np.flatnonzero(day == today)
        past = np.flatnonzero((day < today) & (day >= today - DAYS) & np.isfinite(series.value))
        if len(past) < 2 or not len(rows):
            continue
        found = _predicted(series, past, rows)
        lower[rows], upper[rows] = found["yhat_lower"].to_numpy(), found["yhat_upper"].to_numpy()
    outside = (series.value < lower) | (series.value > upper)
    return squashed(series.value, lower, upper), dict.fromkeys((0.25, 1.0), outside)


def _predicted(series: Series, past: Rows, rows: Rows) -> Any:  # noqa: ANN401 - a frame of a package without types
    prophet = import_module("prophet")  # not a dependency: only where it is installed

    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    np.random.seed(0)  # noqa: NPY002 - Prophet draws from the global generator
    times = pd.to_datetime(pd.Series(series.time), unit="s")
    model = prophet.Prophet(daily_seasonality=True, weekly_seasonality=True, yearly_seasonality=True)
    model.fit(pd.DataFrame({"ds": times[past].to_numpy(), "y": series.value[past]}))
    return model.predict(pd.DataFrame({"ds": times[rows].to_numpy()}))
