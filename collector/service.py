"""The collector as a running service: probes on schedule, endpoints, new configurations, an orderly end."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import disable_created_metrics

from collector.discovery import Discovery
from collector.discovery_metrics import DiscoveryMetrics
from collector.fleet import Fleet
from collector.handover_metrics import HandoverMetrics
from collector.metrics import ProbeMetrics, ReloadMetrics
from collector.piecewise import PiecewiseRegistry
from collector.probe import Prober
from collector.reload import Reloader, Source
from collector.server import Endpoints, listen
from collector.spool import Spool
from collector.system_metrics import SystemCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from pathlib import Path

    from collector.settings import Settings

_log = logging.getLogger("collector")


async def serve(source: Source, settings: Settings, stop: asyncio.Event) -> None:
    """Probe the APIs and serve the metrics until `stop` is set.

    Raises:
        ConfigError: The configuration is refused at the start.
        ListenError: The settings' host and port cannot be had.
    """
    registry = PiecewiseRegistry()
    system = SystemCollector(settings.environment)
    registry.register(system)
    metrics = ProbeMetrics(registry, settings.environment)
    reloads = ReloadMetrics(registry, settings.environment)
    config = source.load()
    async with Prober() as prober:
        fleet = Fleet(prober, metrics)
        discovery = Discovery(fleet, DiscoveryMetrics(registry, settings.environment))
        reloader = Reloader(source, discovery, reloads)
        endpoints = Endpoints(registry, system, fleet, discovery, reloader, may_reload=settings.enable_reload)
        runner, url = await listen(endpoints.app(), settings.host, settings.port)
        try:
            await reloader.apply(config)
            _search_less_for_garbage()
            _log.info("probing %d APIs, metrics at %s/metrics", len(fleet), url)
            tasks = [reloader.run()]
            if settings.handover_dir:
                handovers = HandoverMetrics(registry, settings.environment)
                spool = Spool(settings.handover_dir, metrics.requests, handovers, endpoints.scrapes)
                tasks.append(spool.run())
            await _until(stop, reloader, tasks)
            await discovery.stop()
            await fleet.stop()
        finally:
            await runner.cleanup()
    _log.info("stopped")


def _search_less_for_garbage() -> None:
    """Have the search for garbage pass over what stays (APIs, metrics, modules), and come after many probes, not each."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


async def _until(
    stop: asyncio.Event, reloader: Reloader, tasks: Iterable[Coroutine[object, object, None]]
) -> None:
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.ask)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(task) for task in tasks]
        await stop.wait()
        for task in running:
            task.cancel()


def run(config: Path, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; load the configuration again on SIGHUP and when the file changes.

    Raises:
        ConfigError: The configuration is refused at the start.
        ListenError: The settings' host and port cannot be had.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # three more series for each API, which nothing reads
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve_until_signal(config, settings))


async def _serve_until_signal(config: Path, settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(Source(config), settings, stop)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loops of probes: uvloop's where there is one, else None for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - optional: absent on Windows
    except ImportError:
        return None
    return partial(uvloop.new_event_loop)
