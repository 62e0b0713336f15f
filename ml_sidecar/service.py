"""The running sidecar: one loop that scores, one that trains, and a server that hands out what is ready."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from ml_sidecar import __version__
from ml_sidecar.config import Config
from ml_sidecar.engine import Engine
from ml_sidecar.errors import NotTrainedError, ReaderError
from ml_sidecar.events import EventLog
from ml_sidecar.exporter import PrometheusExporter
from ml_sidecar.publication import Publication
from ml_sidecar.reader import PrometheusReader, reader_of
from ml_sidecar.server import create_app, serve
from ml_sidecar.status import api_rows, json_safe, model_cards
from ml_sidecar.store import ModelStore
from ml_sidecar.trainer import Trainer

SETTLE = 2.0
"""Seconds that a scoring instant lies in the past, so that rules evaluated at it have been written."""
_POLL = 1.0
_ERRORS_KEPT = 20

logger = logging.getLogger("ml.analytics")


class Sidecar:
    """Wires reader, engine, exporter and server, and runs the loops.

    Args:
        config: all settings.
        reader: where values come from.
        store: where models come from.
        exporter: where results go.
        now: clock, seconds since the epoch.
    """

    def __init__(
        self,
        config: Config,
        reader: PrometheusReader,
        store: ModelStore,
        exporter: PrometheusExporter,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._store = store
        self._exporter = exporter
        self._now = now
        self._started = now()
        self.events = EventLog(logger, now)
        self.engine = Engine(config, reader, store, self.events, journal=True)
        self._trainer = Trainer(config, self.events, now)
        self._publication = Publication(config, reader, exporter, self.events, self._trainer)
        self._unusable: str | None = None
        self._unreachable: str | None = None
        self._last_success: float | None = None
        self._last_cycle: dict[str, Any] = {}
        self._errors: deque[dict[str, str]] = deque(maxlen=_ERRORS_KEPT)

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Serve, score and train until SIGTERM or SIGINT.

        Raises:
            PortTakenError: another process listens on the port.
        """
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        self._publication.publish_health(None)
        env = self._config.env
        async with serve(create_app(self), env.sidecar_host, env.sidecar_port) as port:
            logger.info("serving on http://%s:%d", env.sidecar_host, port)
            work = [asyncio.create_task(loop()) for loop in (self._score_loop, self._train_loop)]
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([*work, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in (*work, stopping):
                task.cancel()
            for outcome in await asyncio.gather(*work, return_exceptions=True):
                if isinstance(outcome, Exception):  # a loop ends by itself only if it fails
                    raise outcome

    async def _score_loop(self) -> None:
        interval, judged = self._config.env.prometheus_export_interval, -math.inf
        while True:
            instant = (self._now() - SETTLE) // interval * interval
            if instant > judged:
                await asyncio.to_thread(self.cycle, instant)
                judged = instant
            await asyncio.sleep(max(0.05, judged + interval + SETTLE - self._now()))

    async def _train_loop(self) -> None:
        while True:
            if self._trainer.due(self._trained_at(), self._drift()):
                await self._trainer.train()
            await asyncio.sleep(_POLL)

    def _trained_at(self) -> float | None:
        """When the models in service, or about to be, were trained; None where none is usable."""
        service = self.engine.service
        if service is not None:
            return max(card.trained_at for card in service.cards.values())
        return None if self._store.current() in {None, self._unusable} else self._now()

    def _drift(self) -> float:
        """Largest drift of a feature, 0 where none is known."""
        grid = self.engine.grid
        known = [] if grid is None else [value for value in grid.drift.values() if math.isfinite(value)]
        return max(known, default=0.0)

    # ------------------------------------------------------------------ scoring

    def cycle(self, instant: float) -> None:
        """Judge one instant and publish it; on failure publish health alone, so that nothing old is served as new."""
        began = time.monotonic()
        try:
            self._take_promoted(instant)
            look = self.engine.look(instant)
        except NotTrainedError:
            self._publication.publish_health(None)
        except ReaderError as error:
            self._lose(error)
        else:
            self._find()
            self._last_success = instant
            seconds = time.monotonic() - began
            self._last_cycle = {
                "time": _iso(instant),
                "seconds": round(seconds, 4),
                "apis": len(look.entities),
                "anomalous": int(look.is_open.sum()),
            }
            self._publication.publish(self.engine, look, seconds)

    def _take_promoted(self, instant: float) -> None:
        """Put a version into service that a training, started here or elsewhere, has promoted."""
        current = self._store.current()
        service = self.engine.service
        if current in {None, self._unusable} or (service is not None and service.version == current):
            return
        self._unusable = None if self.engine.load(instant) else current

    def _lose(self, error: ReaderError) -> None:
        """Prometheus failed: say so once, and drop what would go stale."""
        if self._unreachable is None:
            self.events.add("prometheus_unreachable", str(error))
            self._errors.append({"time": _iso(self._now()), "error": str(error)})
        self._unreachable = str(error)
        self._publication.publish_health(self.engine.service)

    def _find(self) -> None:
        """Prometheus answered: say so if it had not before."""
        if self._unreachable is not None:
            self._unreachable = None
            self.events.add("prometheus_back", "Prometheus answers again, scores are up to date")

    # ------------------------------------------------------------------ what the server asks for

    def exposition(self) -> bytes:
        """Ready bytes of /metrics."""
        return self._exporter.exposition()

    def exposition_json(self) -> bytes:
        """The same samples as JSON."""
        return self._exporter.exposition_json()

    def health(self) -> dict[str, Any]:
        """The process is alive."""
        return {
            "status": "ok",
            "version": __version__,
            "uptime_seconds": round(self._now() - self._started, 1),
        }

    def readiness(self) -> tuple[bool, str]:
        """Whether models are loaded and the last cycle is recent, and if not, why."""
        if self._unreachable is not None:
            return False, self._unreachable
        if self.engine.service is None:
            stored = self._store.current() not in {None, self._unusable}
            return False, f"no model yet: {'it is being loaded' if stored else self._trainer.waiting}"
        if self._last_success is None:
            return False, "models are loaded, the first scoring has not ended yet"
        age = self._now() - self._last_success
        if age > 3.0 * self._config.env.prometheus_export_interval + SETTLE:
            return False, f"the last successful scoring is {age:.0f} s old"
        return True, "models are loaded, scores are recent"

    def status(self) -> dict[str, Any]:
        """Everything a person asks first, without secrets, as JSON-able values."""
        ready, reason = self.readiness()
        shown: dict[str, Any] = json_safe(
            {
                **self.health(),
                "ready": ready,
                "reason": reason,
                "environment": self._config.env.environment,
                "configuration": self._config.public(),
                "models": model_cards(self.engine.service),
                "last_cycle": self._last_cycle,
                "last_training": self._trainer.last,
                "apis": api_rows(self.engine, fresh=ready),
                "events": self.events.as_list(),
                "errors": list(self._errors),
            }
        )
        return shown


def build_sidecar(config: Config) -> Sidecar:
    """The sidecar as the command line runs it."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    exporter = PrometheusExporter(
        config.env.environment,
        max_series=config.file.max_series,
        groups=config.file.export,
        registry=registry,
    )
    return Sidecar(config, reader_of(config), ModelStore(config.env.models_dir), exporter)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
