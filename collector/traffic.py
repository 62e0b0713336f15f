"""Counts real traffic: what the hooks for the three HTTP clients have in common."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from collector.handover import Handover
from collector.metrics import RequestMetrics
from collector.outcome import Outcome, reason_for_status
from collector.quota import parse_quotas
from collector.settings import DEFAULT_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import CollectorRegistry

_log = logging.getLogger("collector")

# A registry takes each metric once, and a program may well have a session for each of its APIs.
_METRICS: WeakKeyDictionary[CollectorRegistry, RequestMetrics] = WeakKeyDictionary()
_METRICS_LOCK = threading.Lock()


class Traffic:
    """Counts the requests to one API. Nothing that goes wrong here reaches the code whose requests they are.

    Args:
        api_name: Value of the label `api_name`.
        environment: Value of the label `environment`; the variable `ENVIRONMENT`, or "production", if None.
        registry: Where the metrics are registered; or a `Handover` to the collector.
        phases: The phases that will be measured.
    """

    def __init__(
        self,
        api_name: str,
        environment: str | None,
        registry: CollectorRegistry | Handover,
        phases: Iterable[str] = (),
    ) -> None:
        self._api_name = api_name
        self._environment = environment or os.environ.get("ENVIRONMENT") or DEFAULT_ENVIRONMENT
        self._metrics = registry if isinstance(registry, Handover) else _metrics_of(registry)
        self._metrics.add_api(api_name, self._environment, phases)
        self._failed = False

    def record(self, outcome: Outcome | None) -> None:
        """Count a finished request; None for one that says nothing about the API."""
        if outcome is None:
            return
        try:
            self._metrics.record(self._api_name, self._environment, outcome)
        except Exception:  # noqa: BLE001 - logged; that it could not be counted is not the affair of whose request it was
            if not self._failed:
                _log.exception("requests to %r cannot be counted; this is said once", self._api_name)
            self._failed = True


def answer(
    status: int, headers: Iterable[tuple[str, str]], seconds: float, phases: Mapping[str, float] | None = None
) -> Outcome:
    """Return the outcome of a request that got an answer; every status below 400 is a success."""
    reason = None if status < 400 else reason_for_status(status)
    return Outcome(reason, seconds, phases or {}, parse_quotas(headers, time.time()))


def is_cancellation(error: BaseException | None) -> bool:
    """Tell whether the request's own program ended it: by cancelling its task, or itself."""
    return not isinstance(error, Exception | GeneratorExit | None)


def _metrics_of(registry: CollectorRegistry) -> RequestMetrics:
    with _METRICS_LOCK:
        if registry not in _METRICS:
            _METRICS[registry] = RequestMetrics(registry)
        return _METRICS[registry]
