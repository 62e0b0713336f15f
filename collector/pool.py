"""Connections that wait for their next request."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from yarl import URL

    from collector.http_connection import HttpConnection

_REST_SECONDS: Final = 3600.0
"""For APIs that reuse connections: the server, not we, should decide how long one lives."""


class Place(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str | None
    port: int | None
    proxy: URL | None

    @classmethod
    def of(cls, url: URL, proxy: URL | None) -> Self:
        """Return where a URL is asked for."""
        return cls(url.scheme, url.raw_host, url.port, proxy)


class Pool:
    """Keeps connections until they are needed again; the one that rests for the shortest time goes first."""

    def __init__(self) -> None:
        self._resting: defaultdict[Place, list[HttpConnection]] = defaultdict(list)

    def take(self, place: Place) -> HttpConnection | None:
        """Return a connection that is still open, as far as is known; None if there is none."""
        resting = self._resting[place]
        while resting:
            connection = resting.pop()
            connection.wake()
            if connection.is_open:
                return connection
        del self._resting[place]
        return None

    def put(self, place: Place, connection: HttpConnection) -> None:
        """Keep a connection."""
        connection.rest(_REST_SECONDS, partial(self._forget, place, connection))
        self._resting[place].append(connection)

    def _forget(self, place: Place, connection: HttpConnection) -> None:
        """Let go of one that has ended: places that nobody asks for again would fill the memory in time."""
        resting = self._resting[place]
        if connection in resting:
            resting.remove(connection)
        if not resting:
            del self._resting[place]

    def close(self) -> None:
        """End all connections."""
        for resting in self._resting.values():
            for connection in resting:
                connection.abort()
        self._resting.clear()
