"""Keeps the fleet at what the configuration file names and what its sources find at present."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from collector.finders import finder_of, look
from collector.merging import merge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.api import Api
    from collector.config import Config
    from collector.discovery_metrics import DiscoveryMetrics
    from collector.finders import Finder
    from collector.fleet import Fleet
    from collector.sources import DiscoverySource
    from collector.target_groups import Target

_PATIENCE: Final = 5.0
"""Seconds for which a new configuration waits for the sources that it changes, lest their APIs end for a moment."""

_log = logging.getLogger("collector")


class _Running(NamedTuple):
    source: DiscoverySource
    finder: Finder
    looked: asyncio.Event
    task: asyncio.Task[None]

    def apis(self) -> list[Api]:
        return [target.api(self.source.template) for target in self.finder.targets]


class Discovery:
    """Looks at each source by a task of its own; `len` is how many APIs are probed.

    Args:
        fleet: What probes the APIs.
        metrics: Where it is told how the looks went.
    """

    def __init__(self, fleet: Fleet, metrics: DiscoveryMetrics) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._named: tuple[Api, ...] = ()
        self._running: dict[str, _Running] = {}
        self._problems: dict[str, str | None] = {}
        self._duplicates: dict[str, list[str]] = {}
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._fleet)

    def status(self) -> list[dict[str, Any]]:
        """Return how the last look at each source went, in the order of the configuration."""
        return [
            {"source": name, "targets": len(running.finder.targets), "problem": self._problems[name]}
            for name, running in self._running.items()
        ]

    async def apply(self, config: Config) -> None:
        """Take a configuration into service.

        Sources that look at the same place as before keep what they have found. Only those that do not are begun anew.
        """
        async with self._lock:
            self._named = config.apis
            wanted = {source.name: source for source in config.sources}
            former = await self._stop_changed(wanted)
            for name in former.keys() - wanted:
                self._metrics.remove(name)
                del self._problems[name]
            self._running = {name: self._go_on(source, former.get(name)) for name, source in wanted.items()}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    for name in former.keys() & wanted:
                        await self._running[name].looked.wait()
            await self._probe()

    async def stop(self) -> None:
        """Look at no source any more."""
        async with self._lock:
            await self._stop_changed({})

    async def _stop_changed(self, wanted: dict[str, DiscoverySource]) -> dict[str, Finder]:
        """Stop the sources that are to look elsewhere or not at all; return what each of them used."""
        changed = [
            name
            for name, running in self._running.items()
            if name not in wanted or _place(wanted[name]) != _place(running.source)
        ]
        stopped = {name: self._running.pop(name) for name in changed}
        for running in stopped.values():
            running.task.cancel()
        if stopped:
            await asyncio.wait([running.task for running in stopped.values()])
        return {name: running.finder for name, running in stopped.items()}

    def _go_on(self, source: DiscoverySource, former: Finder | None) -> _Running:
        if source.name in self._running:
            return self._running[source.name]._replace(source=source)
        finder = finder_of(source, former)
        self._metrics.add(source.name)
        self._problems[source.name] = None if former is None else self._problems[source.name]
        looked = asyncio.Event()
        task = asyncio.create_task(self._look_on(source.name, finder, looked))
        return _Running(source, finder, looked, task)

    async def _look_on(self, name: str, finder: Finder, looked: asyncio.Event) -> None:
        while True:
            before = finder.targets
            problem = await look(finder)
            self._metrics.looked(name, len(finder.targets), failed=problem is not None)
            _log_change(name, self._problems[name], problem, finder.targets)
            self._problems[name] = problem
            looked.set()
            if finder.targets != before:
                async with self._lock:
                    await self._probe()
            await asyncio.sleep(finder.wait)

    async def _probe(self) -> None:
        found = {name: running.apis() for name, running in self._running.items()}
        apis, duplicates = merge(self._named, found)
        for name, names in duplicates.items():
            self._metrics.set_duplicates(name, len(names))
            if names and names != self._duplicates.get(name):
                _log_duplicates(name, names)
        self._duplicates = duplicates
        await self._fleet.apply(apis)


def _place(source: DiscoverySource) -> object:
    return source.where, source.template.allow_link_local


def _log_change(name: str, before: str | None, problem: str | None, targets: Sequence[Target]) -> None:
    if problem and problem != before:
        _log.warning("the source %r fails, its %d targets stay in service: %s", name, len(targets), problem)
    elif before and not problem:
        _log.info("the source %r is read again: %d targets", name, len(targets))


def _log_duplicates(name: str, names: list[str]) -> None:
    _log.warning(
        "%d targets of the source %r are left out, because their names are taken: %s",
        len(names),
        name,
        ", ".join(map(repr, names[:5])) + (", …" if len(names) > 5 else ""),
    )
