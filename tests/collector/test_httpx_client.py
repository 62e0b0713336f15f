"""Measured httpx clients, synchronous and asynchronous, and a real server."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aiohttp import web

from collector import InstrumentedAsyncClient, InstrumentedClient
from tests.collector.traffic import Answers, counts, seconds

if TYPE_CHECKING:
    import ssl

    from prometheus_client import CollectorRegistry

    from tests.collector.conftest import Serve, ServeRaw

pytestmark = pytest.mark.integration

Fetch = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture(params=["sync", "async"])
def fetch(request: pytest.FixtureRequest, registry: CollectorRegistry) -> Fetch:
    """Give a function that sends one request through a client that measures an API called A."""

    async def fetch(url: str, **options: Any) -> httpx.Response:
        if request.param == "async":
            async with InstrumentedAsyncClient("A", "test", registry, **options) as client:
                return await client.get(url)
        with InstrumentedClient("A", "test", registry, **options) as client:
            return await asyncio.to_thread(client.get, url)

    return fetch


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("200", {"success": 1, "timed": 1}),
        ("404", {"error": 1, "http_4xx": 1, "timed": 1}),
        ("429", {"error": 1, "rate_limited": 1, "timed": 1}),
        ("503", {"error": 1, "http_5xx": 1, "timed": 1}),
        ("redirect", {"success": 1, "timed": 1}),
    ],
)
async def test_answers(
    fetch: Fetch, registry: CollectorRegistry, answers: str, path: str, expected: dict[str, float]
) -> None:
    """Each request counts once, as its final answer deserves."""
    await fetch(f"{answers}/{path}", follow_redirects=True)
    assert counts(registry) == expected


def test_a_client_that_raises_for_every_bad_status(registry: CollectorRegistry, answers: str) -> None:
    """What a hook for answers raises from a bad status is the API's failure, as without the hook."""
    hooks = {"response": [httpx.Response.raise_for_status]}
    with (
        InstrumentedClient("A", "test", registry, event_hooks=hooks) as client,
        pytest.raises(httpx.HTTPStatusError),
    ):
        client.get(f"{answers}/503")
    assert counts(registry) == {"error": 1, "http_5xx": 1, "timed": 1}


@pytest.mark.parametrize(
    ("path", "error", "expected"),
    [
        ("/wait", httpx.ReadTimeout, {"error": 1, "timeout": 1, "timed": 1}),
        ("/drip", httpx.ReadTimeout, {"error": 1, "timeout": 1, "timed": 1}),
        ("/short", httpx.RemoteProtocolError, {"error": 1, "body": 1, "timed": 1}),
        ("/loop", httpx.TooManyRedirects, {"error": 1, "body": 1, "timed": 1}),
        ("/hang-up", httpx.RemoteProtocolError, {"error": 1, "connect": 1}),
        ("/garbage", httpx.RemoteProtocolError, {"error": 1, "body": 1}),
    ],
)
async def test_failures(
    fetch: Fetch,
    registry: CollectorRegistry,
    answers: str,
    path: str,
    error: type[Exception],
    expected: dict[str, float],
) -> None:
    """A failed request reaches the user as httpx reports it, and counts with its reason, and its time if there is one."""
    with pytest.raises(error):
        await fetch(answers + path, timeout=0.2, follow_redirects=True)
    assert counts(registry) == expected
    assert "timeout" not in expected or seconds(registry) >= 0.15


async def test_failures_without_a_connection(
    fetch: Fetch, registry: CollectorRegistry, unused_tcp_port: int
) -> None:
    """A refused connection and an unknown host count with their reasons, and without a time."""
    with pytest.raises(httpx.ConnectError):
        await fetch(f"http://127.0.0.1:{unused_tcp_port}/")
    with pytest.raises(httpx.ConnectError):
        await fetch("http://nonexistent.invalid/")
    assert counts(registry) == {"error": 2, "connect": 1, "dns": 1}


async def test_untrusted_certificate(
    fetch: Fetch, registry: CollectorRegistry, serve: Serve, tls: ssl.SSLContext
) -> None:
    """A certificate that nobody trusts counts as a TLS error."""
    with pytest.raises(httpx.ConnectError):
        await fetch(await serve(_empty, tls))
    assert counts(registry) == {"error": 1, "tls": 1}


async def _empty(_request: web.Request) -> web.Response:
    return web.Response()


async def test_what_was_never_sent_does_not_count(fetch: Fetch, registry: CollectorRegistry) -> None:
    """A mistake in the user's own URL says nothing about the API."""
    with pytest.raises(httpx.UnsupportedProtocol):
        await fetch("gopher://127.0.0.1/")
    assert counts(registry) == {}


async def test_broken_compression(fetch: Fetch, registry: CollectorRegistry, serve: Serve) -> None:
    """A body that cannot be unpacked is the API's error."""

    async def broken(_request: web.Request) -> web.Response:
        return web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"})

    with pytest.raises(httpx.DecodingError):
        await fetch(await serve(broken))
    assert counts(registry) == {"error": 1, "body": 1, "timed": 1}


async def test_what_the_user_gets(fetch: Fetch, registry: CollectorRegistry, serve: Serve) -> None:
    """Body, status, history and elapsed time are those of an ordinary client."""

    async def packed(request: web.Request) -> web.Response:
        if request.path == "/":
            raise web.HTTPFound("/next")
        return web.Response(body=gzip.compress(b"plain"), headers={"Content-Encoding": "gzip"})

    response = await fetch(await serve(packed), follow_redirects=True)
    assert (response.status_code, response.content, len(response.history)) == (200, b"plain", 1)
    assert response.is_closed
    assert response.elapsed.total_seconds() > 0
    assert counts(registry) == {"success": 1, "timed": 1}


