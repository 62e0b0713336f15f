"""APIs that are found: lists over HTTP and in files, when they change, fail, or name what another names."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from collector import contract
from collector.config import load_config
from collector.discovery import Discovery
from collector.discovery_metrics import DiscoveryMetrics
from collector.fleet import Fleet
from collector.metrics import ProbeMetrics
from collector.target_groups import MAX_BYTES

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import trustme

    from collector.probe import Prober
    from tests.collector.conftest import Serve, ServeRaw

pytestmark = pytest.mark.integration

SECRET = "s3cr3t"


class Inventory:
    """A server of lists and of everything that they name; notes who asked for what."""

    def __init__(self) -> None:
        self.status, self.content_type, self.body = 200, "application/json", b"[]"
        self.headers: dict[str, str] = {}
        self.lists: list[web.Request] = []
        self.probes: list[web.Request] = []

    def name(self, *targets: str, **labels: str) -> None:
        """Answer with these targets from now on."""
        self.body = json.dumps([{"targets": targets, "labels": labels}]).encode()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer."""
        if request.path != "/list":
            self.probes.append(request)
            return web.Response()
        self.lists.append(request)
        headers = {"Content-Type": self.content_type} | self.headers
        return web.Response(status=self.status, body=self.body, headers=headers)


class Setup:
    """A configuration file, and what takes it into service."""

    def __init__(self, folder: Path, prober: Prober) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        self.fleet = Fleet(prober, ProbeMetrics(self.registry, "test"))
        self.discovery = Discovery(self.fleet, DiscoveryMetrics(self.registry, "test"))

    async def apply(self, text: str) -> None:
        """Take a configuration into service."""
        path = self.folder / "apis.yml"
        path.write_text(text, encoding="utf-8")
        await self.discovery.apply(load_config(path, {"TOKEN": SECRET}))

    def urls(self) -> dict[str, str]:
        """Return what is probed: name to URL."""
        return {name: running.api.url for name, running in self.fleet._running.items()}

    def tasks(self) -> dict[str, object]:
        """Return what probes each API."""
        return {name: running.task for name, running in self.fleet._running.items()}

    def value(self, metric: contract.Metric, source: str = "S") -> float | None:
        """Return what a metric says of a source; None if it says nothing."""
        return self.registry.get_sample_value(metric.name, {"environment": "test", "source": source})

    async def looks(self, number: int = 2) -> None:
        """Return when a source has been looked at so often more."""
        before = self.value(contract.DISCOVERY_REFRESHES) or 0
        await until(lambda: (self.value(contract.DISCOVERY_REFRESHES) or 0) >= before + number)


