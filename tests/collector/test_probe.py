"""A probe against real servers: what counts as success, why it failed, and how long it took."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from collector.api import Api
from collector.http_connection import HttpConnection
from collector.probe import Prober
from collector.quota import Quota

if TYPE_CHECKING:
    import trustme

    from tests.collector.conftest import Serve, ServeRaw

pytestmark = pytest.mark.integration


def api(url: str, **settings: object) -> Api:
    """Return an API with a timeout that no healthy answer needs."""
    return Api(**({"name": "api", "url": url, "timeout": 20.0} | settings))  # type: ignore[arg-type] # of many types


async def ok(_request: web.Request) -> web.Response:
    """Answer 200 with a short body."""
    return web.Response(text="fine")


@pytest.mark.parametrize(
    ("status", "expected", "reason"),
    [
        (200, None, None),
        (204, None, None),
        (404, None, "http_4xx"),
        (429, None, "rate_limited"),
        (500, None, "http_5xx"),
        (302, None, "body"),
        (404, frozenset({404}), None),
        (429, frozenset({429}), None),
        (200, frozenset({201}), "body"),
    ],
)
async def test_status_decides(
    serve: Serve, prober: Prober, status: int, expected: frozenset[int] | None, reason: str | None
) -> None:
    """An answer is a success exactly if its status is expected, and otherwise says which kind of error it is."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})

    outcome = await prober.probe(api(await serve(answer), expected_status=expected))
    assert outcome.reason == reason
    assert outcome.status == ("error" if reason else "success")
    assert outcome.response_time is not None
    if reason:
        expectation = "2xx" if expected is None else "201"
        assert outcome.detail == f"status {status}, expected {expectation}"


async def test_phases_sum_to_the_response_time(serve: Serve, prober: Prober) -> None:
    """Name lookup, connection, processing and transfer together are the whole response time."""

    async def slowly(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await asyncio.sleep(0.1)
        await response.write(b"last")
        return response

    url = (await serve(slowly)).replace("127.0.0.1", "localhost")
    outcome = await prober.probe(api(url))
    assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))
    assert all(seconds > 0 for seconds in outcome.phases.values())
    assert (
        outcome.phases["processing"] >= 0.09
    )  # what the server itself waited, hence no matter of this machine
    assert outcome.phases["transfer"] >= 0.09


