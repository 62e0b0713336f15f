"""New configurations while the collector runs: in a process of its own, as a user would."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import trustme
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest, parser

from collector.api import Api
from collector.discovery import Discovery
from collector.discovery_metrics import DiscoveryMetrics
from collector.errors import ConfigError
from collector.fleet import Fleet
from collector.metrics import ProbeMetrics, ReloadMetrics
from collector.reload import Reloader, Source
from tests.collector.other_work import other_work
from tests.collector.test_service import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from collector.probe import Prober
    from tests.collector.conftest import Serve

pytestmark = pytest.mark.integration


class Fine(BaseHTTPRequestHandler):
    """An API that works."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def api_url() -> Iterator[str]:
    """Give the URL of a server that answers everything."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Fine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def text(url: str, *names: str, interval: str = "1s") -> str:
    """Return a configuration of these APIs."""
    apis = "".join(f"  - {{name: {name}, url: '{url}'}}\n" for name in names)
    return f"defaults: {{interval: {interval}}}\napis:\n{apis}"


class Collector:
    """A running collector, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def value(self, name: str, **labels: str) -> float | None:
        """Return a sample's value; None if there is no such sample."""
        exposition = requests.get(f"{self.url}/metrics", timeout=10).text
        for family in parser.text_string_to_metric_families(exposition):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    def probes(self, api: str) -> float | None:
        """Return how many probes of an API succeeded; None if it has no series."""
        return self.value("rapidapi_api_requests_total", api_name=api, status="success")

    def reload_success(self) -> float | None:
        """Return what the contract's metric says of the last load."""
        return self.value("rapidapi_collector_config_reload_success")


def wait_until(condition: Callable[[], object]) -> None:
    """Return when a condition holds."""
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def replace(path: Path, content: str) -> None:
    """Replace a file in one step, as editors do."""
    other = path.with_suffix(".new")
    other.write_text(content, encoding="utf-8")
    other.replace(path)


def test_hangup(tmp_path: Path, api_url: str) -> None:
    """SIGHUP adds and removes APIs, and refuses a bad file; counters of those that stay go on, those of others end."""
    config = tmp_path / "apis.yml"
    config.write_text(text(api_url, "stays", "goes"), encoding="utf-8")
    with running(config) as (process, url):
        collector = Collector(url)
        wait_until(lambda: (collector.probes("stays") or 0) >= 2 and collector.probes("goes"))
        before = collector.probes("stays") or 0

        replace(config, text(api_url, "stays", "comes"))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: collector.probes("comes"))
        assert (collector.probes("stays") or 0) >= before
        assert collector.probes("goes") is None
        assert requests.get(f"{url}/health", timeout=10).json()["apis"] == 2

        loaded = collector.value("rapidapi_collector_config_reload_timestamp_seconds")
        replace(config, text(api_url, "stays", "stays"))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: collector.reload_success() == 0)
        assert collector.value("rapidapi_collector_config_reload_timestamp_seconds") == loaded
        in_service = collector.probes("comes") or 0
        wait_until(lambda: (collector.probes("comes") or 0) > in_service)

        replace(config, text(api_url, "stays"))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: collector.reload_success() == 1)
        assert (collector.probes("stays") or 0) > before
        assert collector.probes("comes") is None


def _entry_points() -> list[str]:
    """Return what each way to begin runs: `python -m collector`, and the script that is installed."""
    scripts = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, _, function = scripts["rapidapi-collector"].partition(":")
    return [
        "import runpy; runpy.run_module('collector', run_name='__main__', alter_sys=True)",
        f"import sys; from {module} import {function}; sys.exit({function}())",
    ]


@pytest.mark.parametrize("code", _entry_points(), ids=["python -m collector", "rapidapi-collector"])
def test_hangups_at_the_start(tmp_path: Path, api_url: str, code: str) -> None:
    """SIGHUP does not end a collector that is still loading its modules, from the first to the last of them."""
    config = tmp_path / "apis.yml"
    config.write_text(text(api_url, "A"), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "--config", str(config)],
        env=os.environ | {"COLLECTOR_PORT": "0", "PYTHONPROFILEIMPORTTIME": "1"},  # which tells each module
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    hangups = 0
    try:
        for line in process.stderr:
            if "metrics at" in line:
                break
            if hangups or "asyncio" in line:  # the first of the large ones
                process.send_signal(signal.SIGHUP)
                hangups += 1
        process.terminate()
        process.stderr.read()
        assert (process.wait(30), hangups > 100) == (0, True)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_config_map(tmp_path: Path, api_url: str) -> None:
    """A file behind symbolic links that are swapped, as Kubernetes does it, is noticed without a signal."""
    for version, name in (("v1", "old"), ("v2", "new")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "apis.yml").write_text(text(api_url, name), encoding="utf-8")
    (tmp_path / "..data").symlink_to("v1")
    config = tmp_path / "apis.yml"
    config.symlink_to("..data/apis.yml")
    with running(config) as (_, url):
        collector = Collector(url)
        wait_until(lambda: collector.probes("old"))
        (tmp_path / "..tmp").symlink_to("v2")
        os.replace(tmp_path / "..tmp", tmp_path / "..data")  # noqa: PTH105 - a link, not what it points to
        wait_until(lambda: collector.probes("new"))
        assert collector.probes("old") is None