async def until(condition: Callable[[], object]) -> None:
    """Return when a condition holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - conditions of all kinds, none of which tells
            await asyncio.sleep(0.01)


@pytest.fixture
async def setup(tmp_path: Path, prober: Prober, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Setup]:
    """Give what probes nothing yet, and looks at files often."""
    monkeypatch.setattr("collector.file_sd.LOOK_EVERY", 0.02)
    setup = Setup(tmp_path, prober)
    yield setup
    await setup.discovery.stop()
    await setup.fleet.stop()


@asynccontextmanager
async def inventory(serve: Serve) -> AsyncIterator[tuple[Inventory, str]]:
    """Give an inventory and the URL of its server."""
    found = Inventory()
    yield found, await serve(found.answer)


def http_sd(url: str, more: str = "", settings: str = "interval: 1s") -> str:
    """Return a configuration with a source of this URL."""
    return f"http_sd: [{{name: S, url: '{url}', refresh_interval: 20ms, settings: {{{settings}}}{more}}}]\n"


async def test_http_sd(setup: Setup, serve: Serve) -> None:
    """The list is asked for as Prometheus does, with the source's key; what it names is probed as the source's settings say."""
    async with inventory(serve) as (server, url):
        server.name(f"{url}one", f"{url}two?${{TOKEN}}${{login.token}}")
        own = ", bearer: {token: '${TOKEN}'}, depends_on: Gateway"
        text = http_sd(f"{url}list", own, "interval: 1s, headers: {X-Settings: a}")
        await setup.apply(
            "defaults: {headers: {X-Defaults: b}, interval: 1h}\n"
            f"apis: [{{name: Gateway, url: '{url}gateway'}}]\n" + text
        )
        await until(lambda: len({request.path for request in server.probes}) == 2)
        assert setup.urls() == {
            "Gateway": f"{url}gateway",
            f"{url}one": f"{url}one",
            f"{url}two": f"{url}two?${{TOKEN}}${{login.token}}",
        }
        asked = server.lists[0].headers
        assert asked["X-Prometheus-Refresh-Interval-Seconds"] == "0.02"
        assert (asked["Accept"], asked["Authorization"]) == ("application/json", f"Bearer {SECRET}")
        for probe in server.probes:
            assert probe.headers["X-Settings"] == "a"
            assert not {"X-Defaults", "Authorization"} & set(probe.headers)
            assert SECRET not in str(probe.rel_url)
        parents = {"environment": "test", "api_name": f"{url}one", "parent": "Gateway"}
        assert setup.registry.get_sample_value(contract.PARENT_INFO.name, parents) == 1


async def test_own_headers_replace_ours(setup: Setup, serve: Serve) -> None:
    """A header of the source replaces one that is sent anyway, in whichever case it is written; none is sent twice."""
    async with inventory(serve) as (server, url):
        own = "{user-agent: me, ACCEPT: '*/*', accept-Encoding: identity}"
        await setup.apply(http_sd(f"{url}list", f", headers: {own}"))
        await until(lambda: server.lists)
        asked = server.lists[0].headers
        values = [asked.getall(name) for name in ("User-Agent", "Accept", "Accept-Encoding")]
        assert values == [["me"], ["*/*"], ["identity"]]


async def test_a_list_over_tls(
    setup: Setup,
    serve: Serve,
    tls: ssl.SSLContext,
    authority: trustme.CA,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A list is taken only from whom the source trusts; the log says what is wrong with another's certificate."""
    server = Inventory()
    server.name("http://127.0.0.1:9/")
    url = await serve(server.answer, tls)
    await setup.apply(http_sd(f"{url}list"))
    await setup.looks()
    assert (setup.value(contract.DISCOVERY_UP), server.lists) == (0, [])
    assert "no answer (unable to get local issuer certificate)" in caplog.text
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    await setup.apply(http_sd(f"{url}list", ", tls: {ca_file: ca.pem}"))
    assert list(setup.urls()) == ["http://127.0.0.1:9/"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": 500}, "status 500 instead of 200"),
        ({"status": 302, "headers": {"Location": "/one"}}, "status 302 instead of 200"),
        ({"status": 204}, "status 204 instead of 200"),
        ({"content_type": "text/html"}, "a Content-Type that is not application/json"),
        (
            {"content_type": "application/json; charset=latin-1"},
            "a Content-Type that is not application/json",
        ),
        ({"body": b"[s3cr3t"}, "not JSON"),
        ({"body": b'{"s3cr3t": []}'}, "input should be a valid list"),
        ({"body": b'[{"targets": ["http://new.example", "/s3cr3t"]}]'}, "[0].targets[1]: neither"),
        ({"body": b" " * (MAX_BYTES + 1)}, f"a body of more than {MAX_BYTES} bytes"),
        (
            {"body": gzip.compress(b" " * (MAX_BYTES + 1)), "headers": {"Content-Encoding": "gzip"}},
            f"a body that unpacks into more than {MAX_BYTES} bytes",
        ),
    ],
)
async def test_a_list_that_fails(
    setup: Setup, serve: Serve, caplog: pytest.LogCaptureFixture, change: dict[str, object], words: str
) -> None:
    """A bad answer leaves the last list in service with all that goes on there, and is told once, as is its end."""
    caplog.set_level("INFO", "collector")
    async with inventory(serve) as (server, url):
        server.name(f"{url}one")
        await setup.apply(http_sd(f"{url}list?key={SECRET}"))
        await until(setup.urls)
        before = setup.tasks()
        good = vars(server).copy()
        vars(server).update(change)
        await until(lambda: setup.value(contract.DISCOVERY_UP) == 0)
        await setup.looks()
        assert setup.tasks() == before
        (status,) = setup.discovery.status()
        assert (status["source"], status["targets"]) == ("S", 1)
        assert status["problem"].startswith(words)
        assert (setup.value(contract.DISCOVERY_FAILURES) or 0) >= 2
        assert setup.value(contract.DISCOVERY_TARGETS) == 1
        vars(server).update(good)
        await until(lambda: setup.value(contract.DISCOVERY_UP) == 1)
        await setup.looks()
        assert setup.tasks() == before
        assert [status["problem"] for status in setup.discovery.status()] == [None]
    failed, again = [record.getMessage() for record in caplog.records if "the source" in record.getMessage()]
    assert failed.startswith(f"the source 'S' fails, its 1 targets stay in service: {words}")
    assert again == "the source 'S' is read again: 1 targets"
    assert SECRET not in caplog.text