async def test_time_is_taken_where_bytes_arrive(
    serve: Serve, prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event loop that is busy after the last byte has come does not make the API look slow."""
    arrived = HttpConnection.data_received

    def then_busy(self: HttpConnection, data: bytes) -> None:
        arrived(self, data)
        time.sleep(0.2)

    monkeypatch.setattr(HttpConnection, "data_received", then_busy)
    started = time.perf_counter()
    outcome = await prober.probe(api(await serve(ok)))
    assert outcome.response_time is not None
    assert outcome.response_time <= time.perf_counter() - started - 0.2


async def test_silence_is_a_timeout(serve: Serve, prober: Prober) -> None:
    """A server that never answers counts with the time waited, all of it accounted to phases."""

    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    outcome = await prober.probe(api(await serve(never), timeout=0.2))
    assert outcome.reason == "timeout"
    assert outcome.response_time is not None
    assert outcome.response_time >= 0.19
    assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))


async def test_dripping_body_is_a_timeout(serve_raw: ServeRaw, prober: Prober) -> None:
    """A body that never ends is a timeout, though its headers came at once."""

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    assert (await prober.probe(api(await serve_raw(drip), timeout=0.2))).reason == "timeout"


async def test_refused_connection(prober: Prober, unused_tcp_port: int) -> None:
    """A port on which nobody listens is a connection error without a response time."""
    outcome = await prober.probe(api(f"http://127.0.0.1:{unused_tcp_port}/?key=secret"))
    assert (outcome.reason, outcome.response_time, outcome.phases) == ("connect", None, {})
    assert outcome.detail == "Connection refused"


async def test_hanging_up_without_an_answer(serve_raw: ServeRaw, prober: Prober) -> None:
    """A server that closes the connection instead of answering is a connection error."""

    async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    outcome = await prober.probe(api(await serve_raw(hang_up)))
    assert (outcome.reason, outcome.response_time) == ("connect", None)


@pytest.mark.parametrize("host", ["nonexistent.invalid", "a..b", "x" * 64 + ".invalid"])
async def test_unknown_host(prober: Prober, host: str) -> None:
    """A name that has no address, or cannot be a name, is a DNS error."""
    outcome = await prober.probe(api(f"http://{host}/"))
    assert (outcome.reason, outcome.response_time) == ("dns", None)


async def test_untrusted_certificate(serve: Serve, prober: Prober, tls: ssl.SSLContext) -> None:
    """A certificate that no trusted authority signed is a TLS error."""
    outcome = await prober.probe(api(await serve(ok, tls)))
    assert (outcome.reason, outcome.response_time) == ("tls", None)


async def test_tls_with_a_server_that_speaks_plain_http(serve: Serve, prober: Prober) -> None:
    """Plain HTTP where TLS is expected is a TLS error."""
    url = (await serve(ok)).replace("http://", "https://")
    assert (await prober.probe(api(url))).reason == "tls"


async def test_certificate_expiry(serve: Serve, authority: trustme.CA) -> None:
    """A trusted certificate's end is reported to the second."""
    expiry = dt.datetime(2031, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", not_after=expiry).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with Prober(ssl_context=client) as prober:
        outcome = await prober.probe(api(await serve(ok, server)))
    assert outcome.reason is None
    assert outcome.certificate_expiry == expiry.timestamp()


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
            "the body broke off (the connection was closed)",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + b"." * 60, "a body of more than 50 bytes"),
        (b"gopher? no\r\n\r\n", "the answer is no valid HTTP"),
    ],
    ids=["broken off", "too long", "no HTTP"],
)
async def test_wrong_body(serve_raw: ServeRaw, prober: Prober, answer: bytes, detail: str) -> None:
    """A body that breaks off or is too long, and an answer that is no HTTP, are errors of the body."""

    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    outcome = await prober.probe(api(await serve_raw(reply), max_body=50))
    assert (outcome.reason, outcome.detail) == ("body", detail)


async def test_quota_headers(serve: Serve, prober: Prober) -> None:
    """What the answer says of quotas is part of the outcome, also when the answer is an error."""

    async def limited(_request: web.Request) -> web.Response:
        headers = {"X-RateLimit-Requests-Limit": "500", "X-RateLimit-Requests-Remaining": "0"}
        return web.Response(status=429, headers=headers)

    outcome = await prober.probe(api(await serve(limited)))
    assert outcome.quotas == (Quota("requests", limit=500, remaining=0),)


async def test_request_is_sent_as_configured(serve: Serve, prober: Prober) -> None:
    """Method, headers and body arrive at the API as the configuration has them."""
    seen: list[tuple[str, str | None, str]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers.get("X-RapidAPI-Key"), await request.text()))
        return web.Response()

    await prober.probe(api(await serve(note), method="POST", headers={"X-RapidAPI-Key": "k"}, body="grüezi"))
    assert seen == [("POST", "k", "grüezi")]


@pytest.mark.parametrize(("reuse", "connections"), [(False, 3), (True, 1)])
async def test_connections(serve: Serve, prober: Prober, *, reuse: bool, connections: int) -> None:
    """Each probe opens a new connection, as a first-time client would, unless the API says otherwise."""
    peers = set()

    async def note(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(text="fine")

    target = api(await serve(note), reuse_connection=reuse)
    outcomes = [await prober.probe(target) for _ in range(3)]
    assert len(peers) == connections
    for outcome in outcomes:
        assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))
        assert min(outcome.phases.values()) >= 0
