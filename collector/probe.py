"""Probes an API: one request or several, each timed from its start to the last byte of the answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

import aiohttp

from collector.addresses import is_refused
from collector.aiohttp_errors import reason_without_answer
from collector.body import BodyError, read_body
from collector.body_judge import BodyJudge
from collector.errors import system_words
from collector.judge import Arrived, judge
from collector.kept import Kept
from collector.outcome import Outcome
from collector.phases import PRESENT, PhaseClock
from collector.quota import parse_quotas
from collector.request import RedirectError, Request
from collector.restraint import parse_retry_after
from collector.transport import Transport
from collector.walk import Answered, Walk

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from collector.api import Api, Step
    from collector.connection import TimedResponse
    from collector.judge import Verdict

_MAX_REDIRECTS: Final = 10


class _Ask(NamedTuple):
    """One step of an API, which is the API itself if it has no others."""

    api: Api
    step: Step


class Prober:
    """Sends probes; an asynchronous context manager that holds the connections.

    Args:
        ssl_context: Which certificates to trust where an API does not say; the system's if None.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._transport = Transport(ssl_context)
        self._bodies = BodyJudge()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bodies.close()
        await self._transport.close()

    async def close_unused(self, apis: Iterable[Api]) -> None:
        """Give up what only other APIs than these have needed."""
        await self._transport.close_unused(apis)

    async def probe(self, api: Api, kept: Kept | None = None) -> Outcome:
        """Send an API's requests and return how it went; every failure of the network or the API is an outcome.

        Args:
            api: What is probed.
            kept: What former probes of it have taken from answers, and may be used again.
        """
        deadline = asyncio.get_running_loop().time() + api.timeout
        walk = Walk(api, kept or Kept(), deadline)
        while step := walk.next_step():
            walk.add(step, await self._ask(_Ask(api, step), walk.values, deadline))
        return walk.outcome()

    async def _ask(self, ask: _Ask, values: Mapping[str, str], deadline: float) -> Answered:
        """Send one step's request, and those that redirects lead to."""
        clock = PhaseClock()
        sent = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(deadline):
                arrived = await self._follow(ask, Request.of(ask.step, values), clock)
        except TimeoutError:
            waited = clock.stop()
            detail = f"no answer within {ask.api.timeout:g} s"
            return Answered(Outcome("timeout", waited, clock.seconds, detail=detail))
        except (aiohttp.ClientError, OSError) as error:
            return Answered(Outcome(reason_without_answer(error), detail=_describe(error)))
        except RedirectError as error:
            return Answered(Outcome("body", detail=str(error)))
        verdict = await judge(ask.step, arrived, ask.api.max_body, self._bodies)
        outcome = _outcome(verdict, arrived, clock.seconds)
        # From the sending on, which was before the answer was made: never used for longer than it is good.
        return Answered(outcome, arrived.response.status, verdict.taken, sent + verdict.lifetime)

    async def _follow(self, ask: _Ask, request: Request, clock: PhaseClock) -> Arrived:
        for _ in range(_MAX_REDIRECTS + 1):
            arrived = await self._send(ask, request, clock)
            following = request.after(arrived.response) if ask.api.follow_redirects else None
            if following is None:
                return arrived
            clock.enter("connect")
            request = following
            # Neither a proxy would refuse it, nor can all names be decoded that one may be led to.
            if not ask.api.allow_link_local and is_refused(request.url.raw_host or ""):
                raise RedirectError("a redirect to a link-local or metadata address")
        raise RedirectError(f"more than {_MAX_REDIRECTS} redirects")

    async def _send(self, ask: _Ask, request: Request, clock: PhaseClock) -> Arrived:
        PRESENT.set(clock)
        async with self._transport.session(ask.api).request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            proxy=ask.api.proxy,
            allow_redirects=False,
        ) as answer:
            response = cast("TimedResponse", answer)
            body, problem = await _read(ask, response)
            first_byte, last_byte = response.take_times()
        clock.enter("transfer", first_byte)
        return Arrived(response, body, problem, clock.stop(last_byte))


async def _read(ask: _Ask, response: TimedResponse) -> tuple[bytes, str | None]:
    """Return the body, empty if nobody looks at it, and what is wrong with it."""
    try:
        return await read_body(response, ask.api.max_body, keep=ask.step.needs_body), None
    except BodyError as error:
        return b"", str(error)
    except (aiohttp.ClientError, OSError) as error:
        return b"", f"the body broke off ({_describe(error)})"


def _outcome(verdict: Verdict, arrived: Arrived, phases: Mapping[str, float]) -> Outcome:
    response, now = arrived.response, time.time()
    retry_after = response.headers.get("Retry-After") if response.status >= 400 else None
    return Outcome(
        verdict.reason,
        arrived.seconds,
        phases,
        parse_quotas(response.headers.items(), now),
        response.certificate_expiry,
        parse_retry_after(retry_after, now),
        verdict.detail,
    )


def _describe(error: Exception) -> str:
    # The text of an aiohttp error may hold the URL, and the URL a key.
    if isinstance(error, aiohttp.ClientResponseError):
        return "the answer is no valid HTTP"
    return system_words(error) if isinstance(error, OSError) else type(error).__name__
