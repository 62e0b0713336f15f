"""What is known of the sources of APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector import contract
from collector.metrics import counter, gauge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class DiscoveryMetrics:
    """How the looks at each source went, and what its list in service holds."""

    def __init__(self, registry: CollectorRegistry, environment: str) -> None:
        self._environment = environment
        self._up = gauge(contract.DISCOVERY_UP, registry)
        self._refreshes = counter(contract.DISCOVERY_REFRESHES, registry)
        self._failures = counter(contract.DISCOVERY_FAILURES, registry)
        self._targets = gauge(contract.DISCOVERY_TARGETS, registry)
        self._duplicates = gauge(contract.DISCOVERY_DUPLICATES, registry)

    def add(self, source: str) -> None:
        """Start the source's series; whether it can be read is known with its first look."""
        for metric in (self._refreshes, self._failures, self._targets, self._duplicates):
            metric.labels(self._environment, source)

    def looked(self, source: str, targets: int, *, failed: bool) -> None:
        """Say that a look has just ended, and how many targets the list in service has."""
        labels = (self._environment, source)
        self._up.labels(*labels).set(not failed)
        self._refreshes.labels(*labels).inc()
        self._failures.labels(*labels).inc(failed)
        self._targets.labels(*labels).set(targets)

    def set_duplicates(self, source: str, number: int) -> None:
        """Say how many of the source's targets are left out because their names are taken."""
        self._duplicates.labels(self._environment, source).set(number)

    def remove(self, source: str) -> None:
        """End the series of a source."""
        for metric in (self._up, self._refreshes, self._failures, self._targets, self._duplicates):
            metric.remove_by_labels({"environment": self._environment, "source": source})
