"""Real HTTP servers on loopback, and the collector's objects that talk to them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http.server import ThreadingHTTPServer

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from collector.probe import Prober
from tests.collector.traffic import Answers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[..., Awaitable[str]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ServeRaw = Callable[[RawHandler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start web servers that answer every path with a handler; give their URLs."""
    servers: list[TestServer] = []

    async def start(handler: Handler, tls: ssl.SSLContext | None = None) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app, host="127.0.0.1", scheme="https" if tls else "http")
        await server.start_server(ssl=tls, shutdown_timeout=0.1)
        servers.append(server)
        return str(server.make_url("/"))

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def serve_raw() -> AsyncIterator[ServeRaw]:
    """Start servers that write bytes as they please once the request has come; give their URLs."""
    servers: list[asyncio.Server] = []
    connections: set[asyncio.Task[None] | None] = set()

    async def start(handler: RawHandler) -> str:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(asyncio.current_task())
            await reader.readuntil(b"\r\n\r\n")
            with contextlib.suppress(ConnectionError):  # the client may be gone
                await handler(reader, writer)
                writer.close()
                await writer.wait_closed()

        server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()
    await asyncio.gather(*filter(None, connections))


@pytest.fixture
async def prober() -> AsyncIterator[Prober]:
    """Give a prober with the default settings."""
    async with Prober() as prober:
        yield prober


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Give a certificate authority that nobody trusts yet."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """Give a server's TLS settings with a certificate of that authority for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def answers() -> Iterator[str]:
    """Give the URL of a server that answers as the path says."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        Answers.ended.set()
        server.shutdown()


@pytest.fixture
def registry() -> CollectorRegistry:
    """Give an empty registry."""
    return CollectorRegistry()
