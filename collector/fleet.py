"""All APIs that are probed, each by a task of its own, and what a new configuration changes about them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from collector.schedule import offset, run_every
from collector.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.api import Api
    from collector.metrics import ProbeMetrics
    from collector.probe import Prober

_AT_A_TIME: Final = 30
"""APIs that begin before probes get their turn, which takes about ten milliseconds."""


class _Running(NamedTuple):
    api: Api
    watch: Watch
    task: asyncio.Task[None]


class Fleet:
    """Probes APIs on schedule; `len` is how many.

    Args:
        prober: Sends the probes.
        metrics: Counts them.
    """

    def __init__(self, prober: Prober, metrics: ProbeMetrics) -> None:
        self._prober = prober
        self._metrics = metrics
        self._running: dict[str, _Running] = {}

    def __len__(self) -> int:
        return len(self._running)

    def status(self) -> list[dict[str, Any]]:
        """Return how the last probe of each API went, in the order of their names."""
        return [self._running[name].watch.status() for name in sorted(self._running)]

    async def apply(self, apis: Sequence[Api]) -> None:
        """Probe these APIs from now on.

        One that has not changed keeps its schedule, its connection and the probe under way; one of the same name keeps its
        counters. The series of one that is gone end.
        """
        wanted = {api.name: api for api in apis}
        changed = [name for name, running in self._running.items() if wanted.get(name) != running.api]
        await self._stop(changed)
        for number, name in enumerate(name for name in changed if name not in wanted):
            self._metrics.remove_api(name)
            await _let_others_work(number)
        for number, api in enumerate(api for name, api in wanted.items() if name not in self._running):
            self._start(api)
            await _let_others_work(number)
        self._prober.close_unused(apis)

    async def stop(self) -> None:
        """Probe nothing any more."""
        await self._stop(list(self._running))

    def _start(self, api: Api) -> None:
        self._metrics.add_api(api)
        watch = Watch(api, self._prober, self._metrics)
        missed = partial(self._metrics.miss, api.name)
        task = asyncio.create_task(
            run_every(api.interval, offset(api.name, api.interval), watch.probe, missed)
        )
        self._running[api.name] = _Running(api, watch, task)

    async def _stop(self, names: list[str]) -> None:
        tasks = [self._running.pop(name).task for name in names]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _let_others_work(number: int) -> None:
    """Let probes go on after every few APIs, of which thousands may end or begin at a time."""
    if number % _AT_A_TIME == _AT_A_TIME - 1:
        await asyncio.sleep(0)
