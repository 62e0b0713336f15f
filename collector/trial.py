"""Probes each API once and tells in a line how it went: a configuration is tried before it goes into service."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from collector.probe import Prober

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from collector.api import Api
    from collector.outcome import Outcome
    from collector.quota import Quota

_AT_ONCE: Final = 50
"""Probes under way at a time: a thousand new connections at once would delay each other and be taken for slowness."""
_UNITS: Final = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


class Trial(NamedTuple):
    """One API, how its probe went, and the Unix time in seconds at which it ended."""

    api: Api
    outcome: Outcome
    at: float

    def __str__(self) -> str:
        name = self.api.name if self.api.name.isprintable() else repr(self.api.name)
        parts = "; ".join((self._result(), *self._certificate(), *map(self._quota, self.outcome.quotas)))
        return f"{self.outcome.status:8}{name}: {parts}"

    def _result(self) -> str:
        seconds, phases = self.outcome.response_time, self.outcome.phases
        times = [] if seconds is None else [_milliseconds(seconds)]
        if self.outcome.reason:
            return ", ".join([*times, f"{self.outcome.reason} ({self.outcome.detail})"])
        split = ", ".join(
            f"{part} {_milliseconds(spent)}" for part, spent in self.outcome.steps or phases.items()
        )
        return f"{times[0]} ({split})"

    def _certificate(self) -> Iterator[str]:
        if self.outcome.certificate_expiry is not None:
            yield f"certificate ends in {_span(self.outcome.certificate_expiry - self.at)}"

    def _quota(self, quota: Quota) -> str:
        known = [] if quota.remaining is None else [f"{quota.remaining:g} left"]
        known += [] if quota.limit is None else [f"limit {quota.limit:g}"]
        known += [] if quota.reset is None else [f"renewed in {_span(quota.reset - self.at)}"]
        return f"quota {quota.name}: {', '.join(known)}"


async def trials(apis: Sequence[Api], tell: Callable[[Trial], None]) -> bool:
    """Probe each API once; return whether all succeeded.

    Args:
        apis: What is probed, up to 50 at a time.
        tell: Told each result as soon as it is there.
    """
    places = asyncio.Semaphore(_AT_ONCE)
    async with Prober() as prober:

        async def trial(api: Api) -> bool:
            async with places:
                outcome = await prober.probe(api)
            tell(Trial(api, outcome, time.time()))
            return outcome.reason is None

        return all(await asyncio.gather(*map(trial, apis)))


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _span(seconds: float) -> str:
    size, unit = next((entry for entry in _UNITS if abs(seconds) >= 2 * entry[0]), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"
