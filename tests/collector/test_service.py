"""The running collector: a process of its own that probes, serves and stops."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import aiohttp
import pytest
import requests
import yaml
from aiohttp import web
from prometheus_client import CollectorRegistry, Metric, parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from collector import contract
from collector.api import Api
from collector.fleet import Fleet
from collector.kept import Kept
from collector.metrics import ProbeMetrics
from collector.outcome import Outcome
from collector.probe import Prober
from collector.resolver import ThreadPerLookupResolver
from collector.watch import Watch
from demo.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.collector.conftest import Serve

    Parse = Callable[[str], Iterable[Metric]]

pytestmark = pytest.mark.integration

ODD_NAMES = [
    "Wetter ☀ Zürich",
    'quote"d',
    "back\\slash\\n",
    "line\nbreak",
    "{a='b'},c\r\t",
    "\U0001f642",
    "'",
]
OPENMETRICS = "application/openmetrics-text"
SECRET = "s3cr3t"


class Quota(BaseHTTPRequestHandler):
    """An API with a quota."""

    def do_GET(self) -> None:
        """Answer with quota headers."""
        self.send_response(200)
        for part, value in (("Limit", 500), ("Remaining", 498), ("Reset", 60)):
            self.send_header(f"X-RateLimit-Requests-{part}", str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running(config: Path, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the collector in a process of its own; give it and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "collector", "run", "--config", str(config)],
        env=os.environ | {"COLLECTOR_PORT": "0", "ENVIRONMENT": "test"} | environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said, url = "", None
        while not url and (
            line := process.stderr.readline()
        ):  # asyncio in debug mode may warn of a slow start first
            said += line
            url = re.search(r"metrics at (http://.*)/metrics", line)
        assert url, said
        yield process, url[1]
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture(scope="module")
def collector_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a collector that has probed an API under each odd name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quota)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api_url = f"http://127.0.0.1:{server.server_port}/"
    apis = [{"name": name, "url": api_url} for name in ODD_NAMES[::2]]
    found = [{"targets": [api_url], "labels": {"api_name": name}} for name in ODD_NAMES[1::2]]
    config = tmp_path_factory.mktemp("collector") / "apis.yml"
    (config.parent / "found.json").write_text(json.dumps(found), encoding="utf-8")
    every_second = {"interval": "1s"}
    source = {"name": ODD_NAMES[0], "files": ["found.json"], "settings": every_second}
    content = {"defaults": every_second, "apis": apis, "file_sd": [source]}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    handover = tmp_path_factory.mktemp("handover")
    with running(config, COLLECTOR_HANDOVER_DIR=str(handover)) as (_, url):
        deadline = time.monotonic() + 30
        while requests.get(f"{url}/metrics", timeout=10).text.count("\nrapidapi_api_quota_remaining{") < len(
            ODD_NAMES
        ):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield url
    server.shutdown()
    server.server_close()


def test_promtool_finds_nothing(collector_url: str) -> None:
    """`promtool check metrics` has nothing to say about names, types and help texts."""
    exposition = requests.get(f"{collector_url}/metrics", timeout=10).content
    check = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=exposition, capture_output=True, check=False
    )
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")


def test_metrics_are_those_of_the_contract(collector_url: str) -> None:
    """Exactly the contract's metrics are exposed, with its types and labels, and no `_created` series beside them."""
    exposition = requests.get(f"{collector_url}/metrics", timeout=10).text
    families = {family.name: family for family in parser.text_string_to_metric_families(exposition)}
    expected = {metric.name.removesuffix("_total"): metric for metric in contract.METRICS}
    del expected[contract.CERTIFICATE_EXPIRY.name]  # plain HTTP has none; the family shows no sample
    del expected[contract.PARENT_INFO.name]  # these APIs depend on none
    del expected[contract.STEP_SECONDS.name]  # and have no steps
    assert {name for name, family in families.items() if family.samples} == set(expected)
    for name, metric in expected.items():
        assert (families[name].type, families[name].documentation) == (metric.kind, metric.help)
        assert {*families[name].samples[0].labels} - {"le"} == {*metric.label_names}
        assert families[name].samples[0].labels["environment"] == "test"


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("*/*", "text/plain", parser.text_string_to_metric_families),
        (
            "application/openmetrics-text;version=1.0.0",
            OPENMETRICS,
            openmetrics_parser.text_string_to_metric_families,
        ),
    ],
    ids=["Prometheus", "OpenMetrics"],
)
def test_odd_names_survive(collector_url: str, accept: str, content_type: str, parse: Parse) -> None:
    """Whatever an API is called, its name arrives unharmed, in both text formats."""
    answer = requests.get(f"{collector_url}/metrics", headers={"Accept": accept}, timeout=10)
    families = parse(answer.content.decode())
    requests_family = next(family for family in families if family.name == "rapidapi_api_requests")
    assert {sample.labels["api_name"] for sample in requests_family.samples} == set(ODD_NAMES)
    assert answer.headers["Content-Type"].startswith(f"{content_type}; version=")


