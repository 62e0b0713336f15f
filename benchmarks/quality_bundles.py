"""Whether several features keep what one promises: `python -m benchmarks.quality_bundles --data DIR`.

The labelled public series have one feature each. Here two to four series of the same kind and sampling interval, aligned
by position, are bundled into one API, as if they were its features: false episodes against the promise, and incidents
found (windows of all series, each by any answer of the API), beside the same series judged one by one, cut and
timed alike. Features of a real API depend on each other more than these do, hence what comes here is what comes at most.

Prints one JSON document.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality_figures import realised
from benchmarks.quality_run import BUDGETS, spread, without
from benchmarks.score import Flags, Series, events, load
from ml_sidecar.features import Feature
from ml_sidecar.replay import replay_table
from ml_sidecar.replay_table import Table
from ml_sidecar.results import threshold_of

DEFAULT_DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "bench" / "dev"
MOST = 4
"""Features of an API."""
SHORTEST = 0.5
"""No series is cut to less than this share of its rows."""
Bundle = tuple[Series, ...]


def bundles(series: Sequence[Series]) -> list[Bundle]:
    """Series of one kind, sampling interval and similar length, two to four together, all aligned and cut alike."""
    alike: dict[tuple[str, str, float], list[Series]] = {}
    for s in sorted(series, key=lambda s: (s.n, s.name)):
        alike.setdefault((s.source, s.kind, s.step), []).append(s)
    found = []
    for group in alike.values():
        long = [s for s in group if s.n > SHORTEST * group[-1].n]
        count = -(-len(long) // MOST)
        parts = [long[i * len(long) // count : (i + 1) * len(long) // count] for i in range(count)]
        found += [_aligned(part) for part in parts if len(part) > 1]
    return found


def _aligned(part: Sequence[Series]) -> Bundle:
    n = min(s.n for s in part)
    return tuple(_cut(s, n, part[0]) for s in part)


def _cut(s: Series, n: int, clock: Series) -> Series:
    """The first n rows of a series, at the times of another."""
    new = copy.copy(s)
    new.n, new.time, new.value, new.probation = n, clock.time[:n], s.value[:n], clock.probation
    new.windows = [(a, min(b, n - 1)) for a, b in s.windows if a < n]
    return new


def united(bundle: Bundle) -> Series:
    """One API whose incidents are those of all its features; windows that meet become one."""
    new = copy.copy(bundle[0])
    new.name = "+".join(s.name for s in bundle)
    new.windows = []
    for a, b in sorted(window for s in bundle for window in s.windows):
        if new.windows and a <= new.windows[-1][1] + 1:
            new.windows[-1] = (new.windows[-1][0], max(b, new.windows[-1][1]))
        else:
            new.windows.append((a, b))
    return new


def judged(members: Bundle, silent: Sequence[str] = ()) -> list[Flags]:
    """Open episodes at each promise of an API whose features are these series."""
    features = tuple(Feature(f"feature_{i}") for i in range(len(members)))
    first = members[0]
    values = np.stack([s.value for s in members], axis=1)
    table = Table(
        first.time.astype(str).astype(object), first.time, np.full(first.n, "api", dtype=object), values
    )
    with without(*silent):
        answers, _ = replay_table(table, features, [threshold_of(budget) for budget in BUDGETS])
    return list(answers.is_anomaly)


def measure(root: Path, silent: Sequence[str] = ()) -> dict[str, Any]:
    """Figures of all bundles, and of their series one by one."""
    made = bundles(load(root))
    alone = [s for bundle in made for s in bundle]
    jobs: list[tuple[Any, ...]] = [(bundle, tuple(silent)) for bundle in made] + [((s,),) for s in alone]
    done = spread(judged, jobs, [len(job[0]) * job[0][0].n for job in jobs])
    together, single = done[: len(made)], done[len(made) :]
    whole = [united(bundle) for bundle in made]
    rows = []
    for i, budget in enumerate(BUDGETS):
        many = {s.name: flags[i] for s, flags in zip(whole, together, strict=True)}
        each = {s.name: flags[i] for s, flags in zip(alone, single, strict=True)}
        flags = {
            s.name: np.any([each[one.name] for one in bundle], axis=0)
            for s, bundle in zip(whole, made, strict=True)
        }
        rows.append(
            {
                "promise": budget,
                "one by one": {**realised(alone, each, budget), **_found(whole, flags)},
                "together": {**realised(whole, many, budget), **_found(whole, many)},
            }
        )
    return {"apis": len(made), "features": len(alone), "at": rows}


def _found(series: Sequence[Series], flags: dict[str, Flags]) -> dict[str, int]:
    """Incidents of APIs found."""
    figures = events(series, flags)
    return {"found": figures["found"], "events": figures["events"]}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("QUALITY_DATA", DEFAULT_DATA)))
    options = parser.parse_args()
    print(json.dumps(measure(options.data), indent=1))  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
