"""Write the history as OpenMetrics text and load it into Prometheus's data directory with promtool."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final, TextIO

import numpy as np

from collector import contract as raw
from demo.errors import HistoryError
from demo.history import GRID_SECONDS, record, simulate
from demo.law import HOUR
from demo.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from demo.fleet import Api
    from demo.history import Counters
    from demo.law import FloatArray

HISTORY_DAYS: Final = 28
RAW_SECONDS: Final = 1.25 * HOUR
"""Length of the raw counters' history: a little more than the longest window of a recording rule, so that the first
live rates already stand on a full window."""


def write_history(
    file: TextIO,
    apis: Sequence[Api],
    end: float,
    *,
    environment: str,
    instance: str,
    days: float = HISTORY_DAYS,
    done: Callable[[Api], None] = lambda _: None,
) -> int:
    """Write the recorded features at the grid's instants, and the collector's counters of the last hour.

    Args:
        file: Receives OpenMetrics text.
        apis: The APIs to simulate.
        end: Unix time of the newest sample, at most.
        environment: Value of the label of that name.
        instance: The collector as Prometheus will scrape it, host:port.
        days: Length of the recorded features' history.
        done: Called after each API.

    Returns:
        Number of samples written.
    """
    last = end // GRID_SECONDS * GRID_SECONDS
    first = last - days * 24 * HOUR
    grid = np.arange(first, last + 1, GRID_SECONDS)
    samples = 0
    for api in apis:
        counters = simulate(api, first - RAW_SECONDS, end)
        identity = f'api_name="{api.name}",environment="{environment}"'
        for name, values in record(counters, grid, api.interval).items():
            samples += _write_series(file, f"{name}{{{identity}}}", grid, values)
        scraped = f'{identity},job="{raw.JOB}",instance="{instance}"'
        samples += _write_counters(file, counters, scraped, end - RAW_SECONDS, api.interval)
        done(api)
    file.write("# EOF\n")
    return samples


def load_history(openmetrics: Path, data: Path) -> None:
    """Make blocks of the file in Prometheus's data directory; Prometheus must not run yet.

    Raises:
        HistoryError: promtool refuses the file.
    """
    # Without the hidden flag promtool reads the whole file again for every two hours of it.
    command = [
        str(tool("promtool")), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h", "--quiet",
        str(openmetrics), str(data),
    ]  # fmt: skip
    loaded = subprocess.run(command, capture_output=True, text=True, check=False)
    if loaded.returncode:
        raise HistoryError(f"promtool could not load the history: {(loaded.stderr or loaded.stdout).strip()}")


def _write_series(file: TextIO, series: str, time: FloatArray, values: FloatArray) -> int:
    finite = np.isfinite(values)
    pairs = zip(values[finite].tolist(), time[finite].tolist(), strict=True)
    file.writelines(f"{series} {value:.10g} {instant:.3f}\n" for value, instant in pairs)
    return int(finite.sum())


def _write_counters(file: TextIO, counters: Counters, labels: str, since: float, interval: float) -> int:
    recent = counters.time >= since
    histogram = raw.RESPONSE_TIME.name
    bounds = [*(repr(float(bound)) for bound in raw.RESPONSE_TIME_BUCKETS), "+Inf"]
    series: list[tuple[str, FloatArray]] = [
        (f'{raw.REQUESTS.name}{{{labels},status="success"}}', counters.success),
        (f'{raw.REQUESTS.name}{{{labels},status="error"}}', counters.total - counters.success),
        *(
            (f'{histogram}_bucket{{{labels},le="{bound}"}}', counters.buckets[:, index])
            for index, bound in enumerate(bounds)
        ),
        (f"{histogram}_sum{{{labels}}}", counters.seconds),
        (f"{histogram}_count{{{labels}}}", counters.total),
        (f"{raw.LAST_PROBE.name}{{{labels}}}", counters.last_probe),
        (f"{raw.PROBE_INTERVAL.name}{{{labels}}}", np.full_like(counters.time, interval)),
    ]
    return sum(_write_series(file, name, counters.time[recent], values[recent]) for name, values in series)
