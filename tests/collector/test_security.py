"""The collector is no proxy, and reads no cloud's secrets."""

from __future__ import annotations

import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests
from aiohttp import web

from collector import addresses
from collector.addresses import is_refused
from collector.api import Api
from collector.quota import parse_quotas
from collector.resolver import ThreadPerLookupResolver
from tests.collector.test_service import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from collector.probe import Prober
    from tests.collector.conftest import Serve


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Let nobody see what another test has found out about an address."""
    is_refused.cache_clear()
    yield
    is_refused.cache_clear()


REFUSED = "a link-local or metadata address; write `allow_link_local: true` if it is meant"


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("169.254.169.254", True),
        ("169.254.0.1", True),
        ("fe80::1", True),
        ("fe80::1%eth0", True),
        ("fd00:ec2::254", True),
        ("100.100.100.200", True),
        ("168.63.129.16", True),
        ("::ffff:169.254.169.254", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("2002:a9fe:a9fe::1", True),
        ("fd00:ec2::254%eth0", True),
        ("64:ff9b:1::a9fe:a9fe", True),
        ("::169.254.169.254", True),
        ("169.254.169.254.", True),
        ("2852039166", True),
        ("0xa9fea9fe", True),
        ("0251.0376.0251.0376", True),
        ("169.254.43518", True),
        ("0xA9.254.0251.254", True),
        ("127.0.0.1", False),
        ("2130706433", False),
        ("::1", False),
        ("::", False),
        ("", False),
        (".", False),
        ("bücher.example", False),
        ("169.254.169.254.example", False),
        ("10.0.0.1", False),
        ("93.184.215.14", False),
        ("example.com", False),
    ],
)
def test_addresses(address: str, *, refused: bool) -> None:
    """Link-local and metadata addresses are known in each way to write them; all others may be probed."""
    assert is_refused(address) is refused


@pytest.fixture(scope="module")
def metadata_server() -> Iterator[str]:
    """Give `host:port` of a server on an address of loopback that nothing else uses."""
    server = ThreadingHTTPServer(("127.0.0.2", 0), Fine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.2:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def metadata(metadata_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let that address be one of metadata, so that nothing leaves the machine if the guard fails."""
    refuse(monkeypatch, "127.0.0.2")
    return metadata_server


def refuse(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Make an address of loopback one of metadata for the rest of the test."""
    monkeypatch.setattr(addresses, "_METADATA", {ipaddress.ip_address(address)})


@pytest.mark.integration
@pytest.mark.parametrize("host", ["127.0.0.2", "0x7f000002", "[::ffff:7f00:2]", "\uff11\uff12\uff17.0.0.2"])
async def test_metadata_is_not_read(prober: Prober, metadata: str, host: str) -> None:
    """No way to write the address gets a connection, in what script whatever."""
    url = f"http://{metadata}/".replace("127.0.0.2", host)
    assert (await prober.probe(Api("A", url, allow_link_local=True))).reason is None
    outcome = await prober.probe(Api("A", url))
    assert (outcome.reason, outcome.detail) == ("connect", REFUSED)


@pytest.mark.integration
@pytest.mark.parametrize("host", ["127.0.0.2.", "2130706434", "017700000002", "127.2", "0x7f.2"])
async def test_odd_ways_to_write_an_address(prober: Prober, metadata: str, host: str) -> None:
    """What only some programs take for an address leads nowhere either, whoever of us refuses it."""
    outcome = await prober.probe(Api("A", f"http://{metadata}/".replace("127.0.0.2", host)))
    assert outcome.reason is not None
    assert outcome.response_time is None


@pytest.mark.integration
async def test_metadata_is_not_read_behind_a_name(
    prober: Prober, metadata: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to the address is refused when the connection is made, not before."""
    port = int(metadata.rpartition(":")[2])

    def look_up(*_: object, **__: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert await ThreadPerLookupResolver().resolve("rebound.example")
    outcome = await prober.probe(Api("A", f"http://rebound.example:{port}/"))
    assert (outcome.reason, outcome.detail) == ("connect", REFUSED)


@pytest.mark.integration
@pytest.mark.parametrize("through_proxy", [False, True])
@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.2.", "0x7f.2"])
async def test_metadata_is_not_read_behind_a_redirect(
    serve: Serve, prober: Prober, metadata: str, host: str, *, through_proxy: bool
) -> None:
    """An API cannot send the collector there either, with a proxy between or without."""
    location = f"http://{metadata}/".replace("127.0.0.2", host)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    url = await serve(answer)
    api = Api("A", url, follow_redirects=True, proxy=url if through_proxy else None)
    outcome = await prober.probe(api)
    assert (outcome.reason, outcome.detail) == ("body", "a redirect to a link-local or metadata address")


@pytest.mark.integration
async def test_what_is_allowed_is_probed(
    serve: Serve, prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who allows it can probe such an address; loopback stands for one here, so that nothing leaves the machine."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response()

    url = await serve(answer)
    refuse(monkeypatch, "127.0.0.1")
    assert (await prober.probe(Api("A", url))).detail == REFUSED
    assert (await prober.probe(Api("A", url, allow_link_local=True))).reason is None


def test_a_quota_has_a_short_name() -> None:
    """What an API writes into a header's name does not become a label of any length."""
    assert parse_quotas([(f"X-RateLimit-{'x' * 65}-Limit", "5")], 0.0) == ()


class Fine(BaseHTTPRequestHandler):
    """An API that works."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.integration
def test_no_address_from_outside_is_probed(tmp_path: Path, metadata_server: str) -> None:
    """Nobody can have the collector ask an address by asking the collector."""
    target = f"http://{metadata_server}/"
    config = tmp_path / "apis.yml"
    config.write_text(f"apis: [{{name: A, url: '{target}', interval: 1h}}]", encoding="utf-8")
    with running(config) as (_, url):
        for path in ("/probe", "/metrics/x", "/"):
            assert requests.get(f"{url}{path}", params={"target": target}, timeout=10).status_code == 404
        assert requests.get(f"{url}/metrics", params={"target": target}, timeout=10).status_code == 200
        assert requests.get(target, proxies={"http": url}, timeout=10).status_code == 404
