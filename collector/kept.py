"""What probes of one API use again: what its steps have taken from answers, until it expires, and requests that never change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.request import Request


@dataclass(frozen=True, slots=True)
class _Entry:
    values: Mapping[str, str] = field(repr=False)
    expires: float


class Kept:
    """The memory of one API's probes; it has no repr that shows a value.

    Attributes:
        requests: What is sent for steps that have nothing to fill in, by their names.
    """

    def __init__(self) -> None:
        self.requests: dict[str, Request] = {}
        self._entries: dict[str, _Entry] = {}
        self._certificates: dict[str, float] = {}

    def values(self, step: str, until: float) -> Mapping[str, str] | None:
        """Return what a step has taken, by `step.value`; None if it is not kept, or expires too early.

        Args:
            step: The step's name.
            until: The event loop's time at which it must still be good.
        """
        entry = self._entries.get(step)
        return entry.values if entry and entry.expires > until else None

    def keep(self, step: str, values: Mapping[str, str], expires: float) -> None:
        """Keep what a step has taken until this time of the event loop."""
        self._entries[step] = _Entry(values, expires)

    def forget(self, step: str) -> None:
        """Throw away what a step has taken."""
        self._entries.pop(step, None)

    def note_certificate(self, step: str, expiry: float) -> None:
        """Note when the certificate of a step's server ends, in Unix time."""
        self._certificates[step] = expiry

    def first_expiry(self) -> float | None:
        """Return when the first of the steps' certificates ends, in Unix time; None if there is none.

        A step that is not sent, or fails before it sees a certificate, counts with the one that it saw last.
        """
        return min(self._certificates.values(), default=None)
