"""Servers with several worker processes, as docs/measuring_traffic.md sets them up."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families

from collector import shared_registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "measuring_traffic.md").read_text(encoding="utf-8")
SERVERS = re.findall(r"```python\n([^`]*shared_registry[^`]*)```\s*```sh\n(.*?)```", PAGE, re.DOTALL)


def until(condition: Callable[[], Any]) -> Any:
    """Return the first truthy value; fail after half a minute."""
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


@contextmanager
def running(code: str, command: str, api: str, folder: Path, port: int) -> Iterator[str]:
    """Run an example with its own command; give its URL."""
    (folder / "shop.py").write_text(code.replace("https://api.example.com/today", f"{api}/200"))
    assignment, *arguments = shlex.split(
        command.replace("$(mktemp -d)", str(folder)).replace("8000", str(port))
    )
    environment = os.environ | dict([assignment.split("=")]) | {"PYTHONPATH": f"{ROOT}:{folder}"}
    with subprocess.Popen([sys.executable, "-m", *arguments], cwd=folder, env=environment) as server:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)


def counts_by_worker(folder: Path) -> dict[int, float]:
    """Return how many successes each process has counted."""
    return {
        int(path.stem.removeprefix("counter_")): value
        for path in folder.glob("counter_*.db")
        for key, value, *_ in MmapedDict.read_all_values_from_file(str(path))
        if '"success"' in key and value
    }


def shown(url: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return the samples that /metrics shows, by name."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=10).text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def successes(url: str) -> float:
    """Return the successful requests that /metrics shows."""
    [value] = [v for labels, v in shown(url)["rapidapi_api_requests_total"] if labels["status"] == "success"]
    return value


def is_up(url: str) -> bool:
    """Tell whether the server answers."""
    try:
        return requests.get(f"{url}/metrics", timeout=10).ok
    except requests.ConnectionError:
        return False


@pytest.mark.integration
@pytest.mark.parametrize(("code", "command"), SERVERS, ids=["gunicorn", "uvicorn"])
def test_workers_sum_up(code: str, command: str, answers: str, tmp_path: Path, unused_tcp_port: int) -> None:
    """Whichever worker is scraped shows what all of them counted, also those that died."""
    with running(code, command, answers, tmp_path, unused_tcp_port) as url, ThreadPoolExecutor(4) as users:
        until(lambda: is_up(url))
        sent = 0

        def visit(times: int) -> None:
            nonlocal sent
            assert all(users.map(lambda _: requests.get(f"{url}/", timeout=10).ok, range(times)))
            sent += times

        def both_have_counted() -> bool:
            visit(8)
            return len(counts_by_worker(tmp_path)) == 2

        until(both_have_counted)
        assert successes(url) == sent
        one, other = counts_by_worker(tmp_path)
        os.kill(one, signal.SIGKILL)
        until(lambda: len({*tmp_path.glob("counter_*.db")}) == 3)  # its successor
        assert until(lambda: is_up(url) and successes(url)) == sent
        visit(8)
        assert successes(url) == sent
        assert counts_by_worker(tmp_path)[other] < sent
        [(labels, remaining)] = shown(url)["rapidapi_api_quota_remaining"]
        assert (labels, remaining) == (
            {"api_name": "weather", "environment": "production", "quota": "requests"},
            41,
        )


def test_a_lone_process_serves_its_own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program also works without the shared folder."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    registry = CollectorRegistry()
    assert shared_registry() is REGISTRY
    assert shared_registry(registry) is registry


def test_a_folder_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shared folder that does not exist is noticed at the start, not by metrics that are missing."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="PROMETHEUS_MULTIPROC_DIR"):
        shared_registry()
