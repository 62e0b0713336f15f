"""Probes HTTP APIs, or measures your own calls to them, and exposes the results to Prometheus.

Run it with `rapidapi-collector run --config apis.yml`; or measure real traffic in your own process, so that an API with a
quota need not be probed: with `InstrumentedSession` for requests, `InstrumentedClient` and `InstrumentedAsyncClient`
for httpx, `aiohttp_trace` for aiohttp; `shared_registry` is what a server with several worker processes shows of it,
and with a `Handover` a script that soon ends gives it to the collector.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collector.aiohttp_client import aiohttp_trace
    from collector.errors import CollectorError, ConfigError
    from collector.exposition import shared_registry
    from collector.handover import Handover
    from collector.httpx_client import InstrumentedAsyncClient, InstrumentedClient
    from collector.session import InstrumentedSession
    from collector.version import __version__

__all__ = [
    "CollectorError",
    "ConfigError",
    "Handover",
    "InstrumentedAsyncClient",
    "InstrumentedClient",
    "InstrumentedSession",
    "__version__",
    "aiohttp_trace",
    "shared_registry",
]

# Who measures one HTTP client need not load, or have, the others; and the collector's process is to begin at once.
_HOMES = {
    "CollectorError": "collector.errors",
    "ConfigError": "collector.errors",
    "Handover": "collector.handover",
    "InstrumentedAsyncClient": "collector.httpx_client",
    "InstrumentedClient": "collector.httpx_client",
    "InstrumentedSession": "collector.session",
    "__version__": "collector.version",
    "aiohttp_trace": "collector.aiohttp_client",
    "shared_registry": "collector.exposition",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class or a function
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
