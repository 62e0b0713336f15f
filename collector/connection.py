"""Connections that note when bytes arrive.

A coroutine learns of an answer only when the event loop gets round to it; with a thousand probes in flight that
adds milliseconds that the API did not cause. So the time is taken in the protocol, where the bytes come in.
"""

from __future__ import annotations

import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from aiohttp.connector import Connection


class TimedProtocol(ResponseHandler):
    """aiohttp's protocol, with `time.perf_counter` at the first and the last byte of the present answer."""

    first_byte: float | None = None
    last_byte: float = 0.0
    _idle: bool = False

    def rest(self) -> None:
        """Expect nothing until the next request; what comes all the same would be taken for that one's answer."""
        self._idle = True

    def set_response_params(self, **params: Any) -> None:  # noqa: ANN401 - handed on unseen
        """Expect an answer, as aiohttp does before it sends a request."""
        self._idle = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Note the time, then go on as aiohttp does."""
        if data and self._idle:  # aiohttp itself calls this without data, when it goes on reading
            self.abort()
            return
        if data:
            self.last_byte = time.perf_counter()
            if self.first_byte is None:
                self.first_byte = self.last_byte
        super().data_received(data)


class TimedConnector(aiohttp.TCPConnector):
    """A connector whose connections are `TimedProtocol`s."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - handed to TCPConnector unseen
        super().__init__(**options)
        self._factory = partial(TimedProtocol, loop=self._loop)  # type: ignore[assignment] # partial is invariant


class TimedResponse(aiohttp.ClientResponse):
    """An answer that knows when its bytes arrived and when its server's certificate ends."""

    certificate_expiry: float | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Keep hold of the protocol, which aiohttp gives up with the last byte, and read the status and headers."""
        assert isinstance(connection.protocol, TimedProtocol)  # noqa: S101 - for the type checker; our connector's
        self._timed = connection.protocol
        connection.add_callback(self._timed.rest)
        if connection.transport is not None:
            self.certificate_expiry = _certificate_expiry(connection.transport.get_extra_info("peercert"))
        return await super().start(connection)

    def take_times(self) -> tuple[float, float]:
        """Return the readings of `time.perf_counter` at the first and the last byte; call once, after reading."""
        first = self._timed.first_byte
        self._timed.first_byte = None  # the connection may serve another request
        return (self._timed.last_byte if first is None else first), self._timed.last_byte


def _certificate_expiry(certificate: dict[str, Any] | None) -> float | None:
    return ssl.cert_time_to_seconds(certificate["notAfter"]) if certificate else None
