"""How requests get to their APIs: over connections that are made anew, or kept."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from collector.answer_parser import AnswerParser
from collector.credentials import system_trust
from collector.dialer import Dialer
from collector.pool import Pool
from collector.probe_failure import UnansweredError, failed_connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from collector.answer import Answer
    from collector.api import Api
    from collector.credentials import Tls
    from collector.http_connection import HttpConnection
    from collector.phases import PhaseClock
    from collector.request import Request

_FAMILIES: Final = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
_IDEMPOTENT: Final = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}


class _Way(NamedTuple):
    """What is common to all connections of an API."""

    ip_version: int | None
    tls: Tls | None
    allow_link_local: bool


class _Line(NamedTuple):
    dialer: Dialer
    pool: Pool


class Transport:
    """Sends requests over connections as their APIs want them.

    Args:
        ssl_context: Which certificates to trust where the API does not say; the system's if None.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._ssl_context = ssl_context or system_trust()
        self._lines: dict[_Way, _Line] = {}

    async def send(self, request: Request, clock: PhaseClock, *, keep_body: bool) -> Answer:
        """Send a request and return its answer.

        A request on a kept connection, which its server may close at any time, is sent again if that has happened, unless it
        could then have been heard twice.

        Args:
            request: What is sent.
            clock: Is told what is waited for.
            keep_body: Whether anybody looks at the body.

        Raises:
            ProbeFailure: There was no answer.
        """
        line = self._line(request.api)

        async def over(connection: HttpConnection) -> Answer:
            clock.enter("processing")
            api = request.api
            parser = AnswerParser(to_head=request.method == "HEAD", max_body=api.max_body, keep=keep_body)
            answer = await connection.exchange(request.message, parser)
            if api.reuse_connection and parser.reusable and connection.is_open:
                line.pool.put(request.place, connection)
            else:
                connection.abort()
            return answer

        if request.api.reuse_connection and (kept := line.pool.take(request.place)):
            try:
                return await over(kept)
            except UnansweredError:
                if request.method not in _IDEMPOTENT:
                    raise
            clock.enter("connect")
        return await over(await line.dialer.open(request.url, request.proxy, clock))

    def close_unused(self, apis: Iterable[Api]) -> None:
        """Close the connections of ways that none of the APIs takes any more."""
        used = {_way(api) for api in apis}
        for way in [way for way in self._lines if way not in used]:
            self._lines.pop(way).pool.close()

    def close(self) -> None:
        """Close all connections."""
        for line in self._lines.values():
            line.pool.close()

    def _line(self, api: Api) -> _Line:
        way = _way(api)
        if way not in self._lines:
            try:
                context = way.tls.context() if way.tls else self._ssl_context
            except OSError as error:  # the files have become unusable since the configuration was read
                raise failed_connection(error) from None
            family = _FAMILIES[way.ip_version]
            self._lines[way] = _Line(Dialer(context, family, allow_link_local=way.allow_link_local), Pool())
        return self._lines[way]


def _way(api: Api) -> _Way:
    return _Way(api.ip_version, api.tls, api.allow_link_local)
