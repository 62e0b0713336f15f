"""Servers that do whatever a server can: the reason is right, the time is bounded, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import socket
import ssl
import struct
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from yarl import URL

from collector.answer_parser import AnswerParser
from collector.api import Api
from collector.body_checks import BodyChecks
from collector.http_connection import HttpConnection
from collector.probe import Prober

if TYPE_CHECKING:
    from collector.outcome import Outcome

pytestmark = pytest.mark.integration

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_HTTP = ("body", "the answer is no valid HTTP")
WRONG_BODY = ("body", "the body is no valid HTTP")
TOO_MUCH = ("body", "more came than the answer says it has")
WRAPPING = ("body", "the body comes in far too small pieces")
TOO_LATE = ("timeout", "no answer within 0.3 s")
FINE = (None, "")


def says(*parts: bytes, pause: float = 0.0) -> Behaviour:
    """Return a behaviour that answers each request with these bytes, and keeps the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)

    return behave


def endlessly(head: bytes, part: bytes, pause: float = 0.0) -> Behaviour:
    """Return a behaviour that begins an answer and never ends it."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


def resets_after(head: bytes) -> Behaviour:
    """Return a behaviour that begins an answer and then resets the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await asyncio.sleep(0.05)  # a reset overtakes what has not been read
        at_once = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        writer.transport.abort()

    return behave


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Wait until the other side gives up."""
    await reader.read()


@contextlib.asynccontextmanager
async def server(
    behave: Behaviour, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, list[int]]]:
    """Run a server; give its URL and a list with an entry for each connection."""
    connections: list[int] = []
    tasks: set[asyncio.Task[None] | None] = set()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(len(connections))
        tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await behave(reader, writer)
        writer.transport.abort()

    listening = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/", connections
    finally:
        listening.close()
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks))


def sockets() -> int:
    """Return how many sockets this process has open."""
    count = 0
    for file in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += str(file.readlink()).startswith("socket:")
    return count


async def probed(url: str, ssl_context: ssl.SSLContext | None = None, **settings: object) -> Outcome:
    """Probe once while another API is probed, which must not notice, and leave no socket behind."""
    async with server(says(OK)) as (good_url, _), Prober(ssl_context) as prober:
        before = sockets()
        api = Api(**({"name": "bad", "url": url, "timeout": 20.0} | settings))  # type: ignore[arg-type] # of many types
        probe = asyncio.create_task(prober.probe(api))
        good = Api("good", good_url, timeout=20)
        while not probe.done():
            assert (await prober.probe(good)).reason is None
        async with asyncio.timeout(10):
            # Those of the server under test end with ours.
            while sockets() > before:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.01)
    outcome = await probe
    if outcome.response_time is not None:
        assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))
    if outcome.reason == "timeout":
        assert outcome.response_time is not None
        assert outcome.response_time >= api.timeout * 0.95
    return outcome


ANSWERS: dict[str, tuple[Behaviour, tuple[str | None, str], dict[str, object]]] = {
    "headers that drip": (endlessly(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.02), TOO_LATE, {"timeout": 0.3}),
    "endless headers": (endlessly(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000), NO_HTTP, {}),
    "an endless header": (endlessly(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 9000), NO_HTTP, {}),
    "an endless status line": (endlessly(b"HTTP/1.1 200 ", b"y" * 9000), NO_HTTP, {}),
    "a header of 100 kB": (
        says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n"),
        NO_HTTP,
        {},
    ),
    "endless garbage": (endlessly(b"", bytes(range(256)) * 100), NO_HTTP, {}),
    "another protocol": (says(b"220 mail.example ESMTP\r\n"), NO_HTTP, {}),
    "HTTP/0.9": (says(b"<html>"), NO_HTTP, {}),
    "HTTP/2": (says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"), NO_HTTP, {}),
    "endless chunks": (
        endlessly(CHUNKED, b"64\r\n" + b"x" * 100 + b"\r\n"),
        ("body", "a body of more than 500000 bytes"),
        {"max_body": 500_000},
    ),
    "endless chunks of a byte": (
        endlessly(CHUNKED, b"1\r\nx\r\n" * 1000),
        WRAPPING,
        {},
    ),
    "an endless chunk's extension at full speed": (
        endlessly(CHUNKED + b"1;", b"x" * 10_000),
        WRAPPING,
        {},
    ),
    "an endless chunk's extension": (
        endlessly(CHUNKED + b"1;", b"x" * 1000, 0.01),
        TOO_LATE,
        {"timeout": 0.3},
    ),
    "endless trailers": (
        says(CHUNKED, b"0\r\n" + b"X: y\r\n" * 1000, pause=0.05),
        WRONG_BODY,
        {},
    ),
    "chunks that stop": (says(CHUNKED + b"3\r\nabc\r\n"), TOO_LATE, {"timeout": 0.3}),
    "a chunk too big for any integer": (says(CHUNKED + b"f" * 40 + b"\r\nabc"), WRONG_BODY, {}),
    "a length that is too long": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
        TOO_LATE,
        {"timeout": 0.3},
    ),
    "a length that is too short": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay"), TOO_MUCH, {}),
    "a length below 0": (says(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"), NO_HTTP, {}),
    "two lengths": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
        NO_HTTP,
        {},
    ),
    "a length and chunks": (
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        NO_HTTP,
        {},
    ),
    "early hints": (says(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK), FINE, {}),
    "endless continuation": (
        endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
        TOO_LATE,
        {"timeout": 0.3},
    ),
    "another protocol from now on": (
        says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        ("body", "status 101, expected 2xx"),
        {},
    ),
    "a header with a NUL": (says(b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"), NO_HTTP, {}),
    "a redirect to a name with a NUL": (
        says(b"HTTP/1.1 302 Found\r\nLocation: http://a\0b/\r\nContent-Length: 0\r\n\r\n"),
        NO_HTTP,
        {"follow_redirects": True},
    ),
    "no content": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), FINE, {}),
    "content where there is none": (
        says(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok"),
        TOO_MUCH,
        {},
    ),
    "HEAD": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), FINE, {"method": "HEAD"}),
    "HEAD with a body": (says(OK), TOO_MUCH, {"method": "HEAD"}),
    "HTTP/1.0 that stays": (
        says(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"),
        FINE,
        {},
    ),
    "HTTP/1.0 that never ends": (says(b"HTTP/1.0 200 OK\r\n\r\nok"), TOO_LATE, {"timeout": 0.3}),
    "a reset within the headers": (
        resets_after(b"HTTP/1.1 200 OK\r\nX:"),
        ("connect", "Connection reset by peer"),
        {},
    ),
    "a reset within the body": (
        resets_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
        ("body", "the body broke off (Connection reset by peer)"),
        {},
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers(name: str) -> None:
    """However a server answers, the reason is right, the timeout is kept, nothing leaks, and no other API is held up."""
    behave, expected, settings = ANSWERS[name]
    async with server(behave) as (url, connections):
        outcome = await probed(url, **settings)
    assert (outcome.reason, outcome.detail) == expected
    assert len(connections) == 1  # a request that fails is not sent again, as each may cost something


async def says_alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break a handshake off, as a server does that knows none of the client's ways of encrypting."""
    await reader.read(1)
    writer.write(b"\x15\x03\x03\x00\x02\x02\x28")
    await writer.drain()
    await reader.read()


