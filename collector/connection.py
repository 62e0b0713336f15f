"""Connections that note when bytes arrive.

A coroutine learns of an answer only when the event loop gets round to it; with a thousand probes in flight that
adds milliseconds that the API did not cause. So the time is taken in the protocol, where the bytes come in.
"""

from __future__ import annotations

import socket
import ssl
import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

from collector.addresses import guarded_socket, refuse
from collector.phases import PRESENT
from collector.resolver import ThreadPerLookupResolver

if TYPE_CHECKING:
    import asyncio

    from aiohappyeyeballs import AddrInfoType
    from aiohttp.abc import ResolveResult
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


_WRAPPING: Final = 200_000
_WRAPPING_RATIO: Final = 1.5
"""More than so many bytes for each of the body, and this allowance for headers, are only sent in chunks of ten bytes and less:
one read of those holds everything up for 0.1 s, and an answer of some megabytes has thousands of reads."""


class TimedProtocol(ResponseHandler):
    """aiohttp's protocol, with `time.perf_counter` at the first and the last byte of the present answer."""

    first_byte: float | None = None
    last_byte: float = 0.0
    _idle: bool = False
    _received: int = 0

    def rest(self) -> None:
        """Expect nothing until the next request; what comes all the same would be taken for that one's answer."""
        self._idle = True

    def set_response_params(self, **params: Any) -> None:  # noqa: ANN401 - handed on unseen
        """Expect an answer, as aiohttp does before it sends a request."""
        self._idle, self._received = False, 0
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
        self._received += len(data)
        self._give_up_what_is_mostly_wrapping()

    def _give_up_what_is_mostly_wrapping(self) -> None:
        """End an answer in chunks of a few bytes, whose parsing would keep all other probes waiting."""
        body = self._payload
        if body is None or body.is_eof() or self.transport is None:
            return
        if self._received > _WRAPPING + _WRAPPING_RATIO * body.total_bytes:
            self.transport.abort()  # which the body's reader is told as an answer that broke off


class TimedResolver(ThreadPerLookupResolver):
    """A resolver that tells the clock of the probe under way when it begins and ends."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the host's addresses; errors as in the parent class."""
        PRESENT.get().enter("dns")
        addresses = await super().resolve(host, port, family)
        PRESENT.get().enter("connect")
        return addresses


class TimedConnector(aiohttp.TCPConnector):
    """A connector whose connections are `TimedProtocol`s.

    Args:
        allow_link_local: Whether addresses that are link-local or of cloud metadata may be connected to.
        options: Those of `aiohttp.TCPConnector`.
    """

    def __init__(self, *, allow_link_local: bool, **options: Any) -> None:  # noqa: ANN401 - handed to TCPConnector unseen
        guard = None if allow_link_local else guarded_socket
        super().__init__(resolver=TimedResolver(), socket_factory=guard, **options)
        self._allow_link_local = allow_link_local
        self._factory = partial(TimedProtocol, loop=self._loop)  # type: ignore[assignment] # partial is invariant

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as TCPConnector has it
    ) -> Connection:
        """Give a connection, old or new, from which on the API is at work."""
        connection = await super().connect(req, traces, timeout)
        PRESENT.get().enter("processing")
        return connection

    async def _wrap_create_connection(
        self,
        *args: Any,  # noqa: ANN401 - as TCPConnector has it
        addr_infos: list[AddrInfoType],
        req: ClientRequest,
        client_error: type[Exception] = aiohttp.ClientConnectorError,
        **kwargs: Any,  # noqa: ANN401
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        """Leave a lone address to the event loop: where there is nothing to race, a socket made in Python only costs CPU."""
        host, port, *scope = addr_infos[0][4]
        if len(addr_infos) > 1 or any(scope):
            return await super()._wrap_create_connection(
                *args, addr_infos=addr_infos, req=req, client_error=client_error, **kwargs
            )
        try:
            if not self._allow_link_local:
                refuse(str(host))
        except OSError as error:
            raise client_error(req.connection_key, error) from error
        return await self._wrap_existing_connection(
            *args, host=host, port=port, req=req, client_error=client_error, **kwargs
        )


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
    return _seconds(certificate["notAfter"]) if certificate else None


_seconds = lru_cache(maxsize=10_000)(ssl.cert_time_to_seconds)  # the same few, at each new connection
