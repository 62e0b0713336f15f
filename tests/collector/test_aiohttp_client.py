"""A measured aiohttp client and a real server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from collector import aiohttp_trace
from tests.collector.traffic import Answers, counts, seconds

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from prometheus_client import CollectorRegistry

    from tests.collector.conftest import Serve, ServeRaw

pytestmark = pytest.mark.integration


@pytest.fixture
async def client(registry: CollectorRegistry) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a client that measures an API called A and waits 0.2 s for an answer, the last byte included."""
    trace = aiohttp_trace("A", "test", registry)
    timeout = aiohttp.ClientTimeout(total=0.2)
    async with aiohttp.ClientSession(trace_configs=[trace], timeout=timeout) as client:
        yield client


def phase_seconds(registry: CollectorRegistry) -> dict[str, float]:
    """Return the time spent in each phase."""
    return {
        sample.labels["phase"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "rapidapi_api_request_phase_seconds_total"
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("200", {"success": 1, "timed": 1}),
        ("204", {"success": 1, "timed": 1}),
        ("404", {"error": 1, "http_4xx": 1, "timed": 1}),
        ("429", {"error": 1, "rate_limited": 1, "timed": 1}),
        ("503", {"error": 1, "http_5xx": 1, "timed": 1}),
        ("redirect", {"success": 1, "timed": 1}),
    ],
)
@pytest.mark.parametrize("raise_for_status", [False, True])
async def test_answers(
    client: aiohttp.ClientSession,
    registry: CollectorRegistry,
    answers: str,
    path: str,
    expected: dict[str, float],
    raise_for_status: bool,
) -> None:
    """Each request counts once, as its final answer deserves, also where aiohttp makes an exception of it."""
    raises = raise_for_status and "error" in expected
    with pytest.raises(aiohttp.ClientResponseError) if raises else contextlib.nullcontext():
        await _read(client.get(f"{answers}/{path}", raise_for_status=raise_for_status))
    assert counts(registry) == expected
    labels = {"api_name": "A", "environment": "test", "quota": "requests"}
    assert registry.get_sample_value("rapidapi_api_quota_remaining", labels) == 41


