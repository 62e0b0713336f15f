"""What reading history costs, against a real Prometheus: `python -m benchmarks.reader [--apis 200] [--days 7]`.

Compares prometheus-api-client as it comes, the same through a session without gzip, values cut out of the JSON bytes
by hand, and `PrometheusReader`. Prints a table and, as the last line, the same figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import requests
from prometheus_api_client import PrometheusConnect

from demo.processes import start_prometheus
from demo.tools import tool
from ml_sidecar.features import Feature
from ml_sidecar.reader import PrometheusReader

STEP = 300
METRIC = "rapidapi_api_response_time_seconds"
_TICKS = 100.0


class Span(NamedTuple):
    """What is read."""

    url: str
    start: float
    end: float


def write_history(path: Path, apis: int, rows: int, end: float) -> None:
    """An OpenMetrics file of one metric."""
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"# TYPE {METRIC} gauge\n")
        for api in range(apis):
            labels = f'{{api_name="api {api:04d}",environment="production"}}'
            values = rng.gamma(2.0, 0.1, rows).tolist()
            file.writelines(
                f"{METRIC}{labels} {value!r} {end - (rows - 1 - row) * STEP:.0f}\n"
                for row, value in enumerate(values)
            )
        file.write("# EOF\n")


def client(span: Span, session: requests.Session | None) -> int:
    """prometheus-api-client and conversion to arrays; samples read."""
    found = PrometheusConnect(span.url, session=session).custom_query_range(
        METRIC, datetime.fromtimestamp(span.start, UTC), datetime.fromtimestamp(span.end, UTC), str(STEP)
    )
    return sum(len(np.array([float(text) for _, text in series["values"]])) for series in found)


def plain_session() -> requests.Session:
    """A session that does not ask for gzip."""
    session = requests.Session()
    session.headers["Accept-Encoding"] = "identity"
    return session


def by_hand(span: Span) -> int:
    """Values cut out of the bytes of the answer, without JSON objects in between; samples read."""
    data = {"query": METRIC, "start": str(span.start), "end": str(span.end), "step": str(STEP)}
    body = plain_session().get(f"{span.url}/api/v1/query_range", params=data, timeout=60).content
    count = position = 0
    while (begin := body.find(b'"values":[[', position)) >= 0:
        position = body.index(b"]]", begin)
        count += len(np.array(list(map(float, body[begin + 11 : position].split(b'"')[1::2]))))
    return count


def reader(span: Span) -> int:
    """The sidecar's own reader; samples read."""
    window = PrometheusReader(span.url, [Feature("x", METRIC)]).history(span.start, span.end, STEP)
    return window.values.size


PATHS: dict[str, Callable[[Span], int]] = {
    "client as it comes": lambda span: client(span, None),
    "client without gzip": lambda span: client(span, plain_session()),
    "cut out by hand": by_hand,
    "PrometheusReader": reader,
}


def server_cpu(pid: int) -> float:
    """CPU-seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(name: str, span: Span, pid: int, repeat: int = 3) -> dict[str, float]:
    """Figures of one path, per 1e6 samples; the least of a few runs in a process of its own."""
    PATHS[name](span._replace(start=span.end))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runs = []
    for _ in range(repeat):
        own, server = time.process_time(), server_cpu(pid)
        samples = PATHS[name](span)
        runs.append((time.process_time() - own, server_cpu(pid) - server))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {
        "samples": samples,
        "cpu_s_per_million": min(own for own, _ in runs) / samples * 1e6,
        "server_cpu_s_per_million": min(server for _, server in runs) / samples * 1e6,
        "peak_bytes_per_sample": grown / samples,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Load a history, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apis", type=int, default=200)
    parser.add_argument("--days", type=float, default=7.0)
    chosen = parser.parse_args(arguments)
    rows = int(chosen.days * 86_400 / STEP)
    end = time.time() // STEP * STEP - 3600.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_history(folder / "history.om", chosen.apis, rows, end)
        load = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h"]
        command = [str(tool("promtool")), *load, str(folder / "history.om"), str(folder / "data")]
        subprocess.run(command, check=True, capture_output=True)
        with start_prometheus(folder, "global: {}\n") as server:
            span = Span(server.url, end - (rows - 1) * STEP, end)
            figures = {}
            for path in PATHS:
                with get_context("spawn").Pool(1) as pool:
                    figures[path] = pool.apply(measure, (path, span, server.process.pid))
    for path, row in figures.items():
        print(f"{path:22}", *(f"{key} {value:,.2f}" for key, value in row.items()), sep="  ")  # noqa: T201 - its output
    print(json.dumps(figures))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