async def says_400(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a handshake as a server of plain HTTP does."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    await reader.read()


HANDSHAKES: dict[str, tuple[str, str]] = {
    "expired": ("tls", "certificate has expired"),
    "another name": ("tls", "IP address mismatch"),
    "another authority": ("tls", "unable to get local issuer certificate"),
    "plain": ("tls", "the server speaks no TLS on this port"),
    "alert": ("tls", "sslv3 alert handshake failure"),
    "stalls": TOO_LATE,
    "resets": ("connect", "Connection reset by peer"),
}


@pytest.mark.parametrize("name", HANDSHAKES)
async def test_tls(authority: trustme.CA, name: str) -> None:
    """A wrong certificate, or none, is a TLS error that says what is wrong, a stalled handshake is a timeout."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificate = {
        "expired": authority.issue_cert("127.0.0.1", not_after=yesterday),
        "another name": authority.issue_cert("another.example"),
        "another authority": trustme.CA().issue_cert("127.0.0.1"),
    }.get(name, authority.issue_cert("127.0.0.1"))
    certificate.configure_cert(context)
    client = ssl.create_default_context()
    authority.configure_trust(client)

    async def resets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    behave = {"plain": says_400, "alert": says_alert, "stalls": says_nothing, "resets": resets}.get(name)
    async with server(behave or says(OK), None if behave else context) as (url, _):
        https = url.replace("http://", "https://")
        outcome = await probed(https, client, timeout=0.3 if name == "stalls" else 20)
    assert (outcome.reason, outcome.detail) == HANDSHAKES[name]
    if name == "stalls":
        assert outcome.phases["connect"] >= 0.28


async def test_nobody_accepts() -> None:
    """A server whose queue of connections is full is a timeout, spent in connecting."""
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(3):  # more than the queue holds, whatever the system makes of 0
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(address)
        outcome = await probed(f"http://127.0.0.1:{address[1]}/", timeout=0.3)
    assert (outcome.reason, outcome.detail) == TOO_LATE
    assert outcome.phases["connect"] >= 0.28


@pytest.mark.parametrize("checks", [None, BodyChecks(contains="x")], ids=["unread", "looked at"])
async def test_100_megabytes(checks: BodyChecks | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 MB no more than the limit and what fits into one buffer is read, and no more than that is in memory."""
    received = 0
    arrives = HttpConnection.data_received

    def count(self: HttpConnection, data: bytes) -> None:
        nonlocal received
        received += len(data)
        arrives(self, data)

    monkeypatch.setattr(HttpConnection, "data_received", count)
    flood = endlessly(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", bytes(100_000))
    tracemalloc.start()
    try:
        async with server(flood) as (url, _), Prober() as prober:
            outcome = await prober.probe(Api("A", url, timeout=20, max_body=1_000_000, expected_body=checks))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (outcome.reason, outcome.detail) == ("body", "a body of more than 1000000 bytes")
    assert 1_000_000 < received < 2_000_000
    assert peak < 6_000_000


@pytest.mark.parametrize("apart", [False, True], ids=["at once", "a moment later"])
async def test_two_answers_to_one_request(*, apart: bool) -> None:
    """On a connection that is kept, what a server sends unasked is not taken for the answer to the next request."""
    unasked = b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"
    parts = (OK, unasked) if apart else (OK + unasked,)
    async with server(says(*parts, pause=0.01)) as (url, connections), Prober() as prober:
        api = Api("A", url, timeout=20, reuse_connection=True)
        for number in range(1, 4):
            outcome = await prober.probe(api)
            assert (outcome.reason, outcome.detail) == FINE
            assert (outcome.response_time or 0) > 0
            assert len(connections) == number
            await asyncio.sleep(0.03)  # the second answer may come in this time


async def test_a_kept_connection_that_was_closed_meanwhile() -> None:
    """A server may close a kept connection at any time: that is no failure, the request goes out on another."""
    closing = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # and gives no second answer
        closing.set()

    async with server(once) as (url, connections), Prober() as prober:
        api = Api("A", url, timeout=20, reuse_connection=True)
        assert (await prober.probe(api)).reason is None
        assert (await prober.probe(api)).reason is None
        assert closing.is_set()
        assert len(connections) == 2


@pytest.mark.parametrize("status", [b"200 OK", b"101 Switching Protocols"])
async def test_a_connection_that_speaks_another_protocol_is_not_kept(status: bytes) -> None:
    """Behind `101 Switching Protocols` there is no HTTP any more, so that the next request goes over a new connection."""
    answer = b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status
    async with server(says(answer)) as (url, connections), Prober() as prober:
        api = Api("A", url, timeout=20, reuse_connection=True, expected_status=frozenset({101, 200}))
        for _ in range(2):
            assert (await prober.probe(api)).reason is None
        assert len(connections) == (1 if status.startswith(b"200") else 2)


@pytest.mark.parametrize("with_tls", [False, True])
async def test_an_answer_before_the_request(
    tls: ssl.SSLContext, authority: trustme.CA, *, with_tls: bool
) -> None:
    """A server that is overloaded may answer at once, and close: what it says counts, even if we come to it late."""

    async def busy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)

    client = ssl.create_default_context()
    authority.configure_trust(client)
    async with server(busy, tls if with_tls else None) as (url, _):
        _, connection = await asyncio.get_running_loop().create_connection(
            HttpConnection, "127.0.0.1", URL(url).port, ssl=client if with_tls else None
        )
        while connection.is_open:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.001)
        parser = AnswerParser(to_head=False, max_body=1000, keep=True)
        answer = await connection.exchange(b"GET / HTTP/1.1\r\n\r\n", parser)
    assert (answer.status, answer.problem) == (503, None)