@pytest.mark.parametrize("enabled", [False, True])
def test_reload_over_http(tmp_path: Path, api_url: str, *, enabled: bool) -> None:
    """`POST /-/reload` loads the file and says what is wrong with it, if that was allowed; a GET never does."""
    config = tmp_path / "apis.yml"
    config.write_text(text(api_url, "A"), encoding="utf-8")
    environ = {"COLLECTOR_ENABLE_RELOAD": "true"} if enabled else {}
    with running(config, **environ) as (_, url):
        replace(config, text(api_url, "A", "B"))
        answer = requests.post(f"{url}/-/reload", timeout=10)
        if not enabled:
            assert (answer.status_code, "COLLECTOR_ENABLE_RELOAD" in answer.text) == (403, True)
            return
        assert (answer.status_code, answer.text) == (200, "reloaded\n")
        assert requests.get(f"{url}/health", timeout=10).json()["apis"] == 2
        replace(config, "apis: 5\n")
        loaded = requests.get(f"{url}/status", timeout=10).json()["config"]["loaded"]
        answer = requests.post(f"{url}/-/reload", timeout=10)
        assert answer.status_code == 500
        assert answer.text.startswith(f"{config}:1: apis: ")
        status = requests.get(f"{url}/status", timeout=10).json()["config"]
        assert status == {"loaded": loaded, "problem": answer.text.removesuffix("\n")}
        replace(config, text(api_url, "A"))
        requests.post(f"{url}/-/reload", timeout=10)
        status = requests.get(f"{url}/status", timeout=10).json()["config"]
        assert (status["loaded"] > loaded, status["problem"]) == (True, None)
        assert requests.get(f"{url}/-/reload", timeout=10).status_code == 405


