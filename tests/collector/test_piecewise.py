"""What `/metrics` answers, and that encoding it holds nothing up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Summary, disable_created_metrics, enable_created_metrics
from prometheus_client.exposition import choose_encoder

from collector import piecewise
from collector.api import Api, Step
from collector.metrics import ProbeMetrics
from collector.outcome import Outcome
from collector.piecewise import PiecewiseRegistry
from collector.quota import Quota
from collector.system_metrics import SystemCollector
from tests.collector.other_work import other_work

ODD_NAME = 'wea"ther\\ 0.0\x85{a="b"}\n# \N{SNOWMAN}'
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4"
)


@pytest.fixture(autouse=True)
def no_created_series() -> Iterator[None]:
    """Do without the `_created` series, as the running collector does."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    yield
    enable_created_metrics()  # type: ignore[no-untyped-call]


def families(text: bytes) -> dict[bytes, list[bytes]]:
    """The lines under each HELP line."""
    parts = text.removesuffix(b"# EOF\n").split(b"# HELP ")
    assert parts[0] == b""
    return {head: lines for head, *lines in (part.split(b"\n") for part in parts[1:])}


def probed(registry: CollectorRegistry, *names: str) -> ProbeMetrics:
    """Metrics of APIs that were probed."""
    metrics = ProbeMetrics(registry, "production")
    for k, name in enumerate(names):
        metrics.add_api(Api(name, steps=(Step("login"),), depends_on=("gateway",) * k))
        phases = {"dns": 0.001, "connect": 0.0, "processing": 1e-7, "transfer": 123456789.125}
        quotas = (Quota("requests", 500, 7, 1.7e9),)
        metrics.record(name, Outcome(None, 0.3, phases, quotas, steps=(("login", 0.25),)))
        metrics.record(name, Outcome("timeout", 31.0))
    return metrics


@pytest.mark.parametrize("accept", ["", OPENMETRICS, PROMETHEUS_3, "text/plain;version=1.0.0", "image/png"])
async def test_every_format_is_what_prometheus_client_writes(accept: str) -> None:
    """The families, their lines and the content type are the same, the first time and later, whatever an API is called."""
    registry = PiecewiseRegistry()
    metrics = probed(registry, "weather", ODD_NAME)
    encode, content_type = choose_encoder(accept)
    for reason in (None, "dns"):
        metrics.record("weather", Outcome(reason, 0.1))
        body, stated = await registry.encode(accept)
        assert stated == content_type
        assert families(body) == families(encode(registry))
        assert body.endswith(b"# EOF\n") == encode(registry).endswith(b"# EOF\n")


async def test_collectors_of_other_kinds_are_shown_too() -> None:
    """What is measured at a scrape, and what has no labels, is not lost."""
    registry = PiecewiseRegistry()
    registry.register(SystemCollector("production"))
    body, _ = await registry.encode("")
    assert b'rapidapi_system_uptime_seconds{environment="production"}' in body


async def test_a_removed_api_is_shown_no_more() -> None:
    """Its series end; when it is added again, they start at zero."""
    registry = PiecewiseRegistry()
    metrics = probed(registry, "weather", "news")
    await registry.encode("")
    metrics.remove_api("weather")
    body, _ = await registry.encode("")
    assert b'"weather"' not in body
    assert b'"news"' in body
    metrics.add_api(Api("weather", "http://api.test"))
    body, _ = await registry.encode("")
    assert (
        b'rapidapi_api_requests_total{api_name="weather",environment="production",status="success"} 0.0'
        in body
    )


async def test_other_work_goes_on_while_metrics_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrape of many APIs does not hold up their probes: it lets others work after each piece."""
    monkeypatch.setattr(piecewise, "_PIECE_SECONDS", 0.0)
    monkeypatch.setattr(piecewise, "_AT_A_TIME", 1)
    registry = PiecewiseRegistry()
    probed(registry, *map(str, range(50)))
    async with other_work() as turns:
        await registry.encode("")
    assert turns.count > 500


async def test_the_times_of_steps_hold_nothing_up_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """The summaries of thousands of steps are shown in pieces, too."""
    monkeypatch.setattr(piecewise, "_PIECE_SECONDS", 0.0)
    monkeypatch.setattr(piecewise, "_AT_A_TIME", 1)
    registry = PiecewiseRegistry()
    seconds = Summary("step_seconds", "Time.", ["step"], registry=registry)
    for step in range(50):
        seconds.labels(step).observe(0.5)
    async with other_work() as turns:
        body, _ = await registry.encode("")
    assert b'step_seconds_sum{step="49"} 0.5' in body
    assert turns.count > 49
