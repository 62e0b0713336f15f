"""What the collector itself uses: uptime, memory, CPU."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from collector import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATM: Final = Path("/proc/self/statm")


class SystemCollector(Collector):
    """Measures the process at each scrape.

    Args:
        environment: Value of the label `environment`.
    """

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._started = time.monotonic()
        self._cpu_read = (time.monotonic(), time.process_time())
        self._cpu_percent = 0.0

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metrics without measuring, which would start a new CPU interval."""
        for metric in (contract.UPTIME, contract.MEMORY, contract.CPU):
            yield GaugeMetricFamily(metric.name, metric.help, labels=metric.label_names)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Measure."""
        values = (self.uptime, _resident_bytes(), self._cpu())
        for family, value in zip(self.describe(), values, strict=True):
            family.add_metric([self._environment], value)
            yield family

    def _cpu(self) -> float:
        then, used_then = self._cpu_read
        now, used = time.monotonic(), time.process_time()
        if now - then >= 1.0:  # two scrapes at once would divide by next to nothing
            self._cpu_percent = 100 * (used - used_then) / (now - then)
            self._cpu_read = (now, used)
        return self._cpu_percent


def _resident_bytes() -> float:
    if _STATM.exists():
        return float(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: the peak, in bytes
