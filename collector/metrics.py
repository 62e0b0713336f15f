"""The collector's metrics: prometheus-client objects made from the contract, and how an outcome moves them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from collector import contract
from collector.outcome import step_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.metrics import MetricWrapperBase

    from collector.api import Api
    from collector.outcome import Outcome
    from collector.quota import Quota

MAX_QUOTAS_PER_API: Final = 10
"""The API chooses these label values, so their number has a limit."""

_log = logging.getLogger("collector")


@dataclass(slots=True)
class _Series:
    """The series of one API, found once, not by their labels at each probe."""

    requests: dict[str, Counter]
    phase_seconds: dict[str, Counter]
    response_time: Histogram
    reasons: Sequence[str]
    quota_names: set[str]


class RequestMetrics:
    """What is known of requests to APIs, whether we sent them or only saw them pass.

    Args:
        registry: Where the metrics are registered; once per registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = counter(contract.REQUESTS, registry)
        self._errors = counter(contract.ERRORS, registry)
        self._phase_seconds = counter(contract.PHASE_SECONDS, registry)
        self._response_time = Histogram(
            contract.RESPONSE_TIME.name,
            contract.RESPONSE_TIME.help,
            contract.RESPONSE_TIME.label_names,
            buckets=contract.RESPONSE_TIME_BUCKETS,
            registry=registry,
        )
        self._quota_gauges = {
            "limit": gauge(contract.QUOTA_LIMIT, registry),
            "remaining": gauge(contract.QUOTA_REMAINING, registry),
            "reset": gauge(contract.QUOTA_RESET, registry),
        }
        self._certificate_expiry = gauge(contract.CERTIFICATE_EXPIRY, registry)
        self._series: dict[tuple[str, str], _Series] = {}

    def add_api(
        self,
        api_name: str,
        environment: str,
        phases: Iterable[str] = contract.PHASES,
        reasons: Sequence[str] = contract.ERROR_REASONS,
    ) -> None:
        """Start the API's series at 0, so that `rate` sees its first error too; end those of other reasons.

        Args:
            api_name: Value of the label `api_name`.
            environment: Value of the label `environment`.
            phases: The phases that will be measured.
            reasons: The reasons for which requests can fail.
        """
        labels = (api_name, environment)
        former = self._series.get(labels)
        for reason in reasons:
            self._errors.labels(*labels, reason)
        if former:
            _remove(self._errors, labels, set(former.reasons).difference(reasons))
        self._series[labels] = _Series(
            {status: self._requests.labels(*labels, status) for status in contract.REQUEST_STATUSES},
            {phase: self._phase_seconds.labels(*labels, phase) for phase in phases},
            self._response_time.labels(*labels),
            reasons,
            former.quota_names if former else set(),
        )

    def has_api(self, api_name: str, environment: str) -> bool:
        """Tell whether the API's series have been started."""
        return (api_name, environment) in self._series

    def remove_api(self, api_name: str, environment: str) -> None:
        """End the API's series."""
        labels = (api_name, environment)
        # One by one: `remove_by_labels` goes through the series of all APIs, for seconds if a hundred of 5,000 go.
        _remove(self._requests, labels, contract.REQUEST_STATUSES)
        series = self._series.pop(labels)
        _remove(self._errors, labels, {*contract.ERROR_REASONS, *series.reasons})
        _remove(self._phase_seconds, labels, contract.PHASES)
        self._response_time.remove(*labels)
        for metric in self._quota_gauges.values():
            _remove(metric, labels, series.quota_names)
        self._certificate_expiry.remove(*labels)

    def record(self, api_name: str, environment: str, outcome: Outcome) -> None:
        """Count one finished request of an API that was added before."""
        labels = (api_name, environment)
        series = self._series[labels]
        series.requests[outcome.status].inc()
        if outcome.reason:
            self._errors.labels(*labels, outcome.reason).inc()
        if outcome.response_time is not None:
            series.response_time.observe(outcome.response_time)
            for phase, seconds in outcome.phases.items():
                if phase not in series.phase_seconds:
                    series.phase_seconds[phase] = self._phase_seconds.labels(*labels, phase)
                series.phase_seconds[phase].inc(seconds)
        if outcome.certificate_expiry is not None:
            self._certificate_expiry.labels(*labels).set(outcome.certificate_expiry)
        for quota in outcome.quotas:
            self._record_quota(labels, quota)

    def _record_quota(self, labels: tuple[str, str], quota: Quota) -> None:
        known = self._series[labels].quota_names
        if quota.name not in known:
            if len(known) >= MAX_QUOTAS_PER_API:
                return
            known.add(quota.name)
            if len(known) == MAX_QUOTAS_PER_API:
                _log.warning(
                    "%r states %d quotas; any further ones are left out", labels[0], MAX_QUOTAS_PER_API
                )
        for part, gauge in self._quota_gauges.items():
            if (value := getattr(quota, part)) is not None:
                gauge.labels(*labels, quota.name).set(value)


