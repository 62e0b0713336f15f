"""The collector's HTTP endpoints: `/metrics` for Prometheus, `/health`, `/status` for people, `/-/reload`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from collector.errors import ListenError, system_words
from collector.scrapes import Scrapes
from collector.version import __version__

if TYPE_CHECKING:
    from collector.discovery import Discovery
    from collector.fleet import Fleet
    from collector.piecewise import PiecewiseRegistry
    from collector.reload import Reloader
    from collector.system_metrics import SystemCollector


class Endpoints:
    """Answers requests.

    Args:
        registry: What `/metrics` shows.
        system: Whose uptime `/health` states.
        fleet: The APIs that are probed, for `/health` and `/status`.
        discovery: The sources of APIs, for `/status`.
        reloader: What loads configurations, for `/status` and `POST /-/reload`.
        may_reload: Whether `POST /-/reload` is allowed.

    Attributes:
        scrapes: How often `/metrics` was asked.
    """

    def __init__(
        self,
        registry: PiecewiseRegistry,
        system: SystemCollector,
        fleet: Fleet,
        discovery: Discovery,
        reloader: Reloader,
        *,
        may_reload: bool,
    ) -> None:
        self._registry = registry
        self._system = system
        self._fleet = fleet
        self._discovery = discovery
        self._reloader = reloader
        self._may_reload = may_reload
        self.scrapes = Scrapes()

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/health", self._health)
        app.router.add_get("/status", self._status)
        app.router.add_post("/-/reload", self._reload)
        return app

    async def _metrics(self, request: web.Request) -> web.Response:
        with self.scrapes.one():
            body, content_type = await self._registry.encode(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "apis": len(self._fleet), **self._process()})

    async def _status(self, _request: web.Request) -> web.Response:
        probed = {"sources": self._discovery.status(), "apis": self._fleet.status()}
        return web.json_response({**self._process(), "config": self._reloader.status(), **probed})

    def _process(self) -> dict[str, Any]:
        return {"version": __version__, "uptime": round(self._system.uptime, 3)}

    async def _reload(self, _request: web.Request) -> web.Response:
        if not self._may_reload:
            return web.Response(
                status=403, text="set COLLECTOR_ENABLE_RELOAD=true to allow this, or send SIGHUP\n"
            )
        error = await self._reloader.load()
        return web.Response(status=500, text=f"{error}\n") if error else web.Response(text="reloaded\n")


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Serve the application; return its runner, to be cleaned up, and its URL.

    Raises:
        ListenError: The address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ListenError(host, port, system_words(error)) from error
    return runner, f"http://{_bracketed(host)}:{runner.addresses[0][1]}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