def test_status(collector_url: str) -> None:
    """`/status` says in words how the last probe of each API went."""
    status = requests.get(f"{collector_url}/status", timeout=10).json()
    assert status["sources"] == [{"source": ODD_NAMES[0], "targets": len(ODD_NAMES[1::2]), "problem": None}]
    assert status["config"]["problem"] is None
    assert abs(time.time() - status["config"]["loaded"]) < 300
    assert [api["api_name"] for api in status["apis"]] == sorted(ODD_NAMES)
    assert {(api["status"], api["reason"], api["detail"]) for api in status["apis"]} == {
        ("success", None, "")
    }
    assert all(abs(time.time() - api["last_probe"]) < 30 for api in status["apis"])
    assert all(0 < api["response_time_seconds"] < 10 for api in status["apis"])


def test_health(collector_url: str) -> None:
    """`/health` says that the collector lives, how many APIs it probes, and since when."""
    answer = requests.get(f"{collector_url}/health", timeout=10)
    assert answer.headers["Content-Type"].startswith("application/json")
    health = answer.json()
    assert (health["status"], health["apis"]) == ("ok", len(ODD_NAMES))
    assert health["uptime"] > 0
    assert set(health) == {"status", "apis", "version", "uptime"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the collector at once with exit status 0, a hanging probe notwithstanding."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/?key={SECRET}"
        config = tmp_path / "apis.yml"
        text = json.dumps({"defaults": {"interval": 1, "timeout": 1}, "apis": [{"name": "A", "url": url}]})
        config.write_text(text, encoding="utf-8")
        with running(config) as (process, _):
            silent.settimeout(20)
            connection, _address = silent.accept()
            with connection:
                process.send_signal(number)
                assert process.wait(20) == 0
            assert process.stderr is not None
            log = process.stderr.read()
            assert log.endswith("INFO collector: stopped\n")
            assert SECRET not in log


def test_taken_port(tmp_path: Path) -> None:
    """A port in use is one clear line and exit status 1."""
    config = tmp_path / "apis.yml"
    config.write_text("apis: [{name: A, url: 'http://127.0.0.1:9/'}]", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = subprocess.run(
            [sys.executable, "-m", "collector", "run", "--config", str(config)],
            env=os.environ | {"COLLECTOR_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 1
    assert finished.stderr == (
        f"rapidapi-collector: cannot listen on 127.0.0.1:{port} (Address already in use); stop the program that "
        "uses it, or set COLLECTOR_PORT to a free port (COLLECTOR_HOST for the address)\n"
    )


async def test_a_hanging_api_delays_no_other(serve: Serve, prober: Prober) -> None:
    """While one API hangs, the others are probed on time, and the hanging one is not asked again."""
    asked = 0
    answered = asyncio.Semaphore(0)

    async def hang(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def answer(_request: web.Request) -> web.Response:
        if asked:
            answered.release()
        return web.Response()

    apis = [
        Api("hangs", await serve(hang), interval=0.05, timeout=60),
        Api("answers", await serve(answer), interval=0.05, timeout=60),
    ]
    fleet = Fleet(prober, ProbeMetrics(CollectorRegistry(), "test"))
    await fleet.apply(apis)
    for _ in range(5):
        await answered.acquire()
    await fleet.stop()
    assert asked == 1


async def test_missed_slots_are_counted(serve: Serve, prober: Prober) -> None:
    """An API that takes longer than its interval is not asked twice at a time, and what it cost is in a metric."""
    asked = asyncio.Semaphore(0)

    async def slowly(_request: web.Request) -> web.Response:
        asked.release()
        await asyncio.sleep(0.2)
        return web.Response()

    registry = CollectorRegistry()
    fleet = Fleet(prober, ProbeMetrics(registry, "test"))
    await fleet.apply([Api("slow", await serve(slowly), interval=0.05)])
    labels = {"api_name": "slow", "environment": "test"}
    for _ in range(3):
        await asked.acquire()
    await fleet.stop()
    assert (registry.get_sample_value("rapidapi_api_missed_probes_total", labels) or 0) >= 2


async def test_a_hanging_name_server_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many lookups that hang do not keep another from being answered."""
    release = threading.Event()
    look_up = socket.getaddrinfo

    def hang(host: str, *args: object, **kwargs: object) -> object:
        if host == "hangs.invalid":
            release.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
        return look_up(host, *args, **kwargs)  # type: ignore[arg-type] # handed through

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = ThreadPerLookupResolver()
    hanging = [asyncio.create_task(resolver.resolve("hangs.invalid")) for _ in range(40)]
    found = await resolver.resolve("localhost", 80)
    assert {address["port"] for address in found} == {80}
    release.set()
    errors = await asyncio.gather(*hanging, return_exceptions=True)
    assert {type(error) for error in errors} == {socket.gaierror}


async def test_no_thread_for_a_name_lookup(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives no further thread, the probe fails in its name lookup, instead of being lost."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    outcome = await prober.probe(Api("A", "http://localhost:1/"))
    assert (outcome.reason, outcome.detail) == ("dns", "Resource temporarily unavailable")


class Scripted(Prober):
    """A prober whose probes end as told."""

    def __init__(self, *ends: Outcome | Exception) -> None:
        self._ends = iter(ends)

    async def probe(self, _api: Api, _kept: Kept | None = None) -> Outcome:
        """Return or raise the next end."""
        end = next(self._ends)
        if isinstance(end, Exception):
            raise end
        return end


async def test_log_speaks_of_changes(caplog: pytest.LogCaptureFixture) -> None:
    """The log says when an API begins to fail, fails differently, and recovers; not each probe."""
    ends = [
        Outcome(None, 0.1),
        *[Outcome("connect", detail="refused")] * 3,
        Outcome("timeout", 1, detail="late"),
    ]
    metrics = ProbeMetrics(CollectorRegistry(), "test")
    metrics.add_api(Api("A", "http://a.example"))
    watch = Watch(
        Api("A", "http://a.example"), Scripted(*ends, Outcome(None, 0.1), Outcome(None, 0.1)), metrics
    )
    with caplog.at_level(logging.INFO, "collector"):
        for _ in range(7):
            await watch.probe()
    assert caplog.messages == [
        "'A' fails: connect (refused)",
        "'A' fails: timeout (late)",
        "'A' answers again",
    ]


async def test_a_defect_is_logged_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """A defect in a probe is logged with its place but without its words, and probing goes on."""
    registry = CollectorRegistry()
    metrics = ProbeMetrics(registry, "test")
    metrics.add_api(Api("A", "http://a.example"))
    defect = aiohttp.InvalidURL(f"http://a.example/?key={SECRET}")
    watch = Watch(Api("A", "http://a.example"), Scripted(defect, Outcome(None, 0.1)), metrics)
    await watch.probe()
    assert "probing 'A' failed with InvalidURL at" in caplog.text
    assert "in probe" in caplog.text
    assert SECRET not in caplog.text
    await watch.probe()
    labels = {"api_name": "A", "environment": "test"}
    assert registry.get_sample_value("rapidapi_api_requests_total", labels | {"status": "success"}) == 1
