"""From replayed series to figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2

from benchmarks.quality_run import Run
from benchmarks.score import Array, Flags, Series, detection, events


def figures(series: Sequence[Series], run: Run) -> dict[str, Any]:
    """All figures of one run: cost, promise against what came, and detection by promise and source."""
    rows = sum(s.n for s in series)
    return {
        "series": len(series),
        "rows": rows,
        "cpu_seconds_per_1000_rows": round(1000 * run.cpu / max(1, rows), 4),
        "cpu_seconds_of_renewals": round(1000 * run.renewals / max(1, rows), 4),
        "promise": [realised(series, flags, budget) for budget, flags in run.flags.items()],
        "at": {str(budget): detection(series, run.scores, flags) for budget, flags in run.flags.items()},
    }


def realised(series: Sequence[Series], flags: Mapping[str, Flags], promised: float) -> dict[str, float]:
    """False episodes per series-week against the promise, with the 95 % interval of a Poisson count (Garwood 1936).

    Pooled over all series-weeks; `within_3` is the share of series with no more than three times the promise.
    """
    found = events(series, flags)
    count, weeks = found["false"], max(found["weeks"], 1e-9)
    rates = _rates(series, flags)
    low, high = poisson_interval(count)
    exact = {
        "promised": promised,
        "realised": count / weeks,
        "low": low / weeks,
        "high": high / weeks,
        "ratio": count / weeks / promised,
        "within_3": float((rates <= 3 * promised).mean()) if len(rates) else float("nan"),
        "highest": float(rates.max(initial=0.0)),
    }
    return {name: round(float(figure), 3) for name, figure in exact.items()}


def poisson_interval(count: int) -> tuple[float, float]:
    """Bounds of the mean of a Poisson count, 95 %."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low), float(chi2.ppf(0.975, 2 * count + 2) / 2)


def _rates(series: Sequence[Series], flags: Mapping[str, Flags]) -> Array:
    return np.array([events([s], flags)["false_per_week"] for s in series], dtype=np.float64)