async def test_the_body_is_part_of_the_time(fetch: Fetch, registry: CollectorRegistry, answers: str) -> None:
    """The time ends with the last byte of the body, not with the headers."""
    Answers.go_on.clear()

    class Later(httpx.Auth):
        """Lets the rest of the body come a while after the headers."""

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            yield request
            threading.Timer(0.1, Answers.go_on.set).start()

    await fetch(f"{answers}/slow", auth=Later())
    assert seconds(registry) >= 0.09


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

    headers_came = asyncio.Event()

    async def on_headers(_response: httpx.Response) -> None:
        headers_came.set()

    hooks = {"response": [on_headers]}
    async with InstrumentedAsyncClient("A", "test", registry, event_hooks=hooks) as client:
        for handler in (begin, begin_body):
            request = asyncio.create_task(client.get(await serve_raw(handler)))
            await asked.get()
            if handler is begin_body:
                await headers_came.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
    assert counts(registry) == {}


def test_streaming(registry: CollectorRegistry, answers: str) -> None:
    """A streamed body counts when it is read or closed, with the time it was waited for and how it ended."""
    Answers.go_on.set()
    with InstrumentedClient("A", "test", registry, timeout=0.2) as client:
        with client.stream("GET", f"{answers}/slow") as response:
            assert counts(registry) == {}
            assert sum(map(len, response.iter_bytes())) == 100
        assert counts(registry) == {"success": 1, "timed": 1}
        with client.stream("GET", f"{answers}/404"):  # seen enough
            pass
        assert counts(registry) == {"success": 1, "error": 1, "http_4xx": 1, "timed": 2}
        with pytest.raises(httpx.ReadTimeout), client.stream("GET", f"{answers}/drip") as response:
            response.read()
    assert counts(registry) == {"success": 1, "error": 2, "http_4xx": 1, "timeout": 1, "timed": 3}


async def test_streaming_asynchronously(registry: CollectorRegistry, answers: str) -> None:
    """An asynchronously streamed body counts alike; that the user's own code failed on it is not the API's error."""
    Answers.go_on.set()
    async with InstrumentedAsyncClient("A", "test", registry, timeout=0.2) as client:
        async with client.stream("GET", f"{answers}/slow") as response:
            assert len(await response.aread()) == 100
        with pytest.raises(ZeroDivisionError):
            async with client.stream("GET", f"{answers}/drip"):
                _ = 1 / 0
        with pytest.raises(httpx.RemoteProtocolError):
            async with client.stream("GET", f"{answers}/short") as response:
                await response.aread()
    assert counts(registry) == {"success": 2, "error": 1, "body": 1, "timed": 3}


def test_the_user_s_own_time_does_not_count(registry: CollectorRegistry, answers: str) -> None:
    """The time that the user's code takes between two pieces of a body is not the API's."""
    Answers.go_on.set()
    started = time.perf_counter()
    with (
        InstrumentedClient("A", "test", registry) as client,
        client.stream("GET", f"{answers}/slow") as response,
    ):
        pieces = response.iter_raw()
        next(pieces)
        paused = time.perf_counter()
        threading.Event().wait(0.1)  # the work on that piece
        own = time.perf_counter() - paused
        list(pieces)
    assert 0 < seconds(registry) <= time.perf_counter() - started - own


def test_the_client_s_own_limit_is_not_the_api_s(registry: CollectorRegistry, answers: str) -> None:
    """A request that found no free connection in the user's own pool was never sent."""
    limits = httpx.Limits(max_connections=1)
    timeout = httpx.Timeout(10, pool=0.05)
    with (
        InstrumentedClient("A", "test", registry, limits=limits, timeout=timeout) as client,
        client.stream("GET", f"{answers}/drip"),
        pytest.raises(httpx.PoolTimeout),
    ):
        client.get(f"{answers}/200")
    assert counts(registry) == {"success": 1, "timed": 1}


def test_a_retry_within_a_handler(registry: CollectorRegistry, answers: str) -> None:
    """A request that is sent while another's error is handled is judged by itself."""
    with InstrumentedClient("A", "test", registry, timeout=0.2) as client:
        try:
            client.get(f"{answers}/wait")
        except httpx.ReadTimeout:
            with client.stream("GET", f"{answers}/200"):
                pass
    assert counts(registry) == {"success": 1, "error": 1, "timeout": 1, "timed": 2}


def test_quota(registry: CollectorRegistry, answers: str) -> None:
    """Quotas are read from real traffic."""
    with InstrumentedClient("A", "test", registry) as client:
        client.get(f"{answers}/200")
    labels = {"api_name": "A", "environment": "test", "quota": "requests"}
    assert registry.get_sample_value("rapidapi_api_quota_remaining", labels) == 41


def test_metrics_that_fail_leave_the_request_alone(
    registry: CollectorRegistry,
    answers: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk under the metrics costs the user a log line, not the answer."""
    with InstrumentedClient("A", "test", registry) as client:

        def fail(*_: object) -> None:
            raise OSError("no space left on device")

        monkeypatch.setattr("collector.metrics.RequestMetrics.record", fail)
        assert client.get(f"{answers}/200").status_code == 200
        assert client.get(f"{answers}/200").status_code == 200
    assert len(caplog.records) == 1


def test_without_httpx() -> None:
    """Who has no httpx is told how to get it, and can measure requests all the same."""
    code = "import sys; sys.modules['httpx'] = None; import collector; collector.InstrumentedSession; collector.InstrumentedClient"
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "ImportError: httpx is not installed: pip install 'rapidapi-ml[httpx]'" in result.stderr
