"""Probes an API: one request or several, each timed from its start to the last byte of the answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Self

from collector.addresses import is_refused
from collector.body_judge import BodyJudge
from collector.judge import judge
from collector.kept import Kept
from collector.outcome import Outcome
from collector.phases import PhaseClock
from collector.probe_failure import ProbeFailure
from collector.quota import parse_quotas
from collector.restraint import parse_retry_after
from collector.transport import Transport
from collector.walk import Answered, Walk

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from collector.answer import Answer
    from collector.api import Api, Step
    from collector.judge import Verdict
    from collector.request import Request

_MAX_REDIRECTS: Final = 10


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
        self._transport.close()

    def close_unused(self, apis: Iterable[Api]) -> None:
        """Give up what only other APIs than these have needed."""
        self._transport.close_unused(apis)

    async def probe(self, api: Api, kept: Kept | None = None) -> Outcome:
        """Send an API's requests and return how it went; every failure of the network or the API is an outcome.

        Args:
            api: What is probed.
            kept: What former probes of it have taken from answers, and may be used again.
        """
        deadline = asyncio.get_running_loop().time() + api.timeout
        walk = Walk(api, kept or Kept(), deadline)
        while step := walk.next_step():
            walk.add(step, await self._ask(step, walk.request(step), deadline))
        return walk.outcome()

    async def _ask(self, step: Step, request: Request, deadline: float) -> Answered:
        """Send one step's request, and those that redirects lead to."""
        clock = PhaseClock()
        sent = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._follow(request, clock, keep_body=step.needs_body)
        except TimeoutError:
            waited = clock.stop()
            detail = f"no answer within {request.api.timeout:g} s"
            return Answered(Outcome("timeout", waited, clock.seconds, detail=detail))
        except ProbeFailure as failure:
            return Answered(Outcome(failure.reason, detail=failure.detail))
        waited = clock.stop(answer.last_byte)
        verdict = await judge(step, answer, request.api.max_body, self._bodies)
        outcome = _outcome(verdict, answer, waited, clock.seconds)
        # From the sending on, which was before the answer was made: never used for longer than it is good.
        return Answered(outcome, answer.status, verdict.taken, sent + verdict.lifetime)

    async def _follow(self, request: Request, clock: PhaseClock, *, keep_body: bool) -> Answer:
        for _ in range(_MAX_REDIRECTS + 1):
            answer = await self._transport.send(request, clock, keep_body=keep_body)
            clock.enter("transfer", answer.first_byte)
            following = request.after(answer) if request.api.follow_redirects else None
            if following is None:
                return answer
            clock.enter("connect", answer.last_byte)
            request = following
            # Neither a proxy would refuse it, nor can all names be decoded that one may be led to.
            if not request.api.allow_link_local and is_refused(request.url.raw_host or ""):
                raise ProbeFailure("body", "a redirect to a link-local or metadata address")
        raise ProbeFailure("body", f"more than {_MAX_REDIRECTS} redirects")


def _outcome(verdict: Verdict, answer: Answer, seconds: float, phases: Mapping[str, float]) -> Outcome:
    now = time.time()
    retry_after = answer.headers.get("Retry-After") if answer.status >= 400 else None
    return Outcome(
        verdict.reason,
        seconds,
        phases,
        parse_quotas(answer.headers.items(), now),
        answer.certificate_expiry,
        parse_retry_after(retry_after, now),
        verdict.detail,
    )
