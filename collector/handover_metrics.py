"""What is known of the handing over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector import contract
from collector.metrics import counter

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class HandoverMetrics:
    """What became of what other programs handed over."""

    def __init__(self, registry: CollectorRegistry, environment: str) -> None:
        self._requests = counter(contract.HANDOVER_REQUESTS, registry).labels(environment)
        dropped = counter(contract.HANDOVER_DROPPED, registry)
        self._dropped = {cause: dropped.labels(environment, cause) for cause in contract.HANDOVER_DROP_CAUSES}
        self._refused = counter(contract.HANDOVER_REFUSED, registry).labels(environment)

    def counted(self, requests: int) -> None:
        """Say that so many requests were counted with their APIs."""
        self._requests.inc(requests)

    def dropped(self, cause: str, requests: int) -> None:
        """Say that so many requests were not, for one of `contract.HANDOVER_DROP_CAUSES`."""
        self._dropped[cause].inc(requests)

    def refused(self) -> None:
        """Count a file that was set aside."""
        self._refused.inc()
