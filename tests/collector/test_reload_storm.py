"""A thousand SIGHUPs while the files change: nothing is lost, nothing leaks, and the last file is in service."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from prometheus_client import parser

from tests.collector.test_reload import replace, wait_until
from tests.collector.test_service import running

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

INTERVAL = 0.25
Samples = dict[tuple[str, str, str], float]


@pytest.fixture
def counting() -> Iterator[tuple[str, Counter[str]]]:
    """Give the URL of an API, and how often each of its paths was asked."""
    asked: Counter[str] = Counter()

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path] += 1
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def configuration(url: str, version: int) -> str:
    """Return a configuration in which one API stays, one changes with each version, and one comes and goes; every third is wrong."""
    if version % 3 == 2:
        return "apis: [{name: stays}]\n"
    comes = f"  - {{name: comes, url: '{url}/comes'}}\n" if version % 2 else ""
    return f"""
defaults: {{interval: {INTERVAL}s, reuse_connection: true}}
apis:
  - {{name: stays, url: '{url}/stays', bearer: {{token_file: token}}}}
  - {{name: changes, url: '{url}/changes?{version}'}}
{comes}"""


def scraped(url: str) -> Samples:
    """Return the samples of one scrape by name, API and what else tells them apart."""
    text = requests.get(f"{url}/metrics", timeout=20).text
    samples = [sample for family in parser.text_string_to_metric_families(text) for sample in family.samples]
    return {
        (
            sample.name,
            sample.labels.get("api_name", ""),
            sample.labels.get("status", sample.labels.get("reason", "")),
        ): sample.value
        for sample in samples
        if not sample.name.endswith("_bucket")
    }


def slots(samples: Samples) -> float:
    """Return how many slots of the API that stays have been probed or counted as missed."""
    found = samples["rapidapi_api_missed_probes_total", "stays", ""]
    return found + sum(
        samples["rapidapi_api_requests_total", "stays", status] for status in ("success", "error")
    )


def held(pid: int) -> tuple[int, int, int]:
    """Return how many files, threads and kB of memory a process has."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    )
    files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return files, int(status["Threads"]), int(status["VmRSS"].split()[0])


def only_grow(before: Samples, after: Samples) -> bool:
    """Return whether no counter of an API that was there all the time has become smaller."""
    return all(
        after[key] >= value
        for key, value in before.items()
        if key[0].endswith(("_total", "_count", "_sum")) and key[1] in {"stays", "changes"} and key in after
    )


def test_a_storm_of_hangups(tmp_path: Path, counting: tuple[str, Counter[str]]) -> None:
    """Counters only grow, each slot is probed or counted as missed, each request that arrives is counted, and it ends well."""
    api_url, asked = counting
    config, token = tmp_path / "apis.yml", tmp_path / "token"
    token.write_text("x", encoding="utf-8")
    config.write_text(configuration(api_url, 1), encoding="utf-8")
    with running(config) as (process, url):
        wait_until(lambda: min(asked["/stays"], asked["/changes?1"], asked["/comes"]) >= 2)
        former = first = scraped(url)
        files, threads, memory = held(process.pid)
        last_probe = ("rapidapi_api_last_probe_timestamp_seconds", "stays", "")
        refused = 0

        for number in range(1000):
            if number % 10 == 0:
                replace(config, configuration(api_url, number // 10))
                samples = scraped(url)
                assert only_grow(former, samples)
                refused += samples["rapidapi_collector_config_reload_success", "", ""] == 0
                former = samples
            process.send_signal(signal.SIGHUP)
        replace(config, configuration(api_url, 1003))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: asked["/changes?1003"] and asked["/comes"])
        wait_until(lambda: scraped(url)["rapidapi_collector_config_reload_success", "", ""] == 1)
        assert refused

        samples = scraped(url)
        due = (samples[last_probe] - first[last_probe]) / INTERVAL
        assert abs(slots(samples) - slots(first) - due) <= 2
        success, error = (
            samples["rapidapi_api_requests_total", "stays", status] for status in ("success", "error")
        )
        assert (
            0 <= asked["/stays"] - success <= error + 2
        )  # those under way, and those that a busy machine was too slow for

        wait_until(lambda: held(process.pid)[0] <= files + 2)
        assert held(process.pid)[1] <= threads + 8  # the pool that files are read in has its full size
        assert held(process.pid)[2] <= memory + 20_000
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
