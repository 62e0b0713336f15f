"""Splits the time of a request into the contract's phases."""

from __future__ import annotations

import time

from collector.contract import PHASES


class PhaseClock:
    """A stopwatch that always runs in one phase; the phases therefore sum to the whole time.

    What lies between looking up the name and sending the request is `connect`.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(PHASES, 0.0)
        self.started = time.perf_counter()
        self._since = self.started
        self._phase = "connect"

    def enter(self, phase: str, at: float | None = None) -> None:
        """End the present phase and begin another, now or at a reading of `time.perf_counter`."""
        now = time.perf_counter() if at is None else at
        self.seconds[self._phase] += now - self._since
        self._since, self._phase = now, phase

    def stop(self, at: float | None = None) -> float:
        """End the present phase and return the seconds since the start."""
        self.enter(self._phase, at)
        return self._since - self.started
