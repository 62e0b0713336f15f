"""Detection quality on telemetry that nobody here drew: `python -m benchmarks.quality --data DIR`.

Every CSV (timestamp, value) of the folder is replayed as an API of its own with default settings, by the code that
`rapidapi-ml replay --csv` runs, on two cores, and scored by `benchmarks.score`. The folder holds labels.json;
QUALITY_DATA or ../shared/bench/dev where it exists, unless told otherwise; `python -m benchmarks.prepare` builds one.

Prints one JSON document: figures by source and kind at a promise of 0.25, 1 and 4 false episodes per series-week, the
promise against what came, and the CPU time of scoring. With `--write` the same, ablations (and with `--forecasts`
forecasts) go into a Markdown document.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import forecast, quality_bundles, quality_joint, quality_text
from benchmarks.quality_figures import figures
from benchmarks.quality_run import GROSS, run, spread
from benchmarks.score import Series, load
from ml_sidecar.models.anomaly.views import FAMILIES

DEFAULT_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "bench" / "dev"


def report(root: Path, only: str = "", silent: Sequence[str] = ()) -> dict[str, Any]:
    """Replay and score the series of a folder whose name contains `only`, with parts of the detector silent."""
    series = chosen(root, only)
    return figures(series, run(root, series, silent))


def chosen(root: Path, only: str = "") -> list[Series]:
    """The labelled series of a folder whose name contains `only`."""
    return [s for s in load(root) if only in s.name]


def ablations(root: Path, only: str = "") -> dict[str, dict[str, Any]]:
    """Figures without each part of the detector that one feature alone puts to use."""
    return {part: report(root, only, [part]) for part in (*FAMILIES, GROSS)}


def forecast_figures(root: Path, only: str = "") -> dict[str, float]:
    """Forecast figures over all series, as `benchmarks.forecast` computes them."""
    series = chosen(root, only)
    paths = [root / f"{s.name}.csv" for s in series]
    rows = spread(_forecast, [(path,) for path in paths], [s.n for s in series])
    return forecast.summary(pd.DataFrame([row for row in rows if row]))


def _forecast(path: Path) -> dict[str, float] | None:
    series = forecast.Series(path)
    return forecast.judge(series, forecast.forecasts(series))


def main() -> None:
    """Print the figures as JSON, and write the document if told to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("QUALITY_DATA", DEFAULT_DATA)))
    parser.add_argument("--series", default="", help="only series whose name contains this")
    parser.add_argument("--write", type=Path, help="write ablations and all tables into this document")
    parser.add_argument("--forecasts", action="store_true", help="measure forecasts, too (5 CPU-minutes)")
    options = parser.parse_args()
    root: Path = options.data
    if not (root / "labels.json").is_file():
        parser.error(
            f"{root} holds no labels.json; `python -m benchmarks.prepare --help` says how to build it"
        )
    measured = report(root, options.series)
    print(json.dumps(measured, indent=1))  # noqa: T201 - a command's output
    if options.write:
        forecasts = forecast_figures(root, options.series) if options.forecasts else None
        joint = quality_joint.measure()
        bundles = None if options.series else quality_bundles.measure(root)
        text = quality_text.document(measured, ablations(root, options.series), joint, forecasts, bundles)
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
