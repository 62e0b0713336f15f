from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from demo.events import EventLog
from demo.feed import Feed
from demo.ports import Ports


def alert(
    status: str = "firing", name: str = "RapidAPIDown", starts: str = "2026-11-22T10:00:00Z"
) -> dict[str, Any]:
    """An alert as Alertmanager's webhook sends it."""
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "critical", "api_name": "web-search"},
        "annotations": {"summary": "An API is down.", "description": "expected 99.8 %,\nsaw 0 %"},
        "startsAt": starts,
        "fingerprint": "f1",
    }


def told(alerts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Kinds and texts of the events that a sequence of alerts gives."""
    log = EventLog()
    for one in alerts:
        log.add_alert(one)
    return [(event["kind"], event["text"]) for event in log.since(0)]


def test_an_alert_is_told_with_what_was_expected_and_seen() -> None:
    """The event has the alert's name, severity and description, its end just the name."""
    assert told([alert(), alert("resolved")]) == [
        ("alert_firing", "RapidAPIDown (critical): expected 99.8 %,\nsaw 0 %"),
        ("alert_resolved", "RapidAPIDown (critical)"),
    ]


def test_a_repeated_message_is_told_once_and_a_new_alert_again() -> None:
    """Alertmanager repeats what lasts; the reader is told only of changes."""
    again = alert(starts="2026-11-22T11:00:00Z")
    assert [kind for kind, _ in told([alert(), alert(), alert("resolved"), alert("resolved"), again])] == [
        "alert_firing",
        "alert_resolved",
        "alert_firing",
    ]


def test_the_watchdog_is_not_told() -> None:
    """The alert that always fires is no news."""
    assert told([alert(name="Watchdog")]) == []


def test_only_newer_events_are_listed() -> None:
    """Who has seen an event is not shown it again."""
    log = EventLog()
    for number in range(3):
        log.add("kind", None, str(number))
    assert [event["text"] for event in log.since(2)] == ["2"]


@pytest.fixture
def console() -> Iterator[Console]:
    """A console that keeps its output."""
    with io.StringIO() as file:
        yield Console(file=file, width=60)


def test_each_event_is_one_line_whatever_it_contains(console: Console) -> None:
    """Line breaks and markup in texts from outside neither break the line nor colour it; the name is not told twice."""
    Feed(Ports(), console).tell(
        "anomaly_opened", "web-search", "web-search: response time [bold]1.2 s[/]\n" + "x" * 80
    )
    output = console.file.getvalue()  # type: ignore[attr-defined] # the console was given a StringIO
    assert output.count("\n") == 1
    assert output[8:].startswith(
        "  anomaly opened         web-search           response time [bold]1.2 s[/] xxx"
    )


def test_a_sidecar_that_is_not_there_yet_is_no_error(console: Console) -> None:
    """While the servers start the feed is silent."""
    feed = Feed(Ports(1, 2, 3, 4, 5), console)
    feed.poll()
    assert feed.silent_apis() == set()
    assert feed.stopped_roles() == set()
    assert console.file.getvalue() == ""  # type: ignore[attr-defined] # the console was given a StringIO


async def test_events_of_sidecar_and_simulator_come_once_and_in_order(console: Console) -> None:
    """Both sources are merged by time; a second poll repeats nothing; readiness is told once.

    A new process in place of the sidecar counts its events from 1, and is told from its beginning.
    """
    import asyncio

    def event(number: int, second: int, text: str) -> dict[str, object]:
        time = f"2026-11-22T10:00:{second:02}+00:00"
        return {"id": number, "time": time, "kind": "trained", "api_name": None, "text": text}

    async def status(_: web.Request) -> web.Response:
        return web.json_response({"events": [event(1, 1, "first"), event(2, 3, "third")]})

    async def events(request: web.Request) -> web.Response:
        return web.json_response([event(1, 2, "second")] if request.query["after"] == "0" else [])

    async def ready(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/status", status), web.get("/_demo/events", events), web.get("/ready", ready)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        feed = Feed(Ports(simulator=port, sidecar=port), console)
        for _ in range(2):
            await asyncio.to_thread(feed.poll)
        feed.begin_anew("sidecar")
        await asyncio.to_thread(feed.poll)
    finally:
        await runner.cleanup()
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined] # the console was given a StringIO
    assert [line.split()[-1] for line in lines] == ["first", "second", "third", "s", "first", "third", "s"]
    assert "the models are in service" in lines[3]
