"""Takes a new configuration into service, or refuses it and goes on with the old one."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Final

from collector.config import load_config
from collector.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from collector.api import Api
    from collector.fleet import Fleet
    from collector.metrics import ReloadMetrics

LOOK_EVERY: Final = 5.0
"""Seconds between two looks at whether the file has changed."""

_log = logging.getLogger("collector")


class Source:
    """The configuration file, which knows whether it has changed since it was last read.

    A swapped symbolic link anywhere on its path is a change, which is how Kubernetes replaces a ConfigMap.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[int, ...] | None = None

    def load(self) -> tuple[Api, ...]:
        """Read the file.

        Raises:
            ConfigError: It is refused; only a further change makes `changed` true again.
        """
        self._read = self._fingerprint()
        return load_config(self.path)

    def changed(self) -> bool:
        """Return whether the file is another one than that which was read, or has been written to, or is gone."""
        return self._fingerprint() != self._read

    def _fingerprint(self) -> tuple[int, ...] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - follows links, as reading does
        except OSError:
            return None
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Reloader:
    """Loads the configuration again when asked to, one load after the other.

    Args:
        source: The file.
        fleet: What probes the APIs.
        metrics: Where it is told how the last load went.
    """

    def __init__(self, source: Source, fleet: Fleet, metrics: ReloadMetrics) -> None:
        self._source = source
        self._fleet = fleet
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Have the file loaded soon; asking ten times before that happens is asking once."""
        self._asked.set()

    async def load(self) -> ConfigError | None:
        """Load the file now; return why it was refused, or None."""
        async with self._lock:
            try:
                apis = await asyncio.to_thread(self._source.load)
            except ConfigError as error:
                self._metrics.failed()
                _log.error("the configuration is refused, the former one stays in service:\n%s", error)
                return error
            await self._fleet.apply(apis)
            self._metrics.succeeded()
            _log.info("configuration loaded, probing %d APIs", len(apis))
            return None

    async def run(self, look_every: float = LOOK_EVERY) -> None:
        """Load the file whenever it was asked for or the file has changed, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), look_every)
            except TimeoutError:
                if not await asyncio.to_thread(self._source.changed):
                    continue
            self._asked.clear()
            await self.load()
