"""What outcomes do to the metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from collector import contract
from collector.api import Api, Step
from collector.metrics import MAX_QUOTAS_PER_API, ProbeMetrics
from collector.outcome import Outcome
from collector.quota import Quota
from collector.system_metrics import SystemCollector

LABELS = {"api_name": "Wetter", "environment": "test"}
Read = Callable[..., float | None]


@pytest.fixture
def registry() -> CollectorRegistry:
    """Give an empty registry."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> ProbeMetrics:
    """Give the metrics of one API that was not probed yet."""
    metrics = ProbeMetrics(registry, "test")
    metrics.add_api(Api("Wetter", "http://a.example", interval=15.0))
    return metrics


@pytest.fixture
def read(registry: CollectorRegistry, metrics: ProbeMetrics) -> Read:
    """Give a function that reads a sample of the API."""
    del metrics  # has to be there

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, LABELS | labels)

    return value


def test_counters_start_at_zero(read: Read) -> None:
    """Every known combination of labels is there before the first probe, so that `rate` sees the first error."""
    assert [read("rapidapi_api_requests_total", status=status) for status in ("success", "error")] == [0, 0]
    assert {read("rapidapi_api_errors_total", reason=reason) for reason in contract.ERROR_REASONS} == {0}
    assert {read("rapidapi_api_request_phase_seconds_total", phase=phase) for phase in contract.PHASES} == {0}
    assert read("rapidapi_api_response_time_seconds_count") == 0
    assert read("rapidapi_api_probe_interval_seconds") == 15


def test_steps(metrics: ProbeMetrics, registry: CollectorRegistry) -> None:
    """Each step's time is summed, its reasons start at 0, and those of steps that a new configuration lacks end."""

    def labelled(name: str, label: str) -> set[str]:
        (family,) = [found for found in registry.collect() if found.name == name]
        return {sample.labels[label] for sample in family.samples if sample.labels["api_name"] == "Shop"}

    def steps() -> set[str]:
        return labelled("rapidapi_api_step_seconds", "step")

    login, orders, bill = (Step(name, "http://a.example") for name in ("login", "orders", "bill"))
    metrics.add_api(Api("Shop", "http://a.example"))
    assert (steps(), "timeout" in labelled("rapidapi_api_errors", "reason")) == (set(), True)
    metrics.add_api(Api("Shop", steps=(login, orders)))
    expected = {f"{step}:{reason}" for step in ("login", "orders") for reason in contract.ERROR_REASONS}
    assert labelled("rapidapi_api_errors", "reason") == expected
    metrics.record("Shop", Outcome("orders:body", 0.7, steps=(("login", 0.5), ("orders", 0.2))))
    shop = {"api_name": "Shop", "environment": "test"}
    assert registry.get_sample_value("rapidapi_api_errors_total", shop | {"reason": "orders:body"}) == 1
    assert registry.get_sample_value("rapidapi_api_errors_total", shop | {"reason": "login:body"}) == 0
    assert registry.get_sample_value("rapidapi_api_step_seconds_sum", shop | {"step": "login"}) == 0.5
    metrics.add_api(Api("Shop", steps=(login, bill)))
    assert steps() == {"login", "bill"}
    assert registry.get_sample_value("rapidapi_api_step_seconds_count", shop | {"step": "login"}) == 1
    metrics.remove_api("Shop")
    assert (steps(), labelled("rapidapi_api_errors", "reason")) == (set(), set())


def test_what_is_unknown_is_absent(read: Read) -> None:
    """Before the first probe there is no time of it, no quota and no certificate, rather than a false 0."""
    assert read("rapidapi_api_last_probe_timestamp_seconds") is None
    assert read("rapidapi_api_certificate_expiry_timestamp_seconds") is None
    assert read("rapidapi_api_quota_remaining", quota="requests") is None


def test_success(metrics: ProbeMetrics, read: Read) -> None:
    """A success counts as such, with its time, phases, quota and certificate."""
    phases = {"dns": 0.1, "connect": 0.1, "processing": 0.1, "transfer": 0.1}
    before = time.time()
    metrics.record("Wetter", Outcome(None, 0.4, phases, (Quota("requests", 500, 7, 99.0),), 123.0))
    assert read("rapidapi_api_requests_total", status="success") == 1
    assert read("rapidapi_api_requests_total", status="error") == 0
    assert read("rapidapi_api_response_time_seconds_sum") == 0.4
    assert read("rapidapi_api_response_time_seconds_bucket", le="0.3") == 0
    assert read("rapidapi_api_response_time_seconds_bucket", le="0.5") == 1
    assert read("rapidapi_api_request_phase_seconds_total", phase="dns") == 0.1
    assert read("rapidapi_api_quota_limit", quota="requests") == 500
    assert read("rapidapi_api_quota_remaining", quota="requests") == 7
    assert read("rapidapi_api_quota_reset_timestamp_seconds", quota="requests") == 99
    assert read("rapidapi_api_certificate_expiry_timestamp_seconds") == 123
    assert before <= (read("rapidapi_api_last_probe_timestamp_seconds") or 0) <= time.time()


def test_refused_connection_has_no_response_time(metrics: ProbeMetrics, read: Read) -> None:
    """A request that never got a connection is an error with its reason, and leaves the histogram alone."""
    metrics.record("Wetter", Outcome("connect"))
    assert read("rapidapi_api_requests_total", status="error") == 1
    assert read("rapidapi_api_errors_total", reason="connect") == 1
    assert read("rapidapi_api_response_time_seconds_count") == 0
    assert read("rapidapi_api_last_probe_timestamp_seconds") is not None


def test_quotas_are_bounded(
    metrics: ProbeMetrics, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """An API that invents a quota name with each answer cannot fill Prometheus, and is named once."""
    with caplog.at_level(logging.WARNING, "collector"):
        for number in range(50):
            metrics.record("Wetter", Outcome(None, 0.1, quotas=(Quota(f"q{number}", remaining=1),)))
    remaining = next(family for family in registry.collect() if family.name == "rapidapi_api_quota_remaining")
    assert len(remaining.samples) == MAX_QUOTAS_PER_API
    assert caplog.messages == ["'Wetter' states 10 quotas; any further ones are left out"]


def test_system_metrics() -> None:
    """The collector tells its uptime, its memory in bytes and its CPU."""
    registry = CollectorRegistry()
    registry.register(SystemCollector("test"))
    labels = {"environment": "test"}
    assert 0 <= (registry.get_sample_value("rapidapi_system_uptime_seconds", labels) or -1) < 60
    assert 10e6 < (registry.get_sample_value("rapidapi_system_memory_bytes", labels) or 0) < 10e9
    assert 0 <= (registry.get_sample_value("rapidapi_system_cpu_percent", labels) or 0) < 10_000


def test_cpu_is_measured_between_scrapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU is in percent of one core since the scrape before; two scrapes at once give the same value."""
    now = [0.0, 0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[1])
    collector = SystemCollector("test")

    def cpu() -> float:
        return list(collector.collect())[2].samples[0].value

    now[:] = [10.0, 2.5]
    assert cpu() == 25.0
    now[:] = [10.1, 2.6]
    assert cpu() == 25.0
    now[:] = [20.0, 2.5 + 1.0]
    assert cpu() == 10.0