async def test_an_answer_is_given_up_at_once() -> None:
    """What has been read of an answer does not stay in memory until Python looks for cycles."""
    async with server(says(OK)) as (url, _), Prober() as prober:
        gc.collect()
        gc.disable()
        try:
            assert (await prober.probe(Api("A", url, timeout=20))).reason is None
            assert (await prober.probe(Api("A", url, timeout=20, max_body=1))).reason == "body"
            left = [found for found in gc.get_objects() if isinstance(found, AnswerParser)]
        finally:
            gc.enable()
    assert left == []


async def test_kept_connections_that_end_are_forgotten() -> None:
    """An API that is asked at ever new places, as a redirect may lead to, does not fill the memory with what has ended."""
    async with Prober() as prober:
        for _ in range(3):
            async with server(says(OK)) as (url, _):
                assert (await prober.probe(Api("A", url, timeout=20, reuse_connection=True))).reason is None
                assert len(kept_connections()) == 1
            async with asyncio.timeout(10):
                while kept_connections():  # noqa: ASYNC110 - no event tells of it
                    await asyncio.sleep(0.01)


def kept_connections() -> list[HttpConnection]:
    """Return the connections that this process holds."""
    gc.collect()
    return [found for found in gc.get_objects() if isinstance(found, HttpConnection)]
