"""A connection to a server that notes when bytes arrive.

It stands in the place of a library's client, which was a third of what a probe cost: with aiohttp's, `benchmarks/collector.py` found
0.47 of what blackbox_exporter takes for a plain probe with a new connection and 0.41 with one that is kept, this way 0.32 and 0.28. And
a coroutine learns of an answer only when the event loop gets round to it; with a thousand probes in flight that adds milliseconds that
the API did not cause. So the time is taken here, where the bytes come in.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from collector.answer import Answer
from collector.probe_failure import ProbeFailure, UnansweredError, failed_connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.answer_parser import AnswerParser


class HttpConnection(asyncio.Protocol):
    """Serves one request after the other. What comes in between would be taken for the answer to the next, and ends it.

    Attributes:
        certificate_expiry: Unix time at which the server's certificate ends; None without TLS.
    """

    def __init__(self) -> None:
        self.certificate_expiry: float | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: AnswerParser | None = None
        self._answered: asyncio.Future[None] | None = None
        self._first_byte = self._last_byte = 0.0
        self._early: bytes | None = b""  # what came before the first request; None from then on
        self._lost: ProbeFailure | None = None
        self._end_of_rest: asyncio.TimerHandle | None = None
        self._on_end: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet, as far as is known."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, message: bytes, parser: AnswerParser) -> Answer:
        """Send a request and return its answer. Without one, or if the wait is cancelled, the connection is of no more use.

        Args:
            message: The request as it is sent.
            parser: Reads the answer.

        Raises:
            ProbeFailure: There was none; `UnansweredError` if no byte of it came.
        """
        early, self._early = self._early, None
        self._parser = parser
        self._answered = self._loop.create_future()
        try:
            self._begin(message, early)
            await self._answered
        except BaseException:
            self.abort()
            raise
        finally:
            self._parser = self._answered = None
            parser.release()
        if early:  # the request itself may still be answered
            self.abort()
        return Answer(
            parser.status,
            parser.headers,
            parser.body,
            parser.problem,
            self._first_byte,
            self._last_byte,
            self.certificate_expiry,
        )

    async def start_tls(self, context: ssl.SSLContext, server_name: str) -> None:
        """Go over to TLS.

        Raises:
            OSError: The handshake fails, by `ssl.SSLError` or by the end of the connection.
        """
        if self._transport is None:
            raise ConnectionResetError
        self._early = b""
        transport = await self._loop.start_tls(self._transport, self, context, server_hostname=server_name)
        self.connection_made(cast("asyncio.Transport", transport))

    def rest(self, seconds: float, on_end: Callable[[], None]) -> None:
        """Wait for the next request, not longer than this; call back if the connection ends in the meantime."""
        self._end_of_rest = self._loop.call_later(seconds, self.abort)
        self._on_end = on_end

    def wake(self) -> None:
        """End the wait."""
        if self._end_of_rest:
            self._end_of_rest.cancel()
            self._end_of_rest = self._on_end = None

    def abort(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the transport, at the end of the handshake if there is one."""
        self._transport = cast("asyncio.Transport", transport)
        certificate = transport.get_extra_info("peercert")
        self.certificate_expiry = _unix_time(certificate["notAfter"]) if certificate else None

    def data_received(self, data: bytes) -> None:
        """Note the time, and read on in the answer."""
        now = time.perf_counter()
        parser = self._parser
        if parser is None and self._early is not None:
            self._early += data
            return
        if parser is None or parser.complete:
            self.abort()
            return
        if not parser.received:
            self._first_byte = now
        self._last_byte = now
        try:
            if parser.feed(data):
                self._finish()
        except ProbeFailure as failure:
            self._finish(failure)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer, of which what has come may be all."""
        on_end = self._on_end
        self.wake()
        if on_end:
            on_end()
        self._transport = None
        self._lost = failed_connection(exc) if isinstance(exc, OSError) else None
        self._end()

    def _begin(self, message: bytes, early: bytes | None) -> None:
        """Send the request, unless its server has not waited for it: one that is overloaded may answer at once, and close."""
        if early:
            self.data_received(early)
        if self._transport is None:
            self._end()
        elif not (self._parser and self._parser.complete):
            self._transport.write(message)

    def _end(self) -> None:
        parser = self._parser
        if parser is None or parser.complete:
            return
        failure, self._lost = self._lost, None
        try:
            parser.end(failure)
        except ProbeFailure as error:
            self._finish(error if parser.received else UnansweredError(error.reason, error.detail))
        else:
            self._finish()

    def _finish(self, failure: ProbeFailure | None = None) -> None:
        if self._answered is None or self._answered.done():  # cancelled a moment ago
            return
        if failure:
            self._answered.set_exception(failure)
        else:
            self._answered.set_result(None)


_unix_time = lru_cache(maxsize=10_000)(ssl.cert_time_to_seconds)  # the same few, at each new connection