class ProbeMetrics:
    """What is known of probes: the requests, when the last one ended and how often one is due.

    Attributes:
        requests: The requests, to which other programs may add theirs.
    """

    def __init__(self, registry: CollectorRegistry, environment: str) -> None:
        self._environment = environment
        self.requests = RequestMetrics(registry)
        self._last_probe = gauge(contract.LAST_PROBE, registry)
        self._interval = gauge(contract.PROBE_INTERVAL, registry)
        self._paused = gauge(contract.PAUSED, registry)
        self._missed = counter(contract.MISSED, registry)
        self._parents = gauge(contract.PARENT_INFO, registry)
        step = contract.STEP_SECONDS
        self._step_seconds = Summary(step.name, step.help, step.label_names, registry=registry)
        self._apis: dict[str, Api] = {}

    def add_api(self, api: Api) -> None:
        """Start an API's series, or go on with them if there was one of this name."""
        reasons = [step_reason(step.name, reason) for step in api.steps for reason in contract.ERROR_REASONS]
        self.requests.add_api(api.name, self._environment, reasons=reasons or contract.ERROR_REASONS)
        former, labels = self._apis.get(api.name, api), (api.name, self._environment)
        for step in api.steps:
            self._step_seconds.labels(*labels, step.name)
        _remove(self._step_seconds, labels, _steps(former) - _steps(api))
        self._interval.labels(*labels).set(api.interval)
        self._missed.labels(*labels)
        _remove(self._parents, labels, set(former.depends_on).difference(api.depends_on))
        for parent in api.depends_on:
            self._parents.labels(*labels, parent).set(1)
        self.set_paused(api.name, None)
        self._apis[api.name] = api

    def remove_api(self, api_name: str) -> None:
        """End an API's series."""
        self.requests.remove_api(api_name, self._environment)
        api, labels = self._apis.pop(api_name), (api_name, self._environment)
        for metric in (self._last_probe, self._interval, self._missed):
            metric.remove(*labels)
        _remove(self._paused, labels, contract.PAUSE_CAUSES)
        _remove(self._parents, labels, api.depends_on)
        _remove(self._step_seconds, labels, _steps(api))

    def miss(self, api_name: str, slots: int) -> None:
        """Count probes that were left out."""
        self._missed.labels(api_name, self._environment).inc(slots)

    def record(self, api_name: str, outcome: Outcome) -> None:
        """Count a probe that ended just now."""
        self.requests.record(api_name, self._environment, outcome)
        for step, seconds in outcome.steps:
            self._step_seconds.labels(api_name, self._environment, step).observe(seconds)
        self._last_probe.labels(api_name, self._environment).set_to_current_time()

    def set_paused(self, api_name: str, present: str | None) -> None:
        """Say for which of `contract.PAUSE_CAUSES` an API is not probed; None if it is."""
        for cause in contract.PAUSE_CAUSES:
            self._paused.labels(api_name, self._environment, cause).set(cause == present)


class ReloadMetrics:
    """How the last load of the configuration went, and when one last succeeded."""

    def __init__(self, registry: CollectorRegistry, environment: str) -> None:
        self._success = gauge(contract.RELOAD_SUCCESS, registry).labels(environment)
        self._timestamp = gauge(contract.RELOAD_TIMESTAMP, registry).labels(environment)

    def succeeded(self) -> None:
        """Say that the configuration was loaded just now, without an error."""
        self._success.set(1)
        self._timestamp.set_to_current_time()

    def failed(self) -> None:
        """Say that the configuration was refused just now."""
        self._success.set(0)


def _steps(api: Api) -> set[str]:
    return {step.name for step in api.steps}


def _remove(metric: MetricWrapperBase, labels: tuple[str, str], values: Iterable[str]) -> None:
    """End the API's series with these values of the metric's own label."""
    for value in values:
        metric.remove(*labels, value)


def counter(metric: contract.Metric, registry: CollectorRegistry) -> Counter:
    """Return the counter that the contract describes."""
    return Counter(metric.name, metric.help, metric.label_names, registry=registry)


def gauge(metric: contract.Metric, registry: CollectorRegistry) -> Gauge:
    """Return the gauge that the contract describes."""
    # Where several processes measure the same API, the last to have heard of it is right.
    return Gauge(
        metric.name, metric.help, metric.label_names, registry=registry, multiprocess_mode="mostrecent"
    )
