"""Detection quality on telemetry that nobody here drew: `python -m benchmarks.quality --data DIR`.

Every CSV (timestamp, value) of the folder is replayed as an API of its own with default settings, by the code that
`rapidapi-ml replay --csv` runs, and scored by `benchmarks.score`. The folder holds labels.json; QUALITY_DATA or
../shared/bench/dev where it exists, unless told otherwise.

Prints one JSON document: figures by source and kind at a promise of 0.25, 1 and 4 false episodes per series-week, the
promise against what came, and the CPU time of scoring.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

from benchmarks.score import Array, Flags, Series, detection, events, load
from ml_sidecar.features import Feature
from ml_sidecar.replay import replay_table
from ml_sidecar.replay_table import read_table
from ml_sidecar.results import threshold_of

BUDGETS = (0.25, 1.0, 4.0)
FEATURE = Feature("value")
DEFAULT_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "bench" / "dev"


def replayed(path: Path) -> tuple[Array, list[Flags], float]:
    """Scores of every row, open episodes at each budget, and CPU seconds."""
    table = read_table(path, (FEATURE,), entity_column=None, timestamp_column="timestamp")
    begun = time.process_time()
    answers, _ = replay_table(table, (FEATURE,), [threshold_of(budget) for budget in BUDGETS])
    return answers.score, list(answers.is_anomaly), time.process_time() - begun


def realised(series: Sequence[Series], flags: Mapping[str, Flags], promised: float) -> dict[str, float]:
    """False episodes per series-week against the promise, with the 95 % interval of a Poisson count (Garwood 1936)."""
    found = events(series, flags)
    count, weeks = found["false"], max(found["weeks"], 1e-9)
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    figures = {"promised": promised, "realised": count / weeks, "low": low / weeks, "high": high / weeks}
    return {name: round(float(figure), 3) for name, figure in figures.items()} | {
        "ratio": round(count / weeks / promised, 2)
    }


def report(root: Path, only: str = "") -> dict[str, Any]:
    """Replay and score the series of a folder whose name contains `only`."""
    series = [s for s in load(root) if only in s.name]
    scores: dict[str, Array] = {}
    flags: list[dict[str, Flags]] = [{} for _ in BUDGETS]
    cost = 0.0
    for s in series:
        scores[s.name], found, seconds = replayed(root / f"{s.name}.csv")
        cost += seconds
        for mine, flag in zip(flags, found, strict=True):
            mine[s.name] = flag
    by_budget = dict(zip(BUDGETS, flags, strict=True))
    return {
        "series": len(series),
        "rows": sum(s.n for s in series),
        "cpu_seconds_per_1000_rows": round(1000 * cost / max(1, sum(s.n for s in series)), 4),
        "promise": [realised(series, mine, budget) for budget, mine in by_budget.items()],
        "worst_series_at_1": _worst(series, by_budget[1.0]),
        "at": {str(budget): detection(series, scores, mine) for budget, mine in by_budget.items()},
    }


def _worst(series: Sequence[Series], flags: Mapping[str, Flags]) -> dict[str, float]:
    """Share of series within three times the promise of 1 a week, and the highest rate."""
    rates = np.array([events([s], flags)["false_per_week"] for s in series])
    return {
        "share_within_3": round(float((rates <= 3.0).mean()), 3),
        "highest": float(rates.max(initial=0.0)),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("QUALITY_DATA", DEFAULT_DATA)))
    parser.add_argument("--series", default="", help="only series whose name contains this")
    options = parser.parse_args()
    print(json.dumps(report(options.data, options.series), indent=1))  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
