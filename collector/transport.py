"""The connections of probes: one aiohttp session for each way of connecting, made when first needed."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp

from collector.connection import TimedConnector, TimedResponse
from collector.version import __version__

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from collector.api import Api
    from collector.credentials import Tls

_KEEPALIVE_SECONDS: Final = 3600.0
"""For APIs that reuse connections: the server, not we, should decide how long one lives."""
_FAMILIES: Final = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class _Way(NamedTuple):
    reuse: bool
    ip_version: int | None
    tls: Tls | None
    allow_link_local: bool


def _way(api: Api) -> _Way:
    return _Way(api.reuse_connection, api.ip_version, api.tls, api.allow_link_local)


class Transport:
    """Gives each API the session that connects as it wants.

    Args:
        ssl_context: Which certificates to trust where the API does not say; the system's if None.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._ssl_context = ssl_context
        self._sessions: dict[_Way, aiohttp.ClientSession] = {}

    def session(self, api: Api) -> aiohttp.ClientSession:
        """Return the API's session.

        Raises:
            OSError: The TLS files that the configuration named have become unusable since it was read.
        """
        way = _way(api)
        if way not in self._sessions:
            self._sessions[way] = self._open(way)
        return self._sessions[way]

    async def close_unused(self, apis: Iterable[Api]) -> None:
        """Close the connections of ways that none of the APIs takes any more."""
        used = {_way(api) for api in apis}
        for way in [way for way in self._sessions if way not in used]:
            await self._sessions.pop(way).close()

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()

    def _open(self, way: _Way) -> aiohttp.ClientSession:
        connector = TimedConnector(
            limit=0,
            ssl=way.tls.context() if way.tls else self._ssl_context or True,
            use_dns_cache=False,
            family=_FAMILIES[way.ip_version],
            allow_link_local=way.allow_link_local,
            **({"keepalive_timeout": _KEEPALIVE_SECONDS} if way.reuse else {"force_close": True}),
        )
        session = aiohttp.ClientSession(
            connector=connector,
            response_class=TimedResponse,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "User-Agent": f"rapidapi-collector/{__version__}",
                "Accept-Encoding": "gzip, deflate",  # what `body.unpacked` knows
            },
            timeout=aiohttp.ClientTimeout(total=None),  # the prober sets the one limit there is
            auto_decompress=False,  # a small body can unpack into gigabytes
        )
        # Or aiohttp sends a request again whose connection was lost: two requests that are counted, and paid for, as one. On a
        # kept connection that is right, as its server may close it at any time. There is no public setting.
        session._retry_connection = way.reuse  # noqa: SLF001 - see above
        return session
