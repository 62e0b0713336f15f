"""The real Prometheus reads the very lists that the collector does, and makes the same of them."""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
import yaml
from aiohttp import web

from collector.file_sd import FileFinder
from collector.http_sd import HttpFinder
from collector.sources import FileLists, HttpList
from demo.processes import start_prometheus

if TYPE_CHECKING:
    from pathlib import Path

    from collector.target_groups import Target
    from tests.collector.conftest import Serve

pytestmark = pytest.mark.integration

GROUPS: Final = [
    {"targets": ["127.0.0.1:1", "127.0.0.1:2"]},
    {
        "targets": ["127.0.0.1:3", "[::1]:4"],
        "labels": {
            "__scheme__": "https",
            "__metrics_path__": "/ready now",
            "__param_module": "a&b ü",
            "__scrape_interval__": "1m30s",
            "__scrape_timeout__": "2s500ms",
            "team": "☀",
        },
    },
    {"targets": ["http://127.0.0.1:5/health?a=b"], "labels": {"api_name": "{a='b'}\n"}},
    {"targets": [], "labels": {"team": "none"}},
]
URL_AS_BLACKBOX_USERS_WRITE_IT: Final = [
    {"source_labels": ["__address__"], "regex": "(https?://.*)", "target_label": "url"},
    {"source_labels": ["url"], "regex": ".+", "target_label": "__address__", "replacement": "127.0.0.1:6"},
]


def prometheus_config(url: str, folder: Path) -> str:
    """Return a configuration with both kinds of discovery."""
    sources = {
        "http": {"http_sd_configs": [{"url": url, "refresh_interval": "1s"}]},
        "json": {"file_sd_configs": [{"files": [f"{folder}/*.json"]}]},
        "yaml": {"file_sd_configs": [{"files": [f"{folder}/list.yml"]}]},
    }
    own = {"metrics_path": "/", "scrape_interval": "1h", "relabel_configs": URL_AS_BLACKBOX_USERS_WRITE_IT}
    return yaml.safe_dump({"scrape_configs": [{"job_name": job, **own, **sd} for job, sd in sources.items()]})


def taken(url: str, jobs: int) -> dict[str, list[dict[str, Any]]]:
    """Return what Prometheus makes of the lists, once it has read all."""
    while True:
        answer = requests.get(f"{url}/api/v1/targets", timeout=10).json()["data"]["activeTargets"]
        found: dict[str, list[dict[str, Any]]] = {}
        for target in answer:
            found.setdefault(target["scrapePool"], []).append(target)
        if len(found) == jobs:
            return found
        time.sleep(0.1)


def described(target: Target) -> tuple[str, float, float]:
    """Return what Prometheus could say of a target too."""
    return target.url, target.interval or math.inf, target.timeout or math.inf


async def test_prometheus_reads_the_same(tmp_path: Path, serve: Serve) -> None:
    """URL, interval and timeout of every target are those of Prometheus, for an answer and for files of either kind."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers)
        return web.json_response(GROUPS)

    url = await serve(answer)
    (tmp_path / "list.json").write_text(json.dumps(GROUPS), encoding="utf-8")
    (tmp_path / "list.yml").write_text(yaml.safe_dump(GROUPS), encoding="utf-8")
    over_http = HttpFinder(HttpList(url, 1.0), allow_link_local=False)
    in_json = FileFinder(FileLists(tmp_path, ("*.json",)), allow_link_local=False)
    in_yaml = FileFinder(FileLists(tmp_path, ("list.yml",)), allow_link_local=False)
    for finder in (over_http, in_json, in_yaml):
        await finder.look()
    ours = sorted(map(described, over_http.targets))
    assert sorted(map(described, in_json.targets)) == sorted(map(described, in_yaml.targets)) == ours
    assert len(ours) == 5

    with start_prometheus(tmp_path / "prometheus", prometheus_config(url, tmp_path)) as server:
        found = await asyncio.wait_for(asyncio.to_thread(taken, server.url, 3), 30)
    for job in ("http", "json", "yaml"):
        assert sorted(map(as_prometheus_has_it, found[job])) == ours
    ours_asks, theirs = asked[0], asked[-1]
    for header in ("Accept", "X-Prometheus-Refresh-Interval-Seconds"):
        assert ours_asks[header] == theirs[header]


def as_prometheus_has_it(target: dict[str, Any]) -> tuple[str, float, float]:
    """Return the URL of an active target, and its interval and timeout where the list says them."""
    own = target["discoveredLabels"]
    said = "team" in own
    url = target["labels"].get("url") or target["scrapeUrl"]
    seconds = {"1m30s": 90.0, "2s500ms": 2.5}
    interval, timeout = target["scrapeInterval"], target["scrapeTimeout"]
    return url, seconds[interval] if said else math.inf, seconds[timeout] if said else math.inf
