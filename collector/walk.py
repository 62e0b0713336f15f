"""The way of one probe through the requests of its API."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from collector.outcome import Outcome, step_reason
from collector.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.api import Api, Step
    from collector.kept import Kept
    from collector.quota import Quota

_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Answered:
    """How one request went.

    Attributes:
        outcome: What a probe of this one request would report.
        status: The answer's status code; None without an answer.
        taken: What was taken from it, by the value's name.
        expires: The event loop's time until which that may be used again.
    """

    outcome: Outcome
    status: int | None = None
    taken: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires: float = 0.0


class Walk:
    """Decides which request is next, and adds up how they went.

    A step whose values are kept is left out. If a step that uses kept values is answered 401, they are thrown away, the steps
    that gave them are sent anew, and then it is, as a client does that finds its token revoked. It is told nothing but the
    second answer.

    Args:
        api: What is probed.
        kept: What its former probes have taken.
        deadline: The event loop's time at which the probe ends at the latest; kept values must be good until then.
    """

    def __init__(self, api: Api, kept: Kept, deadline: float) -> None:
        self._values: dict[str, str] = {}
        self._api = api
        self._kept = kept
        self._deadline = deadline
        self._pending = deque(api.chain)
        self._from_before: set[str] = set()
        self._sent: list[tuple[Step, Answered]] = []

    def next_step(self) -> Step | None:
        """Return the step that is to be sent now; None at the end."""
        while self._pending:
            step = self._pending.popleft()
            if step.cache is None or (known := self._kept.values(step.name, self._deadline)) is None:
                return step
            self._values |= known
            self._from_before.add(step.name)
        return None

    def request(self, step: Step) -> Request:
        """Return what is sent for a step."""
        if known := self._kept.requests.get(step.name):
            return known
        request = Request.of(self._api, step, self._values)
        if not any(step.places()):
            self._kept.requests[step.name] = request
        return request

    def add(self, step: Step, answered: Answered) -> None:
        """Take note of how a step went."""
        self._sent.append((step, answered))
        if answered.outcome.certificate_expiry is not None:
            self._kept.note_certificate(step.name, answered.outcome.certificate_expiry)
        if answered.outcome.reason is None:
            taken = {f"{step.name}.{name}": value for name, value in answered.taken.items()}
            self._values |= taken
            if step.cache is not None:
                self._kept.keep(step.name, taken, answered.expires)
        else:
            self._pending = deque(self._second_try(step, answered))

    def _second_try(self, step: Step, answered: Answered) -> list[Step]:
        """Return what remains to be sent after a failure: nothing, or all from the step on whose token was refused."""
        if answered.status != _UNAUTHORIZED or step.expects(_UNAUTHORIZED):
            return []
        givers = {place.partition(".")[0] for _, place in step.places()}
        for name in givers:
            self._kept.forget(name)
        refused = givers & self._from_before
        self._from_before -= refused
        if not refused:
            return []
        return [found for found in self._api.chain if found.name in refused] + [step, *self._pending]

    def outcome(self) -> Outcome:
        """Return how the probe went; call once something was sent."""
        step, last = self._sent[-1]
        if not self._api.steps:
            return last.outcome
        outcomes = [answered.outcome for _, answered in self._sent]
        return replace(
            last.outcome,
            reason=last.outcome.reason and step_reason(step.name, last.outcome.reason),
            response_time=_sum(outcomes),
            phases=_phases(outcomes),
            quotas=_quotas(outcomes),
            certificate_expiry=self._kept.first_expiry(),
            retry_at=max((found.retry_at for found in outcomes if found.retry_at is not None), default=None),
            steps=tuple(
                (sent.name, answered.outcome.response_time)
                for sent, answered in self._sent
                if answered.outcome.response_time is not None
            ),
        )


def _sum(outcomes: list[Outcome]) -> float | None:
    times = [outcome.response_time for outcome in outcomes]
    return None if None in times else sum(filter(None, times))


def _phases(outcomes: list[Outcome]) -> dict[str, float]:
    names = dict.fromkeys(phase for outcome in outcomes for phase in outcome.phases)
    return {phase: sum(outcome.phases.get(phase, 0.0) for outcome in outcomes) for phase in names}


def _quotas(outcomes: list[Outcome]) -> tuple[Quota, ...]:
    """Return one quota of each name, the one with the fewest requests left: hosts may use the same names."""
    scarcest: dict[str, Quota] = {}
    for quota in (quota for outcome in outcomes for quota in outcome.quotas):
        other = scarcest.get(quota.name)
        if other is None or _left(quota) <= _left(other):
            scarcest[quota.name] = quota
    return tuple(scarcest.values())


def _left(quota: Quota) -> float:
    return float("inf") if quota.remaining is None else quota.remaining
