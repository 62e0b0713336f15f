"""Forecast quality on telemetry that nobody here drew: `python -m benchmarks.forecast --data DIR`.

Every CSV (timestamp, value) of the folder is replayed as an API of its own with one feature, by the same code and the
same settings as in service: each forecast is made from what was known then. Figures as in the detection benchmark:
error against the seasonal naive (a week ago where the series is longer than three weeks, else a day ago) and against
the last value, geometric means over series; share of values inside the 90 % interval.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import typer

from ml_sidecar.features import Array, Entity, Feature, Window
from ml_sidecar.models.performance_predictor import PerformancePredictor
from ml_sidecar.results import Forecasts

_DAY = 86400.0
_WARM = 24
_FEATURE = Feature("value")
_DEFAULT_DATA = Path(__file__).parents[1] / "../shared/bench/dev"


class Series:
    """One CSV: times (N,) in seconds, values (N,), and their rows on a regular grid."""

    def __init__(self, path: Path) -> None:
        table = pd.read_csv(path)
        self.name = path.stem
        self.time = _epoch(table["timestamp"])
        self.value = pd.to_numeric(table["value"], errors="coerce").to_numpy(np.float64)
        gaps = np.diff(self.time[:_WARM])
        self.step = float(np.median(gaps[gaps > 0]))
        self.row = np.round((self.time - self.time[0]) / self.step).astype(np.int64)

    def window(self) -> Window:
        """The grid of the series, aligned to the epoch; the first value of a slot counts."""
        rows, first = np.unique(self.row, return_index=True)
        values = np.full((int(rows[-1]) + 1, 1, 1), np.nan)
        values[rows, 0, 0] = self.value[first]
        start = round(self.time[0] / self.step) * self.step
        return Window(start, self.step, (Entity(self.name, "benchmark"),), (_FEATURE.name,), values)


def _epoch(column: pd.Series) -> Array:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64)
    times = pd.to_datetime(column, format="ISO8601", utc=True)
    return times.dt.tz_localize(None).to_numpy("datetime64[s]").astype(np.int64).astype(np.float64)


def forecasts(series: Series) -> pd.DataFrame:
    """All forecasts of one series: issued_at and target in seconds, predicted, lower, upper."""
    window = series.window()
    at = {int(row): moment for row, moment in zip(series.row[::-1], series.time[::-1], strict=True)}
    predictor = PerformancePredictor([_FEATURE], step=series.step)
    rows = [row for issued in predictor.replay(window) for row in _rows(issued, window, at)]
    table = pd.DataFrame(rows, columns=["issued_at", "target", "predicted", "lower", "upper"])
    return table.dropna().reset_index(drop=True)


def _rows(issued: Forecasts, window: Window, at: dict[int, float]) -> Iterator[tuple[float, ...]]:
    moment = at.get(round((issued.issued_at - window.start) / window.step))
    if moment is None:
        return
    for j, horizon in enumerate(issued.horizons):
        shown = (issued.predicted, issued.lower, issued.upper)
        yield (moment, moment + horizon, *(float(x[0, 0, j]) for x in shown))


def judge(series: Series, table: pd.DataFrame) -> dict[str, float] | None:
    """Figures of one series, None where too little of it can be judged (as the detection benchmark's scorer does)."""
    value = pd.Series(series.value).ffill().to_numpy()
    at = np.searchsorted(series.time, table["issued_at"], side="right") - 1
    to = np.searchsorted(series.time, table["target"])
    gaps = np.diff(series.time)
    step = float(np.median(gaps[gaps > 0]))
    season = round((7 if series.time[-1] - series.time[0] > 21 * _DAY else 1) * _DAY / step)
    probation = int(min(0.15 * len(value), 750 if series.name.startswith("nab") else np.inf))
    keep = (to < len(value)) & (at >= max(probation, season)) & (to >= season) & (to - season <= at)
    keep &= np.isfinite(series.value[np.clip(to, 0, len(value) - 1)])
    table, at, to = table[keep], at[keep], to[keep]
    if len(table) < 20:
        return None
    actual = series.value[to]
    naive, last = np.abs(actual - value[to - season]).mean(), np.abs(actual - value[at]).mean()
    if min(naive, last) < 1e-9 * (1 + np.abs(actual).mean()):
        return None
    ours = np.abs(actual - table["predicted"]).mean()
    inside = (actual >= table["lower"]) & (actual <= table["upper"])
    return {"vs_seasonal": ours / naive, "vs_last": ours / last, "coverage": inside.mean()}


def summary(figures: pd.DataFrame) -> dict[str, float]:
    """Means over all series."""
    return {
        "series": len(figures),
        "mae_vs_seasonal_naive": float(np.exp(np.log(figures["vs_seasonal"].clip(1e-6)).mean())),
        "mae_vs_last_value": float(np.exp(np.log(figures["vs_last"].clip(1e-6)).mean())),
        "coverage": float(figures["coverage"].mean()),
        "series_with_coverage_86_94": float(figures["coverage"].between(0.86, 0.94).mean()),
    }


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=_DEFAULT_DATA)
    parser.add_argument("--out", type=Path, help="write one CSV of forecasts per series here")
    parser.add_argument("--every", type=int, default=1, help="only every n-th series")
    options = parser.parse_args()
    rows, began, seen = [], time.process_time(), 0
    for path in sorted(options.data.glob("*.csv"))[:: options.every]:
        series = Series(path)
        table = forecasts(series)
        seen += len(series.time)
        if options.out:
            _write(table, options.out / path.name)
        figures = judge(series, table)
        if figures:
            rows.append({"series": series.name, **figures})
            typer.echo(f"{series.name:60} " + "  ".join(f"{k} {v:.3f}" for k, v in figures.items()))
    cpu = time.process_time() - began
    report = summary(pd.DataFrame(rows)) | {
        "cpu_seconds": cpu,
        "cpu_seconds_per_1000_rows": 1000 * cpu / max(seen, 1),
    }
    typer.echo(json.dumps({k: round(v, 4) for k, v in report.items()}))


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = table.copy()
    for column in ("issued_at", "target"):
        shown[column] = pd.to_datetime(shown[column], unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    shown.to_csv(path, index=False, float_format="%.10g")


if __name__ == "__main__":
    main()
