"""Incidents that a user starts in the running demo, and what each does to an API's answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from demo.errors import DemoError
from demo.fleet import find

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LATENCY_FACTOR: Final = 5.0
ERROR_SHARE: Final = 0.3
DRIFT_END_FACTOR: Final = 3.0
MAX_MINUTES: Final = 24 * 60.0


class Kind(StrEnum):
    """What goes wrong."""

    OUTAGE = "outage"
    LATENCY = "latency"
    ERRORS = "errors"
    QUOTA = "quota"
    DRIFT = "drift"
    SILENCE = "silence"


MEANINGS: Final = {
    Kind.OUTAGE: "every request is answered at once with 503",
    Kind.LATENCY: f"answers take {LATENCY_FACTOR:g} times as long",
    Kind.ERRORS: f"{100 * ERROR_SHARE:g} % of the requests are answered with 500",
    Kind.QUOTA: "every request is answered with 429, no requests are left",
    Kind.DRIFT: f"answers become slower bit by bit and take {DRIFT_END_FACTOR:g} times as long at the end",
    Kind.SILENCE: "nothing of the API reaches Prometheus any more, so that its series end",
}


class IncidentError(DemoError):
    """A request for an incident that makes no sense."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident of one API, from `start` to `end` (Unix times in seconds)."""

    api_name: str
    kind: Kind
    start: float
    end: float

    @classmethod
    def from_request(cls, request: Mapping[str, Any], now: float) -> Self:
        """Read `{"api_name", "kind", "minutes"}`.

        Raises:
            DemoError: The API or the kind is unknown, or the duration is out of range.
        """
        try:
            kind = Kind(str(request.get("kind")))
            minutes = float(request.get("minutes", "nan"))
        except ValueError:
            raise IncidentError(f"kind must be one of {', '.join(Kind)}, and minutes a number.") from None
        if not 0 < minutes <= MAX_MINUTES:
            raise IncidentError(f"minutes must be above 0 and at most {MAX_MINUTES:g}.")
        return cls(find(str(request.get("api_name"))).name, kind, now, now + 60 * minutes)

    def as_json(self) -> dict[str, object]:
        """The incident as the control endpoint shows it."""
        return {"api_name": self.api_name, "kind": self.kind.value, "start": self.start, "end": self.end}


class Answer(NamedTuple):
    """What the simulator is about to answer: after how many seconds, and with which status."""

    seconds: float
    status: HTTPStatus
    quota_spent: bool = False


def distort(answer: Answer, incident: Incident, now: float, luck: float) -> Answer:
    """The answer as the incident leaves it.

    Args:
        answer: What the API would answer.
        incident: An incident of that API.
        now: Unix time of the request.
        luck: A uniform random number in [0, 1), which decides whether this request is hit.
    """
    match incident.kind:
        case Kind.OUTAGE:
            return Answer(0.0, HTTPStatus.SERVICE_UNAVAILABLE)
        case Kind.QUOTA:
            return Answer(0.01, HTTPStatus.TOO_MANY_REQUESTS, quota_spent=True)
        case Kind.ERRORS:
            return answer._replace(status=HTTPStatus.INTERNAL_SERVER_ERROR) if luck < ERROR_SHARE else answer
        case Kind.LATENCY:
            return answer._replace(seconds=answer.seconds * LATENCY_FACTOR)
        case Kind.DRIFT:
            progress = (now - incident.start) / (incident.end - incident.start)
            return answer._replace(seconds=answer.seconds * (1 + (DRIFT_END_FACTOR - 1) * progress))
        case Kind.SILENCE:
            return answer


class Incidents:
    """The incidents under way, at most one per API; a new one takes the place of the old.

    Args:
        tell: Receives a sentence when an incident begins or ends.
        clock: Unix time in seconds.
    """

    def __init__(self, tell: Callable[[str, Incident], None], clock: Callable[[], float] = time.time) -> None:
        self._tell = tell
        self._clock = clock
        self._by_api: dict[str, Incident] = {}

    def start(self, request: Mapping[str, Any]) -> Incident:
        """Start the requested incident; raises DemoError if the request makes no sense."""
        incident = Incident.from_request(request, self._clock())
        self._by_api[incident.api_name] = incident
        self._tell("incident_started", incident)
        return incident

    def active(self) -> list[Incident]:
        """Incidents under way now; those whose time is up are told as ended and forgotten."""
        for incident in [i for i in self._by_api.values() if i.end <= self._clock()]:
            self.end(incident.api_name)
        return list(self._by_api.values())

    def of(self, api_name: str) -> Incident | None:
        """The incident of one API that is under way now."""
        self.active()
        return self._by_api.get(api_name)

    def end(self, api_name: str) -> None:
        """End the incident of an API, if there is one, before its time or at its time."""
        if incident := self._by_api.pop(api_name, None):
            ended = min(incident.end, self._clock())
            self._tell("incident_ended", replace(incident, end=ended))