@pytest.mark.parametrize("way", ["token_file", "variable"])
async def test_a_changed_secret(
    tmp_path: Path, prober: Prober, serve: Serve, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A new token is used without a signal, whether its file is replaced or, as in Kubernetes, links to it are swapped."""
    seen: list[str | None] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(version, encoding="utf-8")
    (tmp_path / "..data").symlink_to("v1")
    monkeypatch.setenv("TOKEN_FILE", str(tmp_path / "..data/token"))
    bearer = "token_file: ..data/token" if way == "token_file" else "token: '${TOKEN}'"
    config = tmp_path / "apis.yml"
    config.write_text(
        f"apis: [{{name: A, url: '{await serve(note)}', interval: 50ms, bearer: {{{bearer}}}}}]",
        encoding="utf-8",
    )
    registry = CollectorRegistry()
    fleet = Fleet(prober, ProbeMetrics(registry, "test"))
    discovery = Discovery(fleet, DiscoveryMetrics(registry, "test"))
    reloader = Reloader(Source(config), discovery, ReloadMetrics(registry, "test"))
    assert await reloader.load() is None
    looking = asyncio.create_task(reloader.run(look_every=0.05))

    async def used(token: str) -> None:
        async with asyncio.timeout(20):
            while seen[-1:] != [f"Bearer {token}"]:  # noqa: ASYNC110 - the server sees many tokens
                await asyncio.sleep(0.02)

    await used("v1")
    (tmp_path / "..tmp").symlink_to("v2")
    os.replace(tmp_path / "..tmp", tmp_path / "..data")  # noqa: PTH105 - a link, not what it points to
    await used("v2")
    replace(tmp_path / "v2/token", "v3")
    await used("v3")
    (tmp_path / "v2/token").unlink()
    (tmp_path / "v2/token").write_text("v4", encoding="utf-8")
    await used("v4")
    looking.cancel()
    await fleet.stop()


def test_which_files_are_looked_at(tmp_path: Path) -> None:
    """A file that could not be read is looked at as well: when it comes, so does the configuration. So are TLS files."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    config = tmp_path / "apis.yml"
    api = "name: A, url: 'https://a.example', tls: {ca_file: ca.pem}, bearer: {token_file: token}"
    config.write_text(f"apis: [{{{api}}}]", encoding="utf-8")
    source = Source(config)
    with pytest.raises(ConfigError):
        source.load()
    assert not source.changed()
    (tmp_path / "token").write_text("x", encoding="utf-8")
    assert source.changed()
    source.load()
    assert not source.changed()
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert source.changed()


async def test_a_load_leaves_alone_what_has_not_changed(tmp_path: Path, prober: Prober, api_url: str) -> None:
    """An unchanged API keeps its task, and with it its schedule and a probe under way; a changed one gets a new one."""
    config = tmp_path / "apis.yml"
    config.write_text(text(api_url, "A", "B"), encoding="utf-8")
    registry = CollectorRegistry()
    fleet = Fleet(prober, ProbeMetrics(registry, "test"))
    discovery = Discovery(fleet, DiscoveryMetrics(registry, "test"))
    reloader = Reloader(Source(config), discovery, ReloadMetrics(registry, "test"))
    assert await reloader.load() is None
    before = {name: running.task for name, running in fleet._running.items()}
    config.write_text(
        text(api_url, "A", "B") + "  - {name: C, url: 'http://127.0.0.1:9'}\n", encoding="utf-8"
    )
    assert await reloader.load() is None
    after = {name: running.task for name, running in fleet._running.items()}
    assert (after["A"], after["B"], len(fleet)) == (before["A"], before["B"], 3)
    config.write_text(text(api_url, "A", "B", interval="2s"), encoding="utf-8")
    assert await reloader.load() is None
    assert not set(before.values()) & {running.task for running in fleet._running.values()}
    assert len(fleet) == 2
    await fleet.stop()


@pytest.mark.parametrize("defect", [False, True])
async def test_a_load_that_fails_in_an_unforeseen_way(
    tmp_path: Path, prober: Prober, api_url: str, monkeypatch: pytest.MonkeyPatch, *, defect: bool
) -> None:
    """A date that does not exist, or a defect of the collector, is a refused configuration; what is probed stays so."""
    config = tmp_path / "apis.yml"
    config.write_text(text(api_url, "A"), encoding="utf-8")
    registry = CollectorRegistry()
    fleet = Fleet(prober, ProbeMetrics(registry, "test"))
    discovery = Discovery(fleet, DiscoveryMetrics(registry, "test"))
    reloader = Reloader(Source(config), discovery, ReloadMetrics(registry, "test"))
    assert await reloader.load() is None
    if defect:
        monkeypatch.setattr("collector.reload.load_config", lambda *_, **__: 1 / 0)
    config.write_text(text(api_url, "A", "B") + "since: 2026-02-30\n", encoding="utf-8")
    words = (
        "a defect of the collector (ZeroDivisionError)"
        if defect
        else ":5: not valid YAML (a value that cannot"
    )
    assert words in str(await reloader.load())
    assert registry.get_sample_value("rapidapi_collector_config_reload_success", {"environment": "test"}) == 0
    assert len(fleet) == 1
    await fleet.stop()


async def test_probes_go_on_while_many_apis_end_and_begin(prober: Prober) -> None:
    """A list that changes altogether lets the others work in between, and looks through no other API's series."""
    fleet = Fleet(prober, ProbeMetrics(CollectorRegistry(), "test"))
    async with other_work() as turns:
        await fleet.apply([Api(str(k), "http://127.0.0.1:9", interval=86400.0) for k in range(300)])
        assert turns.count > 9
        turns.count = 0
        with pytest.MonkeyPatch.context() as patched:
            patched.delattr("prometheus_client.metrics.MetricWrapperBase.remove_by_labels")
            await fleet.apply([])
        assert turns.count > 9
    await fleet.stop()


def test_nothing_is_left_of_an_api_that_is_gone() -> None:
    """Every series of a removed API ends, those of the others stay."""
    registry = CollectorRegistry()
    metrics = ProbeMetrics(registry, "test")
    for name in ("goes", "stays"):
        metrics.add_api(Api(name, "http://a.example"))
    metrics.remove_api("goes")
    exposition = generate_latest(registry).decode()
    assert "goes" not in exposition
    assert "stays" in exposition


def test_parents() -> None:
    """What an API depends on is exposed, and a new configuration leaves none of the former parents behind."""
    registry = CollectorRegistry()
    metrics = ProbeMetrics(registry, "test")

    def parents() -> set[str]:
        (family,) = [found for found in registry.collect() if found.name == "rapidapi_api_parent_info"]
        assert all((sample.labels["api_name"], sample.value) == ("A", 1) for sample in family.samples)
        return {sample.labels["parent"] for sample in family.samples}

    for depends_on in (("Gateway", "Login"), ("Login",), ()):
        metrics.add_api(Api("A", "http://a.example", depends_on=depends_on))
        assert parents() == set(depends_on)
