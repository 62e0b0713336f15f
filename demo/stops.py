"""Servers of the running demo that a user stops for a while, to see that nothing is lost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from demo.errors import DemoError
from demo.incidents import MAX_MINUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Role(StrEnum):
    """What can be stopped."""

    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    SIDECAR = "sidecar"
    COLLECTOR = "collector"


class StopError(DemoError):
    """A request for a stop that makes no sense."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One server that is to be down until `end` (Unix time in seconds)."""

    role: Role
    end: float

    @classmethod
    def from_request(cls, request: Mapping[str, Any], now: float) -> Self:
        """Read `{"role", "minutes"}`; raises StopError if the role is unknown or the duration out of range."""
        try:
            role = Role(str(request.get("role")))
            minutes = float(request.get("minutes", "nan"))
        except ValueError:
            raise StopError(f"role must be one of {', '.join(Role)}, and minutes a number.") from None
        if not 0 < minutes <= MAX_MINUTES:
            raise StopError(f"minutes must be above 0 and at most {MAX_MINUTES:g}.")
        return cls(role, now + 60 * minutes)

    def as_json(self) -> dict[str, object]:
        """The stop as the control endpoint shows it."""
        return {"role": self.role.value, "end": self.end}


class Stops:
    """The stops under way, at most one per server; a new one takes the place of the old.

    Args:
        clock: Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._by_role: dict[Role, Stop] = {}

    def start(self, request: Mapping[str, Any]) -> Stop:
        """Note the requested stop; raises StopError if the request makes no sense."""
        stop = Stop.from_request(request, self._clock())
        self._by_role[stop.role] = stop
        return stop

    def active(self) -> list[Stop]:
        """Stops whose time is not up yet."""
        return [stop for stop in self._by_role.values() if stop.end > self._clock()]
