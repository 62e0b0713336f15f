from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import requests

from collector.contract import RESPONSE_TIME_BUCKETS
from demo.backfill import load_history, write_history
from demo.fleet import FLEET, find
from demo.history import GRID_SECONDS, Counters, histogram_quantile, record, simulate
from demo.law import FloatArray
from demo.processes import start_prometheus
from ml_sidecar.contract import (
    ERROR_RATE,
    RECORDED,
    REQUESTS_PER_MINUTE,
    RESPONSE_TIME,
    RESPONSE_TIME_P95,
    SUCCESS_RATE,
)

END = 1_795_348_800.0 + 100.0


def query_range(url: str, query: str, start: float, end: float, step: float = GRID_SECONDS) -> FloatArray:
    """Pairs of time and value of the one series that the query finds."""
    parameters: dict[str, str | float] = {"query": query, "start": start, "end": end, "step": step}
    answer = requests.get(f"{url}/api/v1/query_range", params=parameters, timeout=10)
    (series,) = json.loads(answer.text)["data"]["result"]
    return np.array(series["values"], dtype=float)


def counters(scrapes: int = 41) -> Counters:
    """One request of 0.2 s per scrape every 15 s; every second one fails."""
    count = np.arange(scrapes, dtype=float)
    buckets = np.array([[0.0] * 3 + [1.0] * (len(RESPONSE_TIME_BUCKETS) - 2)]) * count[:, None]
    return Counters(
        time=7.0 + 15.0 * count,
        total=count,
        success=np.ceil(count / 2),
        seconds=0.2 * count,
        buckets=buckets,
        last_probe=15.0 * count,
    )


def test_recorded_values_are_what_the_rules_give() -> None:
    """Success rate, mean response time, requests per minute and percentile of a known past are right."""
    recorded = record(counters(), np.array([600.0]), interval=15.0)
    assert {name: values.tolist() for name, values in recorded.items()} == {
        RECORDED[SUCCESS_RATE]: [pytest.approx(100 * 10 / 19)],
        RECORDED[RESPONSE_TIME]: [pytest.approx(0.2)],
        RECORDED[ERROR_RATE]: [pytest.approx(100 * 9 / 19)],
        RECORDED[REQUESTS_PER_MINUTE]: [pytest.approx(4.0)],
        RESPONSE_TIME_P95: [pytest.approx(0.1 + 0.95 * 0.1)],
    }


def test_quantiles_beyond_the_last_bound_are_the_last_bound() -> None:
    """As in Prometheus, a percentile among the requests above all bounds reads as the highest bound."""
    buckets = np.array([[0.0] * len(RESPONSE_TIME_BUCKETS) + [10.0]])
    assert histogram_quantile(0.95, buckets).tolist() == [RESPONSE_TIME_BUCKETS[-1]]


def test_the_same_span_gives_the_same_past() -> None:
    """Two runs over one span write the same file, byte by byte."""
    texts = []
    for _ in range(2):
        file = io.StringIO()
        write_history(file, FLEET[:2], END, environment="test", instance="host:1", days=0.1)
        texts.append(file.getvalue())
    assert texts[0] == texts[1]
    assert texts[0].endswith("# EOF\n")


def test_a_rarely_called_api_is_recorded_over_an_hour() -> None:
    """Its success rate moves in steps of one request in thirty, not one in two or three."""
    rare = find("stock-fundamentals")
    past = simulate(rare, END - 20 * 86400, END)
    grid = np.arange(END - 19 * 86400, END, GRID_SECONDS) // GRID_SECONDS * GRID_SECONDS
    success = record(past, grid, rare.interval)[RECORDED[SUCCESS_RATE]]
    assert 80 < success.min() < 100


@pytest.mark.integration
def test_the_history_is_in_prometheus_as_it_was_generated(tmp_path: Path) -> None:
    """Every recorded value of the past is found in a real Prometheus at its instant, none after the end."""
    api = find("web-search")
    path = tmp_path / "history"
    with path.open("w") as file:
        written = write_history(file, [api], END, environment="test", instance="host:1", days=2)
    assert written == path.read_text().count("\n") - 1
    load_history(path, tmp_path / "prometheus" / "data")
    last = END // GRID_SECONDS * GRID_SECONDS
    grid = np.arange(last - 2 * 86400, last + 1, GRID_SECONDS)
    expected = record(simulate(api, grid[0] - 4500, END), grid, api.interval)
    with start_prometheus(
        tmp_path / "prometheus", "global: {}\n", flags=["--query.lookback-delta=1s"]
    ) as server:
        for name, values in expected.items():
            found = query_range(
                server.url, f'{name}{{api_name="web-search",environment="test"}}', grid[0], last
            )
            np.testing.assert_allclose(found, np.column_stack([grid, values]), rtol=1e-9)
        newest = 'max(timestamp(rapidapi_api_requests_total{job="rapidapi-collector",instance="host:1"}))'
        assert (
            END - 20
            <= query_range(server.url, f"{newest} or vector(0)", END - 100, END, 1.0)[:, 1].max()
            <= END
        )
