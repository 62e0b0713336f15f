"""Measures your own real traffic: httpx clients that count what passes through them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from collector.outcome import Outcome
from collector.traffic import Traffic, answer, is_cancellation

try:
    import httpx
except ImportError as error:
    raise ImportError("httpx is not installed: pip install 'rapidapi-ml[httpx]'") from error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from collector.handover import Handover


class _Measured:
    """What both clients have: options for httpx, and where their requests are counted."""

    def __init__(
        self,
        api_name: str,
        environment: str | None = None,
        registry: CollectorRegistry | Handover = REGISTRY,
        **options: Any,  # noqa: ANN401 - httpx' own
    ) -> None:
        super().__init__(**options)
        self._traffic = Traffic(api_name, environment, registry)


class InstrumentedClient(_Measured, httpx.Client):
    """An `httpx.Client` whose requests are counted and timed as the collector's probes are.

    Any answer below 400 is a success. A request counts once, redirects and authentication included, when its body has
    been read or closed; the time in which a streamed body was not waited for does not count. Serve the registry from
    your own process, for example with `prometheus_client.start_http_server(9102)`.

    Args:
        api_name: Value of the label `api_name`.
        environment: Value of the label `environment`; the variable `ENVIRONMENT`, or "production", if None.
        registry: Where the metrics are registered; or a `Handover` to the collector.
        options: What `httpx.Client` takes.
    """

    def send(self, request: httpx.Request, *, stream: bool = False, **kwargs: Any) -> httpx.Response:  # noqa: ANN401 - httpx' own
        """Send a request, as every verb does in the end, and count how it went."""
        exchange = _Exchange(self._traffic)
        with exchange.sending():
            response = super().send(request, stream=True, **kwargs)
        response.stream = _Stream(exchange.reading(response), response.stream)
        if not stream:
            try:
                response.read()
            except BaseException:
                response.close()
                raise
        return response


class InstrumentedAsyncClient(_Measured, httpx.AsyncClient):
    """An `httpx.AsyncClient` whose requests are counted and timed as the collector's probes are.

    As `InstrumentedClient`; what your program cancels does not count.

    Args:
        api_name: Value of the label `api_name`.
        environment: Value of the label `environment`; the variable `ENVIRONMENT`, or "production", if None.
        registry: Where the metrics are registered; or a `Handover` to the collector.
        options: What `httpx.AsyncClient` takes.
    """

    async def send(self, request: httpx.Request, *, stream: bool = False, **kwargs: Any) -> httpx.Response:  # noqa: ANN401 - httpx' own
        """Send a request, as every verb does in the end, and count how it went."""
        exchange = _Exchange(self._traffic)
        with exchange.sending():
            response = await super().send(request, stream=True, **kwargs)
        response.stream = _AsyncStream(exchange.reading(response), response.stream)
        if not stream:
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
        return response


class _Exchange:
    """One request and its answer."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._seconds = 0.0
        self._handled_before = sys.exception()
        self._ended = False
        self._response: httpx.Response | None = None

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """Time what comes before the body; count it if it fails."""
        started = time.perf_counter()
        try:
            yield
        except httpx.HTTPError as error:
            self._traffic.record(_failure(error, time.perf_counter() - started))
            raise
        self._seconds = time.perf_counter() - started

    def reading(self, response: httpx.Response) -> _Exchange:
        """Go on to the body of this answer."""
        self._response = response
        return self

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Add the time until the next part of the body."""
        started = time.perf_counter()
        try:
            yield
        except BaseException as error:
            self._seconds += time.perf_counter() - started
            self.end(error)
            raise
        self._seconds += time.perf_counter() - started

    def closed(self) -> None:
        """End the exchange; httpx closes an answer while the error passes by that made it unreadable."""
        error = sys.exception()
        self.end(None if error is self._handled_before else error)

    def end(self, error: BaseException | None = None) -> None:
        """Count the request, once."""
        if not self._ended and not is_cancellation(error):
            self._traffic.record(self._outcome(error))
        self._ended = True

    def _outcome(self, error: BaseException | None) -> Outcome:
        assert self._response is not None  # noqa: S101 - for the type checker; there is no body without it
        match error:
            case httpx.TimeoutException():
                return Outcome("timeout", self._seconds)
            case httpx.TransportError() | httpx.DecodingError():
                return Outcome("body", self._seconds)
            case _:  # None, or the caller's own, who has seen enough of the answer
                return answer(self._response.status_code, self._response.headers.items(), self._seconds)


class _Stream(httpx.SyncByteStream):
    def __init__(self, exchange: _Exchange, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> None:
        assert isinstance(stream, httpx.SyncByteStream)  # noqa: S101 - for the type checker
        self._exchange = exchange
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._stream)
        while True:
            with self._exchange.waiting():
                chunk = next(chunks, None)
            if chunk is None:
                break
            yield chunk
        self._exchange.end()

    def close(self) -> None:
        self._exchange.closed()
        self._stream.close()


class _AsyncStream(httpx.AsyncByteStream):
    def __init__(self, exchange: _Exchange, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> None:
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - for the type checker
        self._exchange = exchange
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        while True:
            with self._exchange.waiting():
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            yield chunk
        self._exchange.end()

    async def aclose(self) -> None:
        self._exchange.closed()
        await self._stream.aclose()


def _failure(error: httpx.HTTPError, seconds: float) -> Outcome | None:
    match error:
        case httpx.TimeoutException() if not isinstance(error, httpx.PoolTimeout):
            return Outcome("timeout", seconds)
        case httpx.TooManyRedirects() | httpx.DecodingError():
            return Outcome("body", seconds)
        case httpx.HTTPStatusError():  # from a hook of the client that calls `raise_for_status`
            return answer(error.response.status_code, error.response.headers.items(), seconds)
        case httpx.RemoteProtocolError():  # httpx has one type for no answer and for one that is no HTTP
            return Outcome("connect" if str(error).startswith("Server disconnected") else "body")
        case httpx.NetworkError() | httpx.ProxyError():
            return Outcome(_reason_without_connection(error))
        case _:  # a mistake in the request, or the client's own limit: nothing was sent
            return None


def _reason_without_connection(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        if isinstance(cause, socket.gaierror):
            return "dns"
        cause = cause.__cause__ or cause.__context__
    return "connect"
