"""Measures your own real traffic: a trace that counts what an aiohttp client sends."""

from __future__ import annotations

import ssl
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
from prometheus_client import REGISTRY, CollectorRegistry

from collector.contract import PHASES
from collector.outcome import Outcome
from collector.phases import PhaseClock
from collector.traffic import Traffic, answer, is_cancellation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from types import SimpleNamespace

    from collector.handover import Handover


def aiohttp_trace(
    api_name: str, environment: str | None = None, registry: CollectorRegistry | Handover = REGISTRY
) -> aiohttp.TraceConfig:
    """Return a trace that counts and times a client's requests as the collector's probes are, phases included.

    Give it to the client: `aiohttp.ClientSession(trace_configs=[aiohttp_trace("weather")])`. Any answer below 400 is a
    success. A request that follows redirects counts once, with the whole time, when the last byte of its body has
    come; one whose answer is closed before that counts with the time to its headers. What your program cancels does
    not count. Serve the registry from your own process, for example with `prometheus_client.start_http_server(9102)`.

    Args:
        api_name: Value of the label `api_name`.
        environment: Value of the label `environment`; the variable `ENVIRONMENT`, or "production", if None.
        registry: Where the metrics are registered; or a `Handover` to the collector.
    """
    context = partial(_Measurement, Traffic(api_name, environment, registry, PHASES))
    trace = aiohttp.TraceConfig(trace_config_ctx_factory=context)  # type: ignore[arg-type] # aiohttp only calls it
    trace.on_dns_resolvehost_start.append(_entering("dns"))
    trace.on_dns_resolvehost_end.append(_entering("connect"))
    trace.on_connection_create_end.append(_entering("processing"))
    trace.on_connection_reuseconn.append(_entering("processing"))
    trace.on_request_redirect.append(_entering("connect"))
    trace.on_request_end.append(_on_end)
    trace.on_request_exception.append(_on_exception)
    return trace


class _Measurement:
    """The context of one request."""

    def __init__(self, traffic: Traffic, trace_request_ctx: object = None) -> None:
        del trace_request_ctx  # the caller's, for other traces
        self._clock = PhaseClock()
        self._traffic = traffic
        self._handled_before = sys.exception()
        self._ended = False

    def entered(self, phase: str) -> None:
        self._clock.enter(phase)

    def answered(self, response: aiohttp.ClientResponse) -> None:
        """Wait, without keeping the caller, for the end of the body."""
        self._headers_at = time.perf_counter()
        self._clock.enter("transfer", self._headers_at)
        self._response = response
        response.content.on_eof(self._end)
        if response.connection is not None:
            response.connection.add_callback(self._released)

    def failed(self, error: BaseException) -> None:
        """Count a request that has no answer for its caller."""
        seconds = self._clock.stop()
        self._traffic.record(_failure(error, seconds, self._clock.seconds))

    def _released(self) -> None:
        """Find out why the connection was given back before the last byte had come."""
        error = self._response.content.exception()
        if error is None or type(error) is aiohttp.ClientConnectionError:  # as aiohttp marks what we close
            error = sys.exception()  # aiohttp gives it back while the error passes by, a timeout for example
        self._end(None if error is self._handled_before else error)

    def _end(self, error: BaseException | None = None) -> None:
        if not self._ended and not is_cancellation(error):
            self._traffic.record(self._outcome(error))
        self._ended = True

    def _outcome(self, error: BaseException | None) -> Outcome:
        # What else passes by is the caller's own, who has seen enough of the answer.
        reason = _reason_while_reading(error)
        complete = self._response.content.is_eof()
        seconds = self._clock.stop(None if reason or complete else self._headers_at)
        if reason:
            return Outcome(reason, seconds, self._clock.seconds)
        return answer(self._response.status, self._response.headers.items(), seconds, self._clock.seconds)


def _reason_while_reading(error: BaseException | None) -> str | None:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "body" if isinstance(error, aiohttp.ClientError | OSError) else None


def _failure(error: BaseException, seconds: float, phases: dict[str, float]) -> Outcome | None:
    match error:
        case TimeoutError():
            return Outcome("timeout", seconds, phases)
        case aiohttp.TooManyRedirects() | aiohttp.RedirectClientError() | aiohttp.ClientPayloadError():
            return Outcome("body", seconds, phases)
        case aiohttp.InvalidURL():  # nothing was sent
            return None
        case aiohttp.ClientResponseError() if _is_status(error):
            return answer(error.status, _items(error), seconds, phases)
        case aiohttp.ClientError() | OSError():
            return Outcome(_reason_without_answer(error))
        case _:  # cancelled, or a mistake in the request
            return None


def _is_status(error: aiohttp.ClientResponseError) -> bool:
    """Tell what `raise_for_status` raises from an answer that is no HTTP and from a proxy's refusal."""
    return error.__cause__ is None and not isinstance(error, aiohttp.ClientHttpProxyError)


def _items(error: aiohttp.ClientResponseError) -> Iterable[tuple[str, str]]:
    return error.headers.items() if error.headers else ()


def _entering(phase: str) -> Callable[[aiohttp.ClientSession, SimpleNamespace, object], Awaitable[None]]:
    async def on_event(
        _session: aiohttp.ClientSession, measurement: SimpleNamespace, _params: object
    ) -> None:
        measurement.entered(phase)

    return on_event


async def _on_end(
    _session: aiohttp.ClientSession, measurement: SimpleNamespace, params: aiohttp.TraceRequestEndParams
) -> None:
    measurement.answered(params.response)


async def _on_exception(
    _session: aiohttp.ClientSession, measurement: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
) -> None:
    measurement.failed(params.exception)


def _reason_without_answer(error: BaseException) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            return "tls"
        case aiohttp.ClientConnectionError() | OSError():
            return "connect"
        case _:  # an answer that is no HTTP
            return "body"
