"""Splits the time of a request into the contract's phases, from aiohttp's trace events."""

from __future__ import annotations

import time
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from collector.contract import PHASES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


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


PRESENT: Final[ContextVar[PhaseClock]] = ContextVar("PRESENT")
"""The clock of the probe under way. Its connector and its resolver drive it: aiohttp's tracing cost a tenth of a probe."""


def phase_trace(context: Callable[..., SimpleNamespace] = SimpleNamespace) -> aiohttp.TraceConfig:
    """Return a trace that drives a `PhaseClock`.

    Args:
        context: Gives each request's context, whose `trace_request_ctx` is the clock; by default that is what the
            request itself was given under this name.
    """
    trace = aiohttp.TraceConfig(trace_config_ctx_factory=context)  # type: ignore[arg-type] # aiohttp only calls it
    trace.on_dns_resolvehost_start.append(_entering("dns"))
    trace.on_dns_resolvehost_end.append(_entering("connect"))
    trace.on_connection_create_end.append(_entering("processing"))
    trace.on_connection_reuseconn.append(_entering("processing"))
    return trace


def _entering(phase: str) -> Callable[[aiohttp.ClientSession, SimpleNamespace, Any], Awaitable[None]]:
    async def on_event(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.enter(phase)

    return on_event
