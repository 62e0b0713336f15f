from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
import numpy as np
import pytest
import pytest_asyncio

from demo.processes import free_port, start_prometheus
from ml_sidecar import contract
from ml_sidecar.contract import ANOMALY_SCORE
from ml_sidecar.errors import PortTakenError
from ml_sidecar.exporter import PrometheusExporter
from ml_sidecar.families import per_api
from ml_sidecar.features import Entity, Feature
from ml_sidecar.page import render_page
from ml_sidecar.reader import PrometheusReader
from ml_sidecar.server import create_app, serve

NASTY = '<script>alert("x")</script> \' & \\ \n ünïcode 😀 {}'


class State:
    """A sidecar with one API of an awkward name."""

    def __init__(self) -> None:
        self.ready = (False, "no model yet: starting")
        self.exporter = PrometheusExporter("production")
        self.exporter.publish([per_api(ANOMALY_SCORE, (Entity(NASTY, "production"),), np.array([0.75]))])
        self.exposition = self.exporter.exposition
        self.exposition_json = self.exporter.exposition_json

    def health(self) -> dict[str, Any]:
        """Alive."""
        return {"status": "ok"}

    def readiness(self) -> tuple[bool, str]:
        """As the test says."""
        return self.ready

    def status(self) -> dict[str, Any]:
        """One API, one model, one untrained model, one event."""
        api = {
            "api_name": NASTY,
            "environment": "production",
            "state": "anomalous",
            "score": 0.75,
            "reason": NASTY,
        }
        calm = {**api, "api_name": "calm", "state": "normal", "score": 0.1, "reason": "as usual"}
        gone = {**api, "api_name": "gone", "state": "absent", "score": None, "reason": "reports nothing"}
        card = {
            "algorithm": NASTY, "accuracy": None, "samples": 12345, "trained_at": 0.0,
            "accuracy_definition": NASTY,
        }  # fmt: skip
        return {
            "version": "1.2.3",
            "uptime_seconds": 3725.0,
            "environment": NASTY,
            "models": {"anomaly_detector": card, "pattern_clusterer": None},
            "apis": [calm, gone, api],
            "events": [{"id": 1, "time": "2026-11-22T14:15:00+00:00", "kind": "trained", "text": NASTY}],
        }


@pytest.fixture
def state() -> State:
    """The sidecar behind the endpoints."""
    return State()


@pytest_asyncio.fixture
async def http(state: State) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a running server."""
    async with (
        serve(create_app(state), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def test_metrics_are_served_as_they_were_published(http: aiohttp.ClientSession, state: State) -> None:
    """A scrape gets the ready bytes with the content type of the text format."""
    async with http.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert await answer.read() == state.exposition()


async def test_json_is_served(http: aiohttp.ClientSession, state: State) -> None:
    """/metrics/json is JSON with the same samples."""
    async with http.get("/metrics/json") as answer:
        assert answer.headers["Content-Type"] == "application/json"
        assert await answer.read() == state.exposition_json()


async def test_ready_gives_the_reason(http: aiohttp.ClientSession, state: State) -> None:
    """Not ready is 503 with the reason; ready is 200."""
    async with http.get("/ready") as answer:
        assert answer.status == 503
        assert await answer.json() == {"ready": False, "reason": "no model yet: starting"}
    state.ready = (True, "fine")
    async with http.get("/ready") as answer:
        assert answer.status == 200
        assert await answer.json() == {"ready": True, "reason": "fine"}


async def test_health_and_status_are_json(http: aiohttp.ClientSession, state: State) -> None:
    """/health answers although the sidecar is not ready; /status says everything."""
    for path, content in (("/health", state.health()), ("/status", state.status())):
        async with http.get(path) as answer:
            assert answer.status == 200
            assert await answer.json() == content


async def test_unknown_path_and_method_are_refused(http: aiohttp.ClientSession) -> None:
    """Nothing else answers, and nothing can be posted."""
    async with http.get("/nothing") as answer:
        assert answer.status == 404
    async with http.post("/metrics") as answer:
        assert answer.status == 405


async def test_page_forbids_scripts(http: aiohttp.ClientSession) -> None:
    """The page is HTML that tells the browser to run and fetch nothing."""
    async with http.get("/") as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "calm" in await answer.text()


class _Page(HTMLParser):
    """Texts and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember tag and attributes."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Remember text."""
        self.texts.append(data)


