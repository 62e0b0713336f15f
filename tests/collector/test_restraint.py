"""Kind to quotas: when an API is left alone, and how one sees that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from collector.api import Api
from collector.metrics import ProbeMetrics
from collector.outcome import Outcome
from collector.quota import Quota
from collector.restraint import MAX_PAUSE, Pause, Restraint, parse_retry_after
from collector.watch import Watch

if TYPE_CHECKING:
    from collector.probe import Prober
    from tests.collector.conftest import Serve

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("120", NOW + 120),
        (" 0 ", NOW),
        ("Fri, 15 Jan 2027 08:02:00 GMT", NOW + 120),
        ("Fri, 15 Jan 2027 08:02:00", NOW + 120),
        ("soon", None),
        ("Fri, 15 Jan 20270000000000000000 08:02:00 GMT", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, time: float | None) -> None:
    """Seconds and dates are understood; what is neither is no pause."""
    assert parse_retry_after(value, NOW) == time


@pytest.mark.parametrize(
    ("outcome", "pause"),
    [
        (Outcome(None, 0.1), None),
        (Outcome("http_5xx", 0.1), None),
        (Outcome("rate_limited", 0.1, retry_at=NOW + 90), Pause("backoff", NOW + 90)),
        (Outcome("http_5xx", 0.1, retry_at=NOW + 90), Pause("backoff", NOW + 90)),
        (Outcome("rate_limited", 0.1, retry_at=NOW + 1e9), Pause("backoff", NOW + MAX_PAUSE)),
        (Outcome("rate_limited", 0.1), Pause("backoff", NOW + 90)),
        (Outcome("login:rate_limited", 0.1), Pause("backoff", NOW + 90)),
        (
            Outcome(
                "rate_limited", 0.1, quotas=(Quota("day", 9, 0, NOW + 500), Quota("month", 99, 50, NOW + 900))
            ),
            Pause("backoff", NOW + 500),
        ),
        (Outcome(None, 0.1, quotas=(Quota("day", 99, 11, NOW + 500),)), None),
        (
            Outcome(None, 0.1, quotas=(Quota("day", 99, 10, NOW + 500), Quota("month", 99, 9, NOW + 900))),
            Pause("quota_reserve", NOW + 900),
        ),
        (Outcome(None, 0.1, quotas=(Quota("day", 99, 10, NOW - 1),)), None),
        (Outcome(None, 0.1, quotas=(Quota("day", 99, 10),)), Pause("quota_reserve", NOW + 3600)),
    ],
)
def test_what_an_outcome_asks_for(outcome: Outcome, pause: Pause | None) -> None:
    """An API's own word counts, then the end of an empty quota; the reserve is left untouched until it is renewed."""
    assert Restraint(60, 10).after(outcome, NOW) == pause


def test_without_a_reserve_a_quota_is_used_up() -> None:
    """Who sets no reserve is probed to the last request."""
    assert Restraint(60).after(Outcome(None, 0.1, quotas=(Quota("day", 99, 1, NOW + 500),)), NOW) is None


def test_refusals_without_a_word_wait_ever_longer() -> None:
    """Each further 429 doubles the wait, up to an hour; an answer ends it."""
    restraint = Restraint(60)
    refused = Outcome("rate_limited", 0.1)
    waits = [pause.until - NOW for _ in range(40) if (pause := restraint.after(refused, NOW))]
    assert waits[:6] == [90, 210, 450, 930, 1890, 3570]
    assert set(waits[6:]) == {3570}
    assert restraint.after(Outcome(None, 0.1), NOW) is None
    assert restraint.after(refused, NOW) == Pause("backoff", NOW + 90)


@pytest.mark.integration
async def test_an_api_that_asks_for_a_pause_gets_it(
    serve: Serve, prober: Prober, caplog: pytest.LogCaptureFixture
) -> None:
    """A real 429 with `Retry-After` stops the probes, a metric says so, and they go on when the time is over."""
    asked = 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=429, headers={"Retry-After": "1"}) if asked == 1 else web.Response()

    api = Api("A", await serve(answer))
    registry = CollectorRegistry()
    metrics = ProbeMetrics(registry, "test")
    metrics.add_api(api)

    def paused() -> list[float | None]:
        labels = {"api_name": "A", "environment": "test"}
        return [
            registry.get_sample_value("rapidapi_api_probing_paused", labels | {"cause": cause})
            for cause in ("backoff", "quota_reserve")
        ]

    watch = Watch(api, prober, metrics)
    assert paused() == [0, 0]
    with caplog.at_level("INFO", "collector"):
        await watch.probe()
    await watch.probe()
    assert (asked, paused()) == (1, [1, 0])
    assert "'A' is not probed until" in caplog.text
    while asked == 1:
        await asyncio.sleep(0.05)
        await watch.probe()
    assert (asked, paused()) == (2, [0, 0])
