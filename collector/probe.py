"""Probes an API: one request, timed from its start to the last byte of the answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

import aiohttp

from collector.addresses import is_refused
from collector.aiohttp_errors import reason_without_answer
from collector.body import BodyError, read_body, unpacked
from collector.body_judge import BodyJudge
from collector.errors import system_words
from collector.outcome import Outcome, reason_for_status
from collector.phases import PhaseClock
from collector.quota import parse_quotas
from collector.request import RedirectError, Request
from collector.restraint import parse_retry_after
from collector.transport import Transport
from collector.values import statuses_text

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable
    from types import TracebackType

    from collector.api import Api
    from collector.connection import TimedResponse

_MAX_REDIRECTS: Final = 10


class _Answer(NamedTuple):
    """What came: its body, empty if nobody looks at it, what went wrong with it on the way, and the seconds it all took."""

    response: TimedResponse
    body: bytes
    problem: str | None
    seconds: float


class Prober:
    """Sends probes; an asynchronous context manager that holds the connections.

    Args:
        ssl_context: Which certificates to trust where an API does not say; the system's if None.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._transport = Transport(ssl_context)
        self._judge = BodyJudge()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._judge.close()
        await self._transport.close()

    async def close_unused(self, apis: Iterable[Api]) -> None:
        """Give up what only other APIs than these have needed."""
        await self._transport.close_unused(apis)

    async def probe(self, api: Api) -> Outcome:
        """Send one request and return how it went; every failure of the network or the API is an outcome."""
        clock = PhaseClock()
        try:
            async with asyncio.timeout(api.timeout):
                answer = await self._follow(api, clock)
        except TimeoutError:
            waited = clock.stop()
            return Outcome("timeout", waited, clock.seconds, detail=f"no answer within {api.timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(reason_without_answer(error), detail=_describe(error))
        except RedirectError as error:
            return Outcome("body", detail=str(error))
        return await self._outcome(api, answer, clock)

    async def _follow(self, api: Api, clock: PhaseClock) -> _Answer:
        request = Request.of(api)
        for _ in range(_MAX_REDIRECTS + 1):
            answer = await self._send(api, request, clock)
            following = request.after(answer.response) if api.follow_redirects else None
            if following is None:
                return answer
            clock.enter("connect")
            request = following
            if not api.allow_link_local and is_refused(
                request.url.host or ""
            ):  # which a proxy would not know
                raise RedirectError("a redirect to a link-local or metadata address")
        raise RedirectError(f"more than {_MAX_REDIRECTS} redirects")

    async def _send(self, api: Api, request: Request, clock: PhaseClock) -> _Answer:
        async with self._transport.session(api).request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            proxy=api.proxy,
            allow_redirects=False,
            trace_request_ctx=clock,
        ) as answer:
            response = cast("TimedResponse", answer)
            body, problem = await _read(api, response)
            first_byte, last_byte = response.take_times()
        clock.enter("transfer", first_byte)
        return _Answer(response, body, problem, clock.stop(last_byte))

    async def _outcome(self, api: Api, answer: _Answer, clock: PhaseClock) -> Outcome:
        response = answer.response
        reason, detail = await self._verdict(api, answer)
        now = time.time()
        retry_at = (
            parse_retry_after(response.headers.get("Retry-After"), now) if response.status >= 400 else None
        )
        quotas = parse_quotas(response.headers.items(), now)
        expiry = response.certificate_expiry
        return Outcome(reason, answer.seconds, clock.seconds, quotas, expiry, retry_at, detail)

    async def _verdict(self, api: Api, answer: _Answer) -> tuple[str | None, str]:
        status = answer.response.status
        if not api.expects(status):
            return reason_for_status(
                status
            ), f"status {status}, expected {statuses_text(api.expected_status)}"
        problem = answer.problem or await self._problem_of_content(api, answer)
        return ("body", problem) if problem else (None, "")

    async def _problem_of_content(self, api: Api, answer: _Answer) -> str | None:
        if api.expected_body is None:
            return None
        headers, charset = answer.response.headers, answer.response.charset or "utf-8"
        try:
            plain = await unpacked(answer.body, headers.get("Content-Encoding", ""), api.max_body)
        except BodyError as error:
            return str(error)
        return await self._judge.problem(api.expected_body, plain, charset, time.time())


async def _read(api: Api, response: TimedResponse) -> tuple[bytes, str | None]:
    """Return the body, empty if nobody looks at it, and what is wrong with it."""
    try:
        return await read_body(response, api.max_body, keep=api.expected_body is not None), None
    except BodyError as error:
        return b"", str(error)
    except (aiohttp.ClientError, OSError) as error:
        return b"", f"the body broke off ({_describe(error)})"


def _describe(error: Exception) -> str:
    # The text of an aiohttp error may hold the URL, and the URL a key.
    return system_words(error) if isinstance(error, OSError) else type(error).__name__
