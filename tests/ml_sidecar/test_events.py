"""Events: for the log and for /status."""

from __future__ import annotations

import logging

import pytest

from ml_sidecar.events import EventLog

LOGGER = logging.getLogger("ml.analytics")


def test_an_event_is_kept_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What happened is told once in the log and stays readable in /status."""
    events = EventLog(LOGGER, lambda: 1795359600.0)
    with caplog.at_level(logging.INFO):
        events.add("anomaly_opened", "a: slow", "a")
        events.add("prometheus_unreachable", "gone")
    assert events.as_list() == [
        {
            "id": 1,
            "time": "2026-11-22T15:00:00+00:00",
            "kind": "anomaly_opened",
            "text": "a: slow",
            "api_name": "a",
        },
        {
            "id": 2,
            "time": "2026-11-22T15:00:00+00:00",
            "kind": "prometheus_unreachable",
            "text": "gone",
            "api_name": None,
        },
    ]
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("INFO", "anomaly opened: a: slow"),
        ("WARNING", "prometheus unreachable: gone"),
    ]
    assert events.counts["anomaly_opened"] == 1


def test_only_the_last_events_are_kept_and_ids_go_on() -> None:
    """A sidecar that runs for years does not grow by its events."""
    events = EventLog(LOGGER, lambda: 0.0)
    for number in range(250):
        events.add("trained", str(number))
    kept = events.as_list()
    assert len(kept) == 200
    assert [kept[0]["id"], kept[-1]["id"]] == [51, 250]
    assert events.counts["trained"] == 250
