"""CPU and memory of live scoring: `python -m benchmarks.cycle [--apis 100 1000 10000]`.

Simulated noise, four features, two days of history on the five-minute grid. Measured is one look, as the sidecar takes every
15 s, one row of the grid, and the walk over history (a training does the same over more days). Publication is
`benchmarks.exposition`, reading is `benchmarks.reader`.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from ml_sidecar.config import load_config
from ml_sidecar.features import Array, Entity, Window
from ml_sidecar.training import new_models

STEP = 300.0
LEVELS = (99.5, 0.3, 0.5, 4.0)
"""Success rate, response time, error rate, requests a minute."""


def cost(apis: int, days: float = 2.0) -> dict[str, float]:
    """CPU-seconds of a look, of a row of the grid and of the walk per day, and the peak of memory, MiB."""
    config = load_config(None)
    detector = new_models(config).detector
    rng = np.random.default_rng(0)
    entities = tuple(Entity(f"api-{i}", "production") for i in range(apis))
    names = tuple(f.name for f in config.features)

    def window(start: float, rows: int) -> Window:
        values: Array = np.array(LEVELS) * (1 + 0.05 * rng.normal(size=(rows, apis, len(names))))
        values[..., 0] = np.minimum(values[..., 0], 100.0)
        return Window(start, STEP, entities, names, values)

    rows = round(days * 86400 / STEP)
    part = max(1, min(rows, 200_000 // apis))
    walk = 0.0
    for first in range(0, rows, part):
        past = window(1.6e9 // STEP * STEP + first * STEP, min(part, rows - first))
        walk += _cpu(partial(detector.walk, past))
    row, instant = window(detector.clock + STEP, 1), window(detector.clock + 15.0, 1)
    look = min(_cpu(lambda: detector.score(instant)) for _ in range(3))
    return {
        "apis": apis,
        "look_cpu_s": round(look, 4),
        "grid_row_cpu_s": round(_cpu(lambda: detector.walk(row)), 4),
        "walk_cpu_s_per_day": round(walk / days, 2),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    """Print one JSON document a size, smallest first: the peak of memory is that of the process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--apis", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--days", type=float, default=2.0)
    options = parser.parse_args()
    for apis in sorted(options.apis):
        print(json.dumps(cost(apis, options.days)), flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
