"""A plain Isolation Forest, as a tutorial would build it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest

from benchmarks.score import DAY, WEEK, Array, Flags, Series

TREES = 100
WEEKS = 4.0
SPAN = 6 * 3600.0
BUDGETS = (0.25, 1.0)


def forest(series: Series) -> tuple[Array, dict[float, Flags]]:
    """Refitted at the end of each day on the last four weeks; silent on the first day.

    Score: scikit-learn's anomaly score, 0 to 1, higher is stranger.
    """
    columns = _columns(series)
    score = np.zeros(series.n)
    flags = {budget: np.zeros(series.n, dtype=bool) for budget in BUDGETS}
    day = ((series.time - series.time[0]) // DAY).astype(int)
    for today in range(1, int(day[-1]) + 1):
        rows = np.flatnonzero(day == today)
        past = np.flatnonzero((day < today) & (day >= today - 7 * WEEKS))
        if len(past) < 2 or not len(rows):
            continue
        model = IsolationForest(n_estimators=TREES, random_state=0).fit(columns[past])
        score[rows] = -model.score_samples(columns[rows])
        usual = -model.score_samples(columns[past])
        for budget, flag in flags.items():
            flag[rows] = score[rows] > _threshold(series.time[past], usual, budget)
    return score, flags


def _columns(series: Series) -> Array:
    value = pd.Series(series.value).ffill().fillna(0.0)
    hour = value.rolling(max(3, round(3600 / series.step)), min_periods=1)
    times = pd.to_datetime(pd.Series(series.time), unit="s")
    deviation = hour.std(ddof=0)
    return np.column_stack([value, hour.mean(), deviation, times.dt.hour, times.dt.day_of_week]).astype(
        np.float64
    )


def _threshold(times: Array, usual: Array, budget: float) -> float:
    """What the most extreme rows of so many six-hour spans of the past reach as the promise allows."""
    _, span = np.unique(times // SPAN, return_inverse=True)
    peaks = np.zeros(span.max() + 1)
    np.maximum.at(peaks, span, usual)
    allowed = int(budget * (times[-1] - times[0]) / WEEK)
    return float(np.sort(peaks)[::-1][min(allowed, len(peaks) - 1)])