@pytest.mark.parametrize(
    ("path", "error", "expected"),
    [
        ("/wait", TimeoutError, {"error": 1, "timeout": 1, "timed": 1}),
        ("/drip", TimeoutError, {"error": 1, "timeout": 1, "timed": 1}),
        ("/short", aiohttp.ClientPayloadError, {"error": 1, "body": 1, "timed": 1}),
        ("/loop", aiohttp.TooManyRedirects, {"error": 1, "body": 1, "timed": 1}),
        ("/hang-up", aiohttp.ServerDisconnectedError, {"error": 1, "connect": 1}),
        ("/garbage", aiohttp.ClientResponseError, {"error": 1, "body": 1}),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
async def test_failures(
    client: aiohttp.ClientSession,
    registry: CollectorRegistry,
    answers: str,
    path: str,
    error: type[Exception],
    expected: dict[str, float],
    streaming: bool,
) -> None:
    """A failed request reaches the user as aiohttp reports it, and counts with its reason, read at once or piecewise."""
    with pytest.raises(error):
        await (_stream if streaming else _read)(client.get(answers + path))
    assert counts(registry) == expected


async def _read(request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> None:
    async with request as response:
        await response.read()


async def _stream(request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> None:
    async with request as response:
        async for _ in response.content.iter_any():
            pass


async def test_a_read_timeout(registry: CollectorRegistry, answers: str) -> None:
    """A limit on the wait for the next bytes is a timeout as well."""
    trace = aiohttp_trace("A", "test", registry)
    timeout = aiohttp.ClientTimeout(sock_read=0.2)
    async with aiohttp.ClientSession(trace_configs=[trace], timeout=timeout) as client:
        with pytest.raises(TimeoutError):
            await _read(client.get(f"{answers}/drip"))
    assert counts(registry) == {"error": 1, "timeout": 1, "timed": 1}


async def test_failures_without_a_connection(
    client: aiohttp.ClientSession, registry: CollectorRegistry, unused_tcp_port: int
) -> None:
    """A refused connection and an unknown host count with their reasons, and without a time."""
    for url in (f"http://127.0.0.1:{unused_tcp_port}/", "http://nonexistent.invalid/"):
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(url)
    assert counts(registry) == {"error": 2, "connect": 1, "dns": 1}


async def test_untrusted_certificate(
    client: aiohttp.ClientSession, registry: CollectorRegistry, serve: Serve, tls: ssl.SSLContext
) -> None:
    """A certificate that nobody trusts counts as a TLS error."""

    async def empty(_request: web.Request) -> web.Response:
        return web.Response()

    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await client.get(await serve(empty, tls))
    assert counts(registry) == {"error": 1, "tls": 1}


@pytest.mark.parametrize("url", ["gopher://127.0.0.1/", "http:///"])
async def test_what_was_never_sent_does_not_count(
    client: aiohttp.ClientSession, registry: CollectorRegistry, url: str
) -> None:
    """A mistake in the user's own URL says nothing about the API."""
    with pytest.raises((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        await client.get(url)
    assert counts(registry) == {}


async def test_a_redirect_to_nowhere(
    client: aiohttp.ClientSession, registry: CollectorRegistry, serve: Serve
) -> None:
    """A redirect that nobody can follow is the API's error."""

    async def astray(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "gopher://127.0.0.1/"})

    with pytest.raises(aiohttp.NonHttpUrlRedirectClientError):
        await client.get(await serve(astray))
    assert counts(registry) == {"error": 1, "body": 1, "timed": 1}


async def test_a_cancelled_request_does_not_count(registry: CollectorRegistry, serve_raw: ServeRaw) -> None:
    """That the user's program gave up says nothing about the API, be it before or within the body."""
    asked = asyncio.Queue[None]()

    async def begin(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asked.put(None)
        await reader.read()

    async def begin_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n.")
        await writer.drain()
        await begin(reader, writer)

    async def get(client: aiohttp.ClientSession, url: str, headers_came: asyncio.Event) -> None:
        async with client.get(url) as response:
            headers_came.set()
            await response.read()

    async with aiohttp.ClientSession(trace_configs=[aiohttp_trace("A", "test", registry)]) as client:
        for handler in (begin, begin_body):
            headers_came = asyncio.Event()
            request = asyncio.create_task(get(client, await serve_raw(handler), headers_came))
            await asked.get()
            if handler is begin_body:
                await headers_came.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
    assert counts(registry) == {}


async def test_seen_enough(client: aiohttp.ClientSession, registry: CollectorRegistry, answers: str) -> None:
    """Who closes an answer, or fails on it, before its end has an answer all the same, with the time to its headers."""
    started = time.perf_counter()
    async with client.get(f"{answers}/drip") as response:
        until_headers = time.perf_counter() - started
        assert response.status == 200
        await asyncio.sleep(0.05)
    assert 0 < seconds(registry) <= until_headers
    with pytest.raises(ZeroDivisionError):
        async with client.get(f"{answers}/drip"):
            _ = 1 / 0
    assert counts(registry) == {"success": 2, "timed": 2}


async def test_a_retry_within_a_handler(
    client: aiohttp.ClientSession, registry: CollectorRegistry, answers: str
) -> None:
    """A request that is sent while another's error is handled is judged by itself."""
    try:
        await client.get(f"{answers}/wait")
    except TimeoutError:
        async with client.get(f"{answers}/drip"):
            pass
    assert counts(registry) == {"success": 1, "error": 1, "timeout": 1, "timed": 2}


async def test_phases(registry: CollectorRegistry, answers: str) -> None:
    """The time ends with the last byte of the body, whoever reads it when; the phases sum to it."""
    Answers.go_on.clear()
    async with (
        aiohttp.ClientSession(trace_configs=[aiohttp_trace("A", "test", registry)]) as client,
        client.get(f"{answers}/slow") as response,
    ):
        threading.Timer(0.1, Answers.go_on.set).start()
        await response.read()
    phases = phase_seconds(registry)
    assert phases["transfer"] >= 0.09
    assert phases["connect"] > 0
    assert phases["processing"] > 0
    assert sum(phases.values()) == pytest.approx(seconds(registry))


async def test_phases_of_a_redirect(registry: CollectorRegistry, answers: str) -> None:
    """Connecting to where a redirect leads is connecting, too."""

    def slow(address: aiohttp.AddrInfoType) -> socket.socket:
        threading.Event().wait(0.05)
        return socket.socket(*address[:3])

    connector = aiohttp.TCPConnector(force_close=True, socket_factory=slow)
    trace = aiohttp_trace("A", "test", registry)
    async with aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as client:
        await _read(client.get(f"{answers}/redirect"))
    assert phase_seconds(registry)["connect"] >= 0.09
    assert counts(registry) == {"success": 1, "timed": 1}


async def test_a_web_socket(client: aiohttp.ClientSession, registry: CollectorRegistry, serve: Serve) -> None:
    """A WebSocket counts when it is open; how long it lasts is not a response time."""

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    async with client.ws_connect(await serve(echo)) as socket:
        assert counts(registry) == {"success": 1, "timed": 1}
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"
    assert counts(registry) == {"success": 1, "timed": 1}


async def test_other_traces_keep_their_context(registry: CollectorRegistry, answers: str) -> None:
    """A trace of the user's own sees its own context beside ours."""
    seen: list[object] = []
    own = aiohttp.TraceConfig()

    async def on_end(_session: object, context: object, _params: object) -> None:
        seen.append(vars(context)["trace_request_ctx"])

    own.on_request_end.append(on_end)
    traces = [aiohttp_trace("A", "test", registry), own]
    async with aiohttp.ClientSession(trace_configs=traces) as client:
        await (await client.get(f"{answers}/200", trace_request_ctx="mine")).read()
    assert seen == ["mine"]
    assert counts(registry) == {"success": 1, "timed": 1}


async def test_metrics_that_fail_leave_the_request_alone(
    client: aiohttp.ClientSession,
    answers: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk under the metrics costs the user a log line, not the answer."""

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("collector.metrics.RequestMetrics.record", fail)
    for _ in range(2):
        async with client.get(f"{answers}/200") as response:
            assert await response.read() == b""
    assert len(caplog.records) == 1
