"""How a probe gets to its API: redirects, proxies, certificates, IP versions, and servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Literal

import pytest
import trustme
from aiohttp import web

from collector.api import Api
from collector.credentials import TlsFiles
from collector.probe import Prober

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.collector.conftest import Serve, ServeRaw

pytestmark = pytest.mark.integration

Seen = list[tuple[str, str | None, str]]


def noting(seen: Seen, location: str | None = None, status: int = 302) -> object:
    """Return a handler that notes what it was sent, and redirects what has not been redirected yet."""

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers.get("X-Key"), await request.text()))
        if location is None or request.path == "/there":
            return web.Response()
        return web.Response(status=status, headers={"Location": location})

    return answer


@pytest.mark.parametrize(
    ("status", "second"), [(302, ("GET", "k", "")), (303, ("GET", "k", "")), (307, ("POST", "k", "b"))]
)
async def test_a_redirect_on_the_same_host(
    serve: Serve, prober: Prober, status: int, second: tuple[str, str, str]
) -> None:
    """A redirect is followed where that was asked for, with the headers, and with the body where HTTP says so."""
    seen: Seen = []
    url = await serve(noting(seen, "/there", status))
    api = Api("A", url, "POST", {"X-Key": "k"}, "b", follow_redirects=True)
    outcome = await prober.probe(api)
    assert outcome.reason is None
    assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))
    assert seen == [("POST", "k", "b"), second]


async def test_a_redirect_to_another_host_takes_no_secrets_along(serve: Serve, prober: Prober) -> None:
    """Neither headers nor body go to a host that the configuration does not name."""
    seen: Seen = []
    other = await serve(noting(seen))
    url = await serve(noting([], other, 307))
    outcome = await prober.probe(Api("A", url, "POST", {"X-Key": "k"}, "b", follow_redirects=True))
    assert outcome.reason is None
    assert seen == [("POST", None, "")]


@pytest.mark.parametrize(
    ("location", "detail"),
    [
        ("/", "more than 10 redirects"),
        ("file:///etc/passwd", "a redirect to what is no address of HTTP"),
        ("ftp://127.0.0.1/", "a redirect to what is no address of HTTP"),
    ],
)
async def test_redirects_that_lead_nowhere(serve: Serve, prober: Prober, location: str, detail: str) -> None:
    """A loop ends, and only HTTP is followed."""
    outcome = await prober.probe(Api("A", await serve(noting([], location)), follow_redirects=True))
    assert (outcome.reason, outcome.detail) == ("body", detail)


async def test_a_redirect_to_a_name_that_cannot_be_decoded(serve: Serve, prober: Prober) -> None:
    """What only looks like an international name has no address, as any name that is unknown."""
    url = await serve(noting([], "http://xn--a.invalid/"))
    assert (await prober.probe(Api("A", url, follow_redirects=True))).reason == "dns"


async def test_client_certificate(
    serve: Serve, prober: Prober, authority: trustme.CA, tmp_path: Path
) -> None:
    """An API that asks for a certificate gets it, and an own authority is trusted, for this API alone."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    ca, client = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(ca))
    authority.issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(str(client))
    url = await serve(noting([]), server)
    files = TlsFiles(ca_file=str(ca), cert_file=str(client))
    assert (await prober.probe(Api("A", url, tls=files.settings()))).reason is None
    without = TlsFiles(ca_file=str(ca)).settings()
    assert (await prober.probe(Api("A", url, tls=without))).reason in {"tls", "connect"}
    assert (await prober.probe(Api("A", url))).reason == "tls"


async def test_proxy(serve_raw: ServeRaw, prober: Prober) -> None:
    """With a proxy, that is where the request goes, and it is timed like any other."""
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(b"asked")
        del reader
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    outcome = await prober.probe(Api("A", "http://api.invalid/", proxy=await serve_raw(proxy)))
    assert (outcome.reason, asked) == (None, [b"asked"])
    assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))


