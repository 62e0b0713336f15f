"""The collector as a running service: probes on schedule, endpoints, an orderly end."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
import traceback
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, disable_created_metrics

from collector.metrics import ProbeMetrics, set_config_loaded
from collector.probe import Prober
from collector.restraint import Pause, Restraint
from collector.schedule import offset, run_every
from collector.server import Endpoints, listen
from collector.system_metrics import SystemCollector

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.api import Api
    from collector.outcome import Outcome
    from collector.settings import Settings

_log = logging.getLogger("collector")


class Watch:
    """Probes one API when told to, counts the outcome, and logs when it begins or ceases to fail."""

    def __init__(self, api: Api, prober: Prober, metrics: ProbeMetrics) -> None:
        self._api = api
        self._prober = prober
        self._metrics = metrics
        self._restraint = Restraint(api.interval, api.quota_reserve)
        self._pause: Pause | None = None
        self._failing_as: str | None = None

    async def probe(self) -> None:
        """Probe the API once, unless it is to be left alone; a defect of ours is logged and leaves the others alone."""
        if self._pause and time.time() < self._pause.until:
            return
        try:
            outcome = await self._prober.probe(self._api)
            self._metrics.record(self._api.name, outcome)
            self._leave_alone(self._restraint.after(outcome, time.time()))
        except Exception as error:  # noqa: BLE001 - logged; the API's data then goes stale, which the rules notice
            # Without the error's text and cause, which may quote a URL or header with a key.
            places = "".join(traceback.format_tb(error.__traceback__))
            _log.error("probing %r failed with %s at\n%s", self._api.name, type(error).__name__, places)
        else:
            self._log_change(outcome)

    def _leave_alone(self, pause: Pause | None) -> None:
        if pause and (self._pause is None or pause.cause != self._pause.cause):
            end = datetime.fromtimestamp(pause.until, UTC)
            _log.info(
                "%r is not probed until %s at the earliest (%s)", self._api.name, f"{end:%F %TZ}", pause.cause
            )
        self._metrics.set_paused(self._api.name, pause and pause.cause)
        self._pause = pause

    def _log_change(self, outcome: Outcome) -> None:
        if outcome.reason and outcome.reason != self._failing_as:
            _log.warning("%r fails: %s (%s)", self._api.name, outcome.reason, outcome.detail)
        elif self._failing_as and not outcome.reason:
            _log.info("%r answers again", self._api.name)
        self._failing_as = outcome.reason


async def serve(apis: tuple[Api, ...], settings: Settings, stop: asyncio.Event) -> None:
    """Probe the APIs and serve the metrics until `stop` is set.

    Raises:
        ListenError: The settings' host and port cannot be had.
    """
    registry = CollectorRegistry()
    system = SystemCollector(settings.environment)
    registry.register(system)
    set_config_loaded(registry, settings.environment)
    metrics = ProbeMetrics(registry, settings.environment)
    for api in apis:
        metrics.add_api(api.name, api.interval)
    runner, url = await listen(Endpoints(registry, system, len(apis)).app(), settings.host, settings.port)
    try:
        async with Prober() as prober:
            _log.info("probing %d APIs, metrics at %s/metrics", len(apis), url)
            await _probe_until(stop, [(api, Watch(api, prober, metrics)) for api in apis])
    finally:
        await runner.cleanup()
    _log.info("stopped")


async def _probe_until(stop: asyncio.Event, watches: list[tuple[Api, Watch]]) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(run_every(api.interval, offset(api.name, api.interval), watch.probe))
            for api, watch in watches
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()


def run(apis: tuple[Api, ...], settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ListenError: The settings' host and port cannot be had.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # three more series for each API, which nothing reads
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve_until_signal(apis, settings))


async def _serve_until_signal(apis: tuple[Api, ...], settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(apis, settings, stop)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional: absent on Windows
    except ImportError:
        return None
    return partial(uvloop.new_event_loop)