async def test_a_source_that_never_answers(
    setup: Setup,
    serve: Serve,
    serve_raw: ServeRaw,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sources that hang, refuse or break off hold up neither the APIs of the file nor other sources."""
    monkeypatch.setattr("collector.http_sd.TIMEOUT", 1.0)

    async def hang(reader: asyncio.StreamReader, _: object) -> None:
        await reader.read()  # until the client gives up

    async def cut(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n[")

    async with inventory(serve) as (server, url):
        server.name(f"{url}found")
        sources = [
            f"  - {{name: {name}, url: '{place}', refresh_interval: 50ms}}\n"
            for name, place in (
                ("Hangs", await serve_raw(hang)),
                ("Refuses", "http://127.0.0.1:1/"),
                ("Cut", await serve_raw(cut)),
                ("S", f"{url}list"),
            )
        ]
        await setup.apply(f"apis: [{{name: Named, url: '{url}'}}]\nhttp_sd:\n{''.join(sources)}")
        assert "Named" in setup.urls()
        await until(lambda: set(setup.urls()) == {"Named", f"{url}found"})
        for name in ("Hangs", "Refuses", "Cut"):
            await until(lambda name=name: setup.value(contract.DISCOVERY_FAILURES, name))  # type: ignore[misc] # mypy cannot infer the lambda
            assert setup.value(contract.DISCOVERY_UP, name) == 0
        assert setup.value(contract.DISCOVERY_UP) == 1
        assert "the source 'Hangs' fails, its 0 targets stay in service: no answer within 1 s" in caplog.text


async def test_a_changed_list(setup: Setup, serve: Serve) -> None:
    """What is new is probed, what has gone ends with its series, and what stays is left alone; an empty list ends all."""
    async with inventory(serve) as (server, url):
        server.name(f"{url}stays", f"{url}goes")
        await setup.apply(http_sd(f"{url}list"))
        await until(lambda: len(setup.urls()) == 2)
        stays = setup.tasks()[f"{url}stays"]
        server.name(f"{url}comes", f"{url}stays")
        await until(lambda: f"{url}comes" in setup.urls())
        assert setup.tasks()[f"{url}stays"] is stays
        assert set(setup.urls()) == {f"{url}comes", f"{url}stays"}
        labels = {"environment": "test", "api_name": f"{url}goes"}
        assert setup.registry.get_sample_value(contract.PROBE_INTERVAL.name, labels) is None
        server.body = b"[]"
        await until(lambda: not setup.urls())
        assert (setup.value(contract.DISCOVERY_UP), setup.value(contract.DISCOVERY_TARGETS)) == (1, 0)


async def test_an_unchanged_list_is_not_read_again(
    setup: Setup, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of thousands costs next to nothing while it stays as it is, also after a failure."""
    async with inventory(serve) as (server, url):
        server.name(f"{url}one")
        await setup.apply(http_sd(f"{url}list"))
        await until(setup.urls)
        good = server.body
        server.body = b"["
        await until(lambda: setup.value(contract.DISCOVERY_UP) == 0)
        with monkeypatch.context() as patched:
            patched.setattr("collector.http_sd.read_targets", None)
            server.body = good
            await until(lambda: setup.value(contract.DISCOVERY_UP) == 1)
            await setup.looks()
        assert setup.value(contract.DISCOVERY_UP) == 1


def replace(path: Path, content: str) -> None:
    """Replace a file in one step."""
    other = path.with_suffix(".new")
    other.write_text(content, encoding="utf-8")
    other.replace(path)


FILES = "file_sd: [{name: S, files: [lists/*.json, named.yml]}]\n"


async def test_file_sd(setup: Setup, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files are read when they come or change; a bad or missing one keeps its own last list, one that has gone keeps none."""
    (tmp_path / "lists").mkdir()
    replace(tmp_path / "lists/a.json", '[{"targets": ["a.example"]}]')
    replace(tmp_path / "named.yml", "- targets: [c.example:80]\n  labels: {api_name: C, __scheme__: https}\n")
    await setup.apply(FILES)
    await until(setup.urls)
    assert setup.urls() == {"a.example": "http://a.example/", "C": "https://c.example:80/"}

    replace(tmp_path / "lists/b.json", '[{"targets": ["b.example"]}]')
    await until(lambda: "b.example" in setup.urls())
    replace(tmp_path / "lists/a.json", "[s3cr3t")
    replace(tmp_path / "lists/b.json", '[{"targets": ["b2.example"]}]')
    await until(lambda: "b2.example" in setup.urls())
    assert set(setup.urls()) == {"a.example", "b2.example", "C"}
    assert setup.value(contract.DISCOVERY_UP) == 0
    replace(tmp_path / "named.yml", "- {targets: [x], targets: [s3cr3t]}")
    (tmp_path / "lists/a.json").unlink()
    await until(lambda: "a.example" not in setup.urls())
    await setup.looks()
    assert "C" in setup.urls()
    (tmp_path / "named.yml").unlink()
    await until(lambda: "named.yml: no such file" in caplog.text)
    assert "C" in setup.urls()
    assert "lists/a.json: not JSON" in caplog.text
    assert "named.yml: not valid YAML (the key 'targets' is written twice)" in caplog.text
    assert SECRET not in caplog.text
    replace(tmp_path / "named.yml", "[]")
    await until(lambda: setup.value(contract.DISCOVERY_UP) == 1)
    assert set(setup.urls()) == {"b2.example"}


async def test_file_sd_of_a_config_map(setup: Setup, tmp_path: Path) -> None:
    """Links that are swapped, as Kubernetes does it, are noticed; absolute paths are right as well."""
    folder = tmp_path / "with [brackets]"
    folder.mkdir()
    for version in ("old", "new"):
        (folder / version).mkdir()
        (folder / version / "a.json").write_text(json.dumps([{"targets": [f"{version}.example"]}]))
    (folder / "..data").symlink_to("old")
    (folder / "a.json").symlink_to("..data/a.json")
    setup.folder = folder
    replace(tmp_path / "elsewhere.json", '[{"targets": ["elsewhere.example"]}]')
    await setup.apply(f"file_sd: [{{name: S, files: [a.json, '{tmp_path}/else*.json']}}]")
    await until(lambda: set(setup.urls()) == {"old.example", "elsewhere.example"})
    (folder / "..tmp").symlink_to("new")
    os.replace(folder / "..tmp", folder / "..data")  # noqa: PTH105 - a link, not what it points to
    await until(lambda: set(setup.urls()) == {"new.example", "elsewhere.example"})


async def test_an_unchanged_file_is_not_read_again(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at files that stay as they are costs next to nothing."""
    replace(tmp_path / "a.json", '[{"targets": ["a.example"]}]')
    await setup.apply("file_sd: [{name: S, files: [a.json]}]")
    await until(setup.urls)
    monkeypatch.setattr("collector.file_sd.read_targets", None)
    await setup.looks()
    assert setup.value(contract.DISCOVERY_UP) == 1


async def test_a_pipe_among_the_files(setup: Setup, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A named pipe, for whose writer one could wait for ever, is told; the list that it took the place of stays, as do others."""
    for name in "ab":
        replace(tmp_path / f"{name}.json", f'[{{"targets": ["{name}.example"]}}]')
    await setup.apply("file_sd: [{name: S, files: ['*.json']}]")
    await until(lambda: set(setup.urls()) == {"a.example", "b.example"})
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pipe").replace(tmp_path / "a.json")
    try:
        await until(lambda: "a.json: cannot be read (not a regular file)" in caplog.text)
        replace(tmp_path / "b.json", '[{"targets": ["b2.example"]}]')
        await until(lambda: set(setup.urls()) == {"a.example", "b2.example"})
    finally:
        with suppress(OSError):  # there is none that waits to read
            os.close(os.open(tmp_path / "a.json", os.O_WRONLY | os.O_NONBLOCK))


async def test_too_long_a_file(setup: Setup, tmp_path: Path) -> None:
    """A file has the same limit as an answer."""
    (tmp_path / "a.json").write_bytes(b" " * MAX_BYTES + b"[]")
    await setup.apply("file_sd: [{name: S, files: [a.json]}]")
    await setup.looks(1)
    assert setup.value(contract.DISCOVERY_UP) == 0


async def test_names_that_are_taken(setup: Setup, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The file goes before what is found, a source before the next; what is left out is counted, and told once."""
    for name, targets in (("a", ["a1.example", "a2.example"]), ("b", ["b.example"])):
        group = {"targets": targets, "labels": {"api_name": "Both"}}
        named = {"targets": [f"{name}.example"], "labels": {"api_name": "Named"}}
        (tmp_path / f"{name}.json").write_text(json.dumps([group, named, named]))
    text = "file_sd: [{name: S, files: [a.json]}, {name: T, files: [b.json]}]\n"
    await setup.apply("apis: [{name: Named, url: 'http://named.example'}]\n" + text)
    await until(lambda: setup.value(contract.DISCOVERY_DUPLICATES, "T") == 3)
    await setup.looks()
    assert setup.urls() == {"Named": "http://named.example", "Both": "http://a1.example/"}
    assert setup.value(contract.DISCOVERY_DUPLICATES) == 3
    assert caplog.text.count("targets of the source 'S' are left out") == 1
    assert "'Both'" in caplog.text
    replace(tmp_path / "a.json", "[]")
    await until(lambda: setup.urls().get("Both") == "http://b.example/")
    assert setup.value(contract.DISCOVERY_DUPLICATES) == 0
    await setup.apply(text)
    assert setup.urls() == {"Named": "http://b.example/", "Both": "http://b.example/"}
    assert setup.value(contract.DISCOVERY_DUPLICATES, "T") == 0, "one target named twice is one target"


async def test_lists_have_no_order(setup: Setup, tmp_path: Path) -> None:
    """Which of two targets of one name is probed does not change with their order."""
    first, second = ({"targets": [f"{name}.example"], "labels": {"api_name": "Both"}} for name in "ab")
    replace(tmp_path / "a.json", json.dumps([first, second]))
    await setup.apply("file_sd: [{name: S, files: [a.json]}]")
    await until(setup.urls)
    probing = setup.tasks()
    replace(tmp_path / "a.json", json.dumps([second, first]))
    await setup.looks()
    assert setup.tasks() == probing


async def test_addresses_of_targets(setup: Setup, tmp_path: Path) -> None:
    """Only the source's settings can allow a metadata address, never the list, and the settings of another source do not."""
    replace(tmp_path / "a.json", '[{"targets": ["169.254.169.254"], "labels": {"allow_link_local": "true"}}]')
    source = "{{name: {}, files: [a.json], settings: {{interval: 168h, allow_link_local: {}}}}}"
    await setup.apply(f"file_sd: [{source.format('S', 'false')}, {source.format('T', 'true')}]")
    await until(setup.urls)
    await setup.looks(1)
    assert setup.value(contract.DISCOVERY_UP) == 0
    assert setup.value(contract.DISCOVERY_UP, "T") == 1
    assert [running.api.allow_link_local for running in setup.fleet._running.values()] == [True]


async def test_the_address_of_a_list(
    setup: Setup, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list is not asked for at a metadata address, also behind a name."""

    def look_up(*_: object, **__: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    await setup.apply(http_sd("http://rebound.example/list"))
    await setup.looks(1)
    assert "no answer (a link-local or metadata address)" in caplog.text


async def test_a_new_configuration(setup: Setup, serve: Serve) -> None:
    """What a source has found outlasts a new configuration of it; only another place is another list."""
    async with inventory(serve) as (server, url):
        server.name(f"{url}one")
        text = http_sd(f"{url}list")
        await setup.apply(text)
        await until(setup.urls)
        looking, probing = setup.discovery._running["S"].task, setup.tasks()

        await setup.apply(text + f"apis: [{{name: Named, url: '{url}'}}]\n")
        assert setup.discovery._running["S"].task is looking
        assert setup.tasks().items() >= probing.items()

        server.status = 500
        await setup.apply(http_sd(f"{url}list", settings="interval: 2s"))
        assert setup.discovery._running["S"].task is looking
        assert [running.api.interval for running in setup.fleet._running.values()] == [2]
        probing = setup.tasks()

        await setup.apply(http_sd(f"{url}list", ", headers: {A: b}", "interval: 2s"))
        assert looking.cancelled()
        assert setup.tasks() == probing

        server.status = 200
        await setup.apply(http_sd(f"{url}list", ", headers: {A: c}", "interval: 2s"))
        assert setup.tasks() == probing

        server.status = 500
        await setup.apply(http_sd(f"{url}list?", ", headers: {A: c}", "interval: 2s"))
        assert setup.urls() == {}
        await setup.apply("apis: [{name: Named, url: 'http://a.example'}]\n")
        assert setup.value(contract.DISCOVERY_UP) is None


async def test_a_further_file_of_a_source(setup: Setup, tmp_path: Path) -> None:
    """A source that gets a further file goes on with what it has, also while that is being read or bad."""
    (tmp_path / "a.json").write_text('[{"targets": ["a.example"]}]')
    await setup.apply("file_sd: [{name: S, files: [a.json]}]")
    await until(setup.urls)
    probing = setup.tasks()
    replace(tmp_path / "a.json", "[")
    await setup.apply("file_sd: [{name: S, files: [a.json, b.json]}]")
    assert setup.tasks() == probing


async def test_a_defect_is_a_failure(setup: Setup, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of the collector itself ends neither the source nor the collector."""
    async with inventory(serve) as (server, url):
        server.name(f"{url}one")
        with monkeypatch.context() as broken:
            broken.setattr("collector.http_sd.parse_json", lambda _: 1 / 0)
            await setup.apply(http_sd(f"{url}list"))
            await until(lambda: setup.value(contract.DISCOVERY_FAILURES))
        await until(setup.urls)