@contextlib.asynccontextmanager
async def tunnelling(answer: bytes, target: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a proxy that answers CONNECT so, and leads to the target if it agrees; give its URL and what it was asked."""
    asked: list[bytes] = []
    host, port = target.removeprefix("https://").strip("/").split(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if b" 200 " in answer:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        writer.close()

    async with await asyncio.start_server(on_connection, "127.0.0.1", 0) as server:
        yield f"http://me:pass%20word@127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 Connection established\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    ],
)
async def test_tls_through_a_proxy(
    serve: Serve, authority: trustme.CA, tls: ssl.SSLContext, answer: bytes, *, reuse: bool
) -> None:
    """A proxy makes way for TLS, sees no more than host and port, and an API's own secrets stay between it and us."""
    seen: Seen = []
    target = await serve(noting(seen), tls)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with tunnelling(answer, target) as (proxy, asked), Prober(trust) as prober:
        api = Api("A", f"{target}there", headers={"X-Key": "k"}, proxy=proxy, reuse_connection=reuse)
        outcomes = [await prober.probe(api) for _ in range(2)]
    for outcome in outcomes:
        assert outcome.reason is None
        assert outcome.certificate_expiry is not None
        assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))
    host = target.removeprefix("https://").strip("/").encode()
    question = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nProxy-Authorization: Basic bWU6cGFzcyB3b3Jk\r\n\r\n" % (
        host,
        host,
    )
    assert asked == [question] * (1 if reuse else 2)
    assert seen == [("GET", "k", "")] * 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", ("connect", "the proxy answered 407")),
        (b"HTTP/1.1 301 No\r\nLocation: http://127.0.0.1/\r\n\r\n", ("connect", "the proxy answered 301")),
        (b"what?\r\n\r\n", ("body", "the answer is no valid HTTP")),
        (b"", ("connect", "the connection was closed before the answer")),
    ],
)
async def test_a_proxy_that_refuses(
    serve: Serve, prober: Prober, tls: ssl.SSLContext, answer: bytes, expected: tuple[str, str]
) -> None:
    """What the proxy says instead of making way is an error of the connection, and no redirect of the API."""
    async with tunnelling(answer, await serve(noting([]), tls)) as (proxy, _):
        outcome = await prober.probe(Api("A", "https://api.invalid/", proxy=proxy, follow_redirects=True))
    assert (outcome.reason, outcome.detail) == expected


@pytest.mark.parametrize("host", [".x", "a..b", "a" * 64, "."])
async def test_an_impossible_name_behind_a_proxy(prober: Prober, host: str) -> None:
    """What cannot be a name has no address, also where a proxy would look it up."""
    async with tunnelling(b"HTTP/1.1 200 OK\r\n\r\n", "https://127.0.0.1:1") as (proxy, _):
        outcome = await prober.probe(Api("A", f"https://{host}/", proxy=proxy))
    assert (outcome.reason, outcome.detail) == ("dns", "not a possible host name")


async def test_addresses_that_fail_differently(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a name whose addresses fail each in its own way, all that is wrong is said, without the addresses."""

    def look_up(_host: str, port: int, **_: object) -> object:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port))
            for found in ("127.0.0.1", "255.255.255.255")
        ]

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        outcome = await prober.probe(Api("A", f"http://api.example:{taken.getsockname()[1]}/"))
    assert (outcome.reason, outcome.detail) == ("connect", "Connection refused, Network is unreachable")


async def test_ipv6(prober: Prober) -> None:
    """What listens on ::1 alone is reached, with its address in brackets."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "::1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await prober.probe(Api("A", f"http://[::1]:{port}/"))).reason is None
        assert (await prober.probe(Api("A", f"http://[::1]:{port}/", ip_version=6))).reason is None


@pytest.mark.parametrize(
    ("ip_version", "family"), [(None, socket.AF_UNSPEC), (4, socket.AF_INET), (6, socket.AF_INET6)]
)
async def test_ip_version(
    prober: Prober, monkeypatch: pytest.MonkeyPatch, ip_version: Literal[4, 6] | None, family: int
) -> None:
    """A name is looked up for the version that the API wants only."""
    asked = []

    def look_up(*_: object, family: int, **__: object) -> object:
        asked.append(family)
        raise socket.gaierror(socket.EAI_NONAME, "nothing")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    outcome = await prober.probe(Api("A", "http://api.example/", ip_version=ip_version))
    assert (outcome.reason, asked) == ("dns", [family])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n", "body"),
    ],
    ids=["HTTP/1.0", "chunked", "cut", "wrong chunk"],
)
async def test_ways_to_send_a_body(
    serve_raw: ServeRaw, prober: Prober, answer: bytes, reason: str | None
) -> None:
    """Old and chunked answers count like others; broken ones are errors of the body."""

    async def reply(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    assert (await prober.probe(Api("A", await serve_raw(reply)))).reason == reason


async def test_a_huge_body_is_not_read_to_its_end(serve_raw: ServeRaw, prober: Prober) -> None:
    """Of 100 MB no more than the limit and what was on its way is read."""
    sent = 0

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    outcome = await prober.probe(Api("A", await serve_raw(flood), max_body=1_000_000))
    assert (outcome.reason, outcome.detail) == ("body", "a body of more than 1000000 bytes")
    assert sent < 50_000_000


async def test_a_reset_connection(serve_raw: ServeRaw, prober: Prober) -> None:
    """A server that resets the connection is a connection error."""

    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    assert (await prober.probe(Api("A", await serve_raw(reset)))).reason == "connect"
