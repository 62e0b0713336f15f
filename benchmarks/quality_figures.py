"""From replayed series to figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import chi2

from benchmarks.quality_run import BUDGETS, Run
from benchmarks.score import Array, Flags, Series, detection, events

DEFAULT = BUDGETS[0]
RARITIES = {"at most 1": (0.0, 1.0), "1 to 2": (1.0, 2.0), "more than 2": (2.0, np.inf)}
"""Labelled incidents a week of a series: above the first, up to the second."""


def figures(series: Sequence[Series], run: Run) -> dict[str, Any]:
    """All figures of one run: cost, promise against what came, and detection by promise and source."""
    rows = sum(s.n for s in series)
    return {
        "series": len(series),
        "rows": rows,
        "cpu_seconds_per_1000_rows": round(1000 * run.cpu / max(1, rows), 4),
        "cpu_seconds_of_renewals": round(1000 * run.renewals / max(1, rows), 4),
        "promise": [realised(series, flags, budget) for budget, flags in run.flags.items()],
        "by_rarity": by_rarity(series, run.flags[DEFAULT]),
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


def by_rarity(series: Sequence[Series], flags: Mapping[str, Flags]) -> dict[str, dict[str, Any]]:
    """Events by source and by how many incidents a week are labelled in a series.

    What comes more often than a promise allows cannot all be told under it.
    """
    often = {s.name: events([s], flags)["events"] / max(s.weeks, 1e-9) for s in series}
    return {
        source: {
            name: events([s for s in series if s.source == source and low < often[s.name] <= high], flags)
            for name, (low, high) in RARITIES.items()
        }
        for source in sorted({s.source for s in series})
    }


def poisson_interval(count: int) -> tuple[float, float]:
    """Bounds of the mean of a Poisson count, 95 %."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return float(low), float(chi2.ppf(0.975, 2 * count + 2) / 2)


def _rates(series: Sequence[Series], flags: Mapping[str, Flags]) -> Array:
    return np.array([events([s], flags)["false_per_week"] for s in series], dtype=np.float64)