def test_page_shows_names_as_text_whatever_they_are(state: State) -> None:
    """Names and reasons from outside are shown letter by letter and never become markup."""
    page = _Page(render_page(state.status(), ready=True, reason=NASTY))
    assert "script" not in page.tags
    assert sum(NASTY in text for text in page.texts) == 7
    assert ("title", NASTY) in page.attributes


def test_page_puts_the_anomalous_first(state: State) -> None:
    """What needs a person stands at the top, and the tab's title counts it."""
    page = render_page(state.status(), ready=False, reason="because")
    assert (
        page.index("alert(&quot;x&quot;)", page.index("<h2>APIs")) < page.index("gone") < page.index("calm")
    )
    assert "<title>(1) API health" in page
    assert "Not ready</strong>: because" in page


def test_page_of_a_new_sidecar_says_what_is_missing() -> None:
    """Before the first data the page says so instead of staying empty."""
    page = render_page({"models": {"anomaly_detector": None}}, ready=False, reason="starting")
    assert "No API has reported yet" in page
    assert "not trained yet" in page


def test_page_leads_to_the_dashboards_where_there_is_a_grafana(state: State) -> None:
    """With GRAFANA_URL set, each API's name leads to its own dashboard, whatever the name."""
    config = {"env": {"grafana_url": "https://grafana.example/sub/"}}
    page = _Page(render_page(state.status() | {"configuration": config}, ready=True, reason="fine"))
    links = [value for name, value in page.attributes if name == "href"]
    assert f"https://grafana.example/sub/d/{contract.OVERVIEW_DASHBOARD}" in links
    (link,) = (link for link in links if link and NASTY in unquote(link))
    assert link.startswith(f"https://grafana.example/sub/d/{contract.API_DASHBOARD}?var-api_name=")
    assert parse_qs(urlsplit(link).query) == {"var-api_name": [NASTY], "var-environment": ["production"]}
    plain = _Page(render_page(state.status(), ready=True, reason="fine"))
    assert not any("/d/" in str(value) for name, value in plain.attributes if name == "href")


async def test_taken_port_is_told() -> None:
    """A port in use is one clear error with the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError) as caught:
            async with serve(create_app(State()), "127.0.0.1", port):
                pass
    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is taken; stop what uses it, or choose another with SIDECAR_PORT=<port>"
    )


async def test_server_leaves_signals_alone_and_frees_its_port() -> None:
    """Ctrl-C stays the caller's, and a second start on the port works at once."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    port = free_port()
    for _ in range(2):
        async with (
            serve(create_app(State()), "127.0.0.1", port) as served,
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{served}/health") as answer,
        ):
            assert answer.status == 200
            assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.integration
async def test_prometheus_scrapes_the_awkward_name_unchanged(tmp_path: Path) -> None:
    """A name with quotes, line breaks and markup arrives in Prometheus letter by letter, and comes back."""
    state = State()
    async with serve(create_app(state), "127.0.0.1", 0) as port:
        config = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "ml", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
        }
        values = await asyncio.to_thread(_scraped, tmp_path, json.dumps(config))
    assert values == {Entity(NASTY, "production"): 0.75}


def _scraped(folder: Path, config: str) -> dict[Entity, float]:
    """Scores as Prometheus has them after the first scrape."""
    with start_prometheus(folder, config) as server:
        reader = PrometheusReader(server.url, [Feature("score", ANOMALY_SCORE.name)])
        deadline = time.monotonic() + 20.0
        while not (window := reader.instant(time.time())).entities and time.monotonic() < deadline:
            time.sleep(0.1)
        reader.close()
    return dict(zip(window.entities, window.values[0, :, 0].tolist(), strict=True))
