"""Probes an API: one request, timed from its start to the last byte of the answer."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Final, Self, cast

import aiohttp

from collector.connection import TimedConnector, TimedResponse
from collector.errors import system_words
from collector.outcome import Outcome, reason_for_status
from collector.phases import PhaseClock, phase_trace
from collector.quota import parse_quotas
from collector.resolver import ThreadPerLookupResolver
from collector.values import statuses_text
from collector.version import __version__

if TYPE_CHECKING:
    from types import TracebackType

    from collector.config import Api

MAX_BODY_BYTES: Final = 10_000_000
_KEEPALIVE_SECONDS: Final = 3600.0
"""For APIs that reuse connections: the server, not we, should decide how long one lives."""


class Prober:
    """Sends probes; an asynchronous context manager that holds the connections.

    Redirects are not followed: a probe is one request, and its headers may hold a key that is for this host alone.

    Args:
        ssl_context: Which certificates to trust; the system's if None.
        max_body: Bytes of a body that are read at most; a longer one is an error of reason `body`.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None, max_body: int = MAX_BODY_BYTES) -> None:
        self._max_body = max_body
        options = {
            "limit": 0,
            "resolver": ThreadPerLookupResolver(),
            "ssl": ssl_context or True,
            "use_dns_cache": False,
        }
        self._fresh = _session(TimedConnector(**options, force_close=True))
        self._reusing = _session(TimedConnector(**options, keepalive_timeout=_KEEPALIVE_SECONDS))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._fresh.close()
        await self._reusing.close()

    async def probe(self, api: Api) -> Outcome:
        """Send one request and return how it went; every failure of the network or the API is an outcome."""
        clock = PhaseClock()
        try:
            async with asyncio.timeout(api.timeout):
                return await self._request(api, clock)
        except TimeoutError:
            waited = clock.stop()
            return Outcome("timeout", waited, clock.seconds, detail=f"no answer within {api.timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(_reason_without_answer(error), detail=_describe(error))

    async def _request(self, api: Api, clock: PhaseClock) -> Outcome:
        session = self._reusing if api.reuse_connection else self._fresh
        body = None if api.body is None else api.body.encode()
        async with session.request(
            api.method,
            api.url,
            headers=api.headers,
            data=body,
            allow_redirects=False,
            trace_request_ctx=clock,
        ) as answer:
            response = cast("TimedResponse", answer)
            problem = await self._read_body(response)
            first_byte, last_byte = response.take_times()
        clock.enter("transfer", first_byte)
        reason, detail = _judge(api, response.status, problem)
        return Outcome(
            reason,
            clock.stop(last_byte),
            clock.seconds,
            parse_quotas(response.headers.items(), time.time()),
            response.certificate_expiry,
            detail,
        )

    async def _read_body(self, response: TimedResponse) -> str | None:
        """Read the body to its end and forget it; return what is wrong with it."""
        size = 0
        try:
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > self._max_body:
                    return f"a body of more than {self._max_body} bytes"
        except (aiohttp.ClientError, OSError) as error:
            return f"the body broke off ({_describe(error)})"
        return None


def _session(connector: TimedConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        response_class=TimedResponse,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"rapidapi-collector/{__version__}"},
        timeout=aiohttp.ClientTimeout(total=None),  # `probe` sets the one limit there is
        auto_decompress=False,  # nobody reads the body, and a small one can unpack into gigabytes
        trace_configs=[phase_trace()],
    )


def _judge(api: Api, status: int, problem: str | None) -> tuple[str | None, str]:
    if not api.expects(status):
        return reason_for_status(status), f"status {status}, expected {statuses_text(api.expected_status)}"
    return ("body", problem) if problem else (None, "")


def _reason_without_answer(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            return "tls"
        case aiohttp.ClientConnectionError() | OSError():
            return "connect"
        case _:  # an answer that is no HTTP
            return "body"


def _describe(error: Exception) -> str:
    # The text of an aiohttp error may hold the URL, and the URL a key.
    return system_words(error) if isinstance(error, OSError) else type(error).__name__
