"""Takes a new configuration into service, or refuses it and goes on with the old one."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from collector.config import load_config
from collector.errors import ConfigError, Problem
from collector.seen_files import SeenFiles

if TYPE_CHECKING:
    from pathlib import Path

    from collector.config import Config
    from collector.discovery import Discovery
    from collector.metrics import ReloadMetrics

LOOK_EVERY: Final = 5.0
"""Seconds between two looks at whether a file has changed."""

_log = logging.getLogger("collector")


class Source:
    """The configuration file, which knows whether it, or a file that it names, has changed since it was last read.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = SeenFiles()

    def load(self) -> Config:
        """Read the file.

        Raises:
            ConfigError: It is refused; only a further change makes `changed` true again.
        """
        seen = SeenFiles()
        try:
            return load_config(self.path, seen=seen)
        finally:
            self._seen = seen

    def changed(self) -> bool:
        """Return whether one of the files that were read has changed, the secrets' and those of TLS included."""
        return self._seen.changed()


class Reloader:
    """Loads the configuration again when asked to, one load after the other.

    Args:
        source: The file.
        discovery: What takes a configuration into service.
        metrics: Where it is told how the last load went.
    """

    def __init__(self, source: Source, discovery: Discovery, metrics: ReloadMetrics) -> None:
        self._source = source
        self._discovery = discovery
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._asked = asyncio.Event()
        self._loaded: float | None = None
        self._problem: str | None = None

    def status(self) -> dict[str, Any]:
        """Return the Unix time in seconds of the load that is in service, and why a later one was refused, or None."""
        return {"loaded": self._loaded, "problem": self._problem}

    def ask(self) -> None:
        """Have the file loaded soon; asking ten times before that happens is asking once."""
        self._asked.set()

    async def load(self) -> ConfigError | None:
        """Load the file now; return why it was refused, or None."""
        async with self._lock:
            try:
                config = await asyncio.to_thread(self._source.load)
            except ConfigError as error:
                return self._refused(error)
            except Exception as error:  # noqa: BLE001 - a defect of ours is told as a refusal, and ends no probe
                what = f"a defect of the collector ({type(error).__name__})"
                problem = Problem("", what, "report it, with what has changed in the file")
                return self._refused(ConfigError(str(self._source.path), problem))
            await self.apply(config)
            _log.info("configuration loaded, probing %d APIs", len(self._discovery))
            return None

    async def apply(self, config: Config) -> None:
        """Take a configuration into service."""
        await self._discovery.apply(config)
        self._metrics.succeeded()
        self._loaded, self._problem = round(time.time(), 3), None

    def _refused(self, error: ConfigError) -> ConfigError:
        self._metrics.failed()
        self._problem = str(error)
        _log.error("the configuration is refused, the former one stays in service:\n%s", error)
        return error

    async def run(self, look_every: float = LOOK_EVERY) -> None:
        """Load the file whenever it was asked for or a file has changed, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), look_every)
            except TimeoutError:
                if not await asyncio.to_thread(self._source.changed):
                    continue
            self._asked.clear()
            await self.load()
