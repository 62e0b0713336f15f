"""CPU that one publication costs: `python -m benchmarks.exposition [--apis 10000]`.

Prints a table and, as the last line, the same figures as JSON. `core` has 19 series per API, `full` 78.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Sequence

import numpy as np

from ml_sidecar.contract import FEATURES
from ml_sidecar.exporter import Groups, PrometheusExporter
from ml_sidecar.exposition import Family
from ml_sidecar.families import (
    anomaly_counter_families,
    forecast_families,
    pattern_families,
    score_families,
    threshold_change_families,
    threshold_families,
    trend_families,
)
from ml_sidecar.features import Entity
from ml_sidecar.results import Forecasts, Patterns, Scores, Thresholds

Entities = tuple[Entity, ...]


def apis(count: int) -> Entities:
    """As many APIs."""
    return tuple(Entity(f"Payments API {i:05d}", "production") for i in range(count))


def live_families(entities: Entities, rng: np.random.Generator) -> list[Family]:
    """What changes every cycle: 18 series per API."""
    apis, features = len(entities), len(FEATURES)
    shape = (1, apis, features)
    scores = Scores(
        times=np.array([0.0]),
        entities=entities,
        features=FEATURES,
        expected_per_week=rng.gamma(2.0, 1.0, (1, apis)),
        contributions=rng.dirichlet(np.ones(features), (1, apis)),
        value=rng.gamma(2.0, 1.0, shape),
        expected=rng.gamma(2.0, 1.0, shape),
        lower=rng.gamma(2.0, 1.0, shape),
        upper=rng.gamma(2.0, 1.0, shape),
    )
    return score_families(scores, rng.random(apis) > 0.9)


def grid_families(entities: Entities, rng: np.random.Generator) -> list[Family]:
    """What changes on the grid alone: 60 series per API."""
    apis, features = len(entities), len(FEATURES)
    shape = (apis, 2, 3)
    forecast = (rng.random(shape) for _ in range(5))
    forecasts = Forecasts(0.0, entities, FEATURES[:2], (3600.0, 7200.0, 10800.0), *forecast)
    lower, upper = rng.random((2, apis, features, 2))
    lower[:, 1:3], upper[:, 0] = np.nan, np.nan
    thresholds = Thresholds(entities, FEATURES, lower, upper, rng.random((apis, features, 2)))
    patterns = Patterns(entities, ("steady", "busy by day", "bursty"), rng.integers(0, 3, apis))
    return [
        *anomaly_counter_families(entities, rng.integers(0, 9, (apis, 3))),
        *forecast_families(forecasts),
        *threshold_families(thresholds),
        *threshold_change_families(entities, FEATURES, np.zeros((apis, features))),
        *trend_families(entities, FEATURES, rng.normal(size=(apis, features))),
        *pattern_families(patterns),
    ]


def cpu(work: Callable[[], object], repeat: int = 3) -> float:
    """Least CPU-seconds of a few runs."""
    spent = []
    for _ in range(repeat):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def measure(count: int, groups: Groups) -> dict[str, float]:
    """Figures of one exporter."""
    rng = np.random.default_rng(1)
    exporter = PrometheusExporter("production", groups=groups)
    grid = grid_families(apis(count), rng)

    def cycle() -> None:
        """A fresh set of APIs, as the reader makes one each cycle, and the grid's families of before."""
        exporter.publish([*live_families(apis(count), rng), *grid])

    first = cpu(cycle, repeat=1)
    text = exporter.exposition()
    return {
        "apis": count,
        "series": text.count(b"\n") - 2 * text.count(b"# TYPE"),
        "megabytes": len(text) / 1e6,
        "first_publication_cpu_s": first,
        "inputs_cpu_s": cpu(lambda: live_families(apis(count), rng)),
        "cycle_cpu_s": cpu(cycle),
        "json_cpu_s": cpu(exporter.exposition_json, repeat=1),
        "gzip_1_cpu_s": cpu(lambda: gzip.compress(text, 1), repeat=1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apis", type=int, default=10_000)
    count = parser.parse_args(arguments).apis
    figures = {groups: measure(count, groups) for groups in ("core", "full")}
    for name in figures["full"]:
        print(f"{name:26}", *(f"{figures[groups][name]:14,.3f}" for groups in figures))  # noqa: T201 - its output
    print(json.dumps(figures))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
