"""The sidecar's HTTP endpoints. They hand out what is ready: none of them queries, scores or waits."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ml_sidecar.errors import PortTakenError
from ml_sidecar.page import render_page

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SHUTDOWN_SECONDS = 3


class SidecarState(Protocol):
    """What the endpoints need to know of the running sidecar."""

    def exposition(self) -> bytes:
        """Body of /metrics, ready."""

    def exposition_json(self) -> bytes:
        """Body of /metrics/json; the first call after a publication may take a while."""

    def health(self) -> dict[str, Any]:
        """Body of /health: the process is alive."""

    def readiness(self) -> tuple[bool, str]:
        """Whether models are loaded and the last cycle is recent, and why or why not."""

    def status(self) -> dict[str, Any]:
        """Body of /status, without secrets."""


def create_app(state: SidecarState) -> Starlette:
    """The endpoints over a running sidecar."""

    async def metrics(_: Request) -> Response:
        return Response(state.exposition(), headers={"Content-Type": EXPOSITION_TYPE})

    async def metrics_json(_: Request) -> Response:
        content = await run_in_threadpool(state.exposition_json)
        return Response(content, media_type="application/json")

    async def health(_: Request) -> Response:
        return JSONResponse(state.health())

    async def ready(_: Request) -> Response:
        is_ready, reason = state.readiness()
        return JSONResponse({"ready": is_ready, "reason": reason}, status_code=200 if is_ready else 503)

    async def status(_: Request) -> Response:
        return JSONResponse(await run_in_threadpool(state.status))

    async def page(_: Request) -> Response:
        content = await run_in_threadpool(lambda: render_page(state.status(), *state.readiness()))
        return HTMLResponse(content, headers=_PAGE_HEADERS)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/metrics", metrics),
            Route("/metrics/json", metrics_json),
            Route("/health", health),
            Route("/ready", ready),
            Route("/status", status),
        ]
    )


@asynccontextmanager
async def serve(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the context lasts, in the running event loop; signals are left to the caller.

    Args:
        app: what `create_app` made.
        host: address to listen on.
        port: 0 for any free one.

    Yields:
        The port.

    Raises:
        PortTakenError: another process listens there.
        OSError: the address is not of this machine.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_SHUTDOWN_SECONDS
    )
    server = uvicorn.Server(config)
    # Server.serve() would take SIGINT and SIGTERM for itself; this is the same without that.
    serving = asyncio.create_task(server._serve([listener]))  # noqa: SLF001 - uvicorn has no public way
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(host, port) from error
        raise
