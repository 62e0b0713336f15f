"""Other detectors on the same series, scored by the same code: `python -m benchmarks.quality_peers --data DIR`.

- `forest`: a plain Isolation Forest on value, rolling mean and deviation of an hour, hour, weekday; refitted daily on the
  last four weeks; its threshold is what so many six-hour spans of those weeks exceed as the promise allows.
- `adaptive`, `robust`: the rules of github.com/grafana/promql-anomaly-detection in arrays, with their own constants.
- `prophet`: the 80 % band of Prophet as github.com/AICoE/prometheus-anomaly-detector draws it, fitted on the last three
  days, here once a day instead of every two hours; on every eighth series, since it is slow. Only where the package
  `prophet` is installed, which this project does not depend on.

Rules and bands have no knob for false alarms: they are measured with their own constants, and by the threshold on the
distance from the band's middle, in half bands, that the labels like best. Prints JSON; `--write` makes a document.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers_prophet, peers_rules
from benchmarks.peers_forest import forest
from benchmarks.quality import DEFAULT_DATA
from benchmarks.quality_run import spread
from benchmarks.quality_text import EVENTS, context, events_row, table
from benchmarks.score import Array, Flags, Series, detection, events, load

Answer = tuple[Array, dict[float, Flags]]
"""Scores of every row, 0 to 1, and alarms by promise."""
PEERS: dict[str, tuple[str, Callable[[Series], Answer]]] = {
    "forest": ("plain Isolation Forest", forest),
    "adaptive": ("Grafana's adaptive rules, own bands", peers_rules.adaptive),
    "robust": ("Grafana's robust rules, own bands", peers_rules.robust),
    "prophet": ("Prophet 80 % band", peers_prophet.band),
}
EVERY = {"prophet": 8}
PROMISING = ("forest",)
"""The peers that have a knob for false alarms."""
BUDGETS = (0.25, 1.0)
ABSENT = "not measured: the package prophet is not installed"
INTRODUCTION = """# Peers

Written by `python -m benchmarks.quality_peers --write docs/quality_peers.md`; do not edit. Measured on {date} with Python
{python}, numpy {numpy}, scikit-learn {sklearn}, on the series of [quality.md](quality.md), by the same scorer. Compare with
care: our detector was tuned on these series, the peers were not. What each is stands in
[benchmarks/quality_peers.py](../benchmarks/quality_peers.py). Prophet is no dependency of this project; where it is
missing, `pip install prophet` into an environment of its own, beside the project's dependencies, and run it there.

"""


def measure(root: Path, name: str) -> dict[str, Any]:
    """Figures of a peer by promise."""
    series = load(root)[:: EVERY.get(name, 1)]
    found = spread(_timed, [(name, s) for s in series], [s.n for s in series])
    scores = {s.name: answer[0] for s, (answer, _) in zip(series, found, strict=True)}
    figures: dict[str, Any] = {
        "series": len(series),
        "cpu_seconds_per_1000_rows": round(1000 * sum(cpu for _, cpu in found) / sum(s.n for s in series), 4),
    }
    for budget in BUDGETS:
        flags = {s.name: answer[1][budget] for s, (answer, _) in zip(series, found, strict=True)}
        figures[str(budget)] = {
            "by_source": detection(series, scores, flags),
            "all": events(series, flags),
        }
    return figures


def _timed(name: str, series: Series) -> tuple[Answer, float]:
    begun = time.process_time()
    with np.errstate(invalid="ignore", divide="ignore"):
        answer = PEERS[name][1](series)
    return answer, time.process_time() - begun


def document(found: dict[str, dict[str, Any]]) -> str:
    """The figures of all peers as Markdown."""
    rows: list[list[object]] = []
    scores: list[list[object]] = []
    for name, figures in found.items():
        title = f"{PEERS[name][0]} ({figures['series']} series)"
        for budget in map(str, BUDGETS if name in PROMISING else BUDGETS[-1:]):
            by_source = figures[budget]["by_source"]
            promise = budget if name in PROMISING else "none"
            rows += [
                [f"{title}, {source.upper()}, {promise}", *events_row(part["free"]["events"])]
                for source, part in by_source.items()
            ]
        nab = figures["1.0"]["by_source"].get("nab", {"free": {}, "best": {}})
        best = figures["1.0"]["by_source"]
        scores.append(
            [
                title,
                nab["free"].get("nab", {}).get("standard"),
                nab["best"].get("nab", {}).get("standard"),
                *(
                    best.get(source, {}).get("best", {}).get("events", {}).get("f1")
                    for source in ("nab", "cmd")
                ),
                figures["cpu_seconds_per_1000_rows"],
            ]
        )
    absent = [f"{title}: {ABSENT}.\n" for name, (title, _) in PEERS.items() if name not in found]
    circumstances = context({"series": 0, "rows": 0})
    header = ["", "NAB score at 1", "best NAB score", "best F1 NAB", "best F1 CMD", "CPU-s per 1,000 rows"]
    return "\n".join(
        [
            INTRODUCTION.format(**circumstances)
            + "## Incidents\n\nWithout labels.\n\n"
            + table(["peer, source, promise a week", *EVENTS], rows),
            "## NAB score, and best by labels\n\n" + table(header, scores),
            *absent,
        ]
    )


def main() -> None:
    """Print the figures as JSON, and write the document if told to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--only", choices=PEERS, action="append", help="these peers alone")
    parser.add_argument("--write", type=Path, help="write this document, too")
    options = parser.parse_args()
    names = [n for n in options.only or PEERS if n != "prophet" or find_spec("prophet")]
    found = {name: measure(options.data, name) for name in names}
    absent = {} if "prophet" in names or options.only else {"prophet": ABSENT}
    print(json.dumps(found | absent, indent=1))  # noqa: T201 - a command's output
    if options.write:
        options.write.write_text(document(found), encoding="utf-8")


if __name__ == "__main__":
    main()
