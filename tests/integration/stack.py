"""The whole loop on free ports, fifteen times as fast: probes and rules every second, windows of twenty seconds.

Twenty probes lie in a window, as in the real loop, so that the history of the demo's fleet, simulated at real speed, is
the past of what is probed here. The grid of the sidecar stays at five minutes.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml

from alert_rules.alertmanager import alertmanager_config
from alert_rules.generate import rule_files
from alert_rules.receivers import Receivers
from alert_rules.servers import prometheus_config
from alert_rules.settings import DEFAULT
from demo.backfill import load_history, write_history
from demo.fleet import find
from demo.processes import (
    LOOPBACK,
    Process,
    free_port,
    prometheus_process,
    running,
    start_alertmanager,
)

NAMES = ("currency-exchange", "weather-forecast", "email-validator", "company-lookup")
ENVIRONMENT = "test"
FAST = replace(DEFAULT.scaled(1 / 15), sidecar_max_age=10)
_HISTORY_DAYS = 8


T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], timeout: float = 60.0) -> T:
    """Ask until there is an answer; fail with what was waited for."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not seen within {timeout:g} s: {what}")


class Stack:
    """A running loop and the questions that a test asks of it.

    Args:
        directory: for everything it writes.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = {
            name: free_port() for name in ("simulator", "collector", "prometheus", "alertmanager", "sidecar")
        }
        self.url = {name: f"http://{LOOPBACK}:{port}" for name, port in self.port.items()}
        self._running = ExitStack()
        self.sidecar: Process | None = None
        self.prometheus: Process | None = None

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Write the past, start all servers, wait until the sidecar is ready."""
        self._write_history()
        self._start("simulator", ["demo.simulator", str(self.port["simulator"])], "/_demo/health")
        self.collector = self._start_collector()
        self.start_prometheus()
        self._running.enter_context(
            start_alertmanager(
                self.directory / "alertmanager",
                alertmanager_config(Receivers(), group_wait=1, group_interval=2, repeat_interval=3600),
                self.port["alertmanager"],
            )
        )
        self.start_sidecar()
        wait_for("the sidecar to be ready", self.is_ready, 120.0)

    def stop(self) -> None:
        """End every process."""
        for process in (self.sidecar, self.prometheus):
            if process is not None:
                process.stop()
        self._running.close()

    def start_prometheus(self) -> None:
        """Start Prometheus, or start it again on the same data."""
        home = self.directory / "prometheus"
        rules = home / "rules"
        rules.mkdir(parents=True, exist_ok=True)
        for name, text in rule_files(FAST).items():
            (rules / name).write_text(text, encoding="utf-8")
        config = prometheus_config(
            collectors=[f"{LOOPBACK}:{self.port['collector']}"],
            sidecars=[f"{LOOPBACK}:{self.port['sidecar']}"],
            prometheus=f"{LOOPBACK}:{self.port['prometheus']}",
            alertmanagers=[f"{LOOPBACK}:{self.port['alertmanager']}"],
            settings=FAST,
        )
        self.prometheus = prometheus_process(home, config, self.port["prometheus"])
        self.prometheus.wait_ready(self.url["prometheus"] + "/-/ready")

    def start_sidecar(self) -> None:
        """Start the sidecar, or start it again on the same models."""
        self.sidecar = Process(
            "sidecar",
            [sys.executable, "-m", "ml_sidecar", "run", "--config", str(self._write_features())],
            self.directory / f"sidecar-{time.time():.0f}.log",
            environment=self.environment(),
        )
        self.sidecar.wait_ready(self.url["sidecar"] + "/health")

    def environment(self) -> dict[str, str]:
        """Variables with which any program of ours finds this stack."""
        return {
            "ENVIRONMENT": ENVIRONMENT,
            "COLLECTOR_PORT": str(self.port["collector"]),
            "SIDECAR_PORT": str(self.port["sidecar"]),
            "SIDECAR_CONFIG": str(self.directory / "sidecar.yml"),
            "PROMETHEUS_URL": self.url["prometheus"],
            "PROMETHEUS_EXPORT_INTERVAL": "1s",
            "PROMETHEUS_LOOKBACK_SECONDS": "10s",
            "MODELS_DIR": str(self.directory / "models"),
            "RULES_DIR": str(self.directory / "prometheus" / "rules"),
            "PYTHONWARNINGS": "default",
        }

    def _start(self, name: str, module: list[str], ready: str) -> Process:
        process = Process(
            name,
            [sys.executable, "-m", *module],
            self.directory / f"{name}.log",
            environment=self.environment(),
        )
        self._running.enter_context(running(process, self.url[name], ready))
        return process

    def _write_history(self) -> None:
        path = self.directory / "history.openmetrics"
        with path.open("w", encoding="utf-8") as file:
            apis = [find(name) for name in NAMES]
            # The past ends so early that a look back of five minutes finds nothing of its slower collector.
            write_history(
                file, apis, time.time() - 330, environment=ENVIRONMENT, instance="past", days=_HISTORY_DAYS
            )
        load_history(path, self.directory / "prometheus" / "data")

    def _start_collector(self, names: tuple[str, ...] = NAMES) -> Process:
        return self._start(
            "collector", ["collector", "run", "--config", str(self._write_apis(names))], "/health"
        )

    def probe_also(self, name: str) -> None:
        """Start the collector again with one more API, of which there is no history."""
        self.collector.stop()
        self.collector = self._start_collector((*NAMES, name))

    def damage_model(self) -> Path:
        """Stop the sidecar and change one byte of its detector on disk."""
        assert self.sidecar is not None
        self.sidecar.stop()
        path = self.directory / "models" / "current" / "anomaly_detector_model.pkl"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        return path.resolve()

    def _write_apis(self, names: tuple[str, ...]) -> Path:
        path = self.directory / "apis.yml"
        apis = [{"name": name, "url": f"{self.url['simulator']}/api/{name}", "interval": 1} for name in names]
        path.write_text(yaml.safe_dump({"defaults": {"timeout": 1}, "apis": apis}), encoding="utf-8")
        return path

    def _write_features(self) -> Path:
        path = self.directory / "sidecar.yml"
        shipped = (Path(__file__).parents[2] / "ml_sidecar" / "sidecar.yml").read_text(encoding="utf-8")
        content = yaml.safe_load(shipped)
        # Requests per minute are the one thing that does not look the same at fifteen times the speed.
        del content["features"]["requests_per_minute"]
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    def pause_collector(self) -> None:
        """Stop the collector without ending it: its port is open, it answers nothing."""
        os.kill(self.collector.pid, signal.SIGSTOP)

    def resume_collector(self) -> None:
        """Let the collector go on."""
        os.kill(self.collector.pid, signal.SIGCONT)

    # ------------------------------------------------------------------ questions

    def get(self, name: str, path: str) -> requests.Response:
        """GET a path of one of the servers."""
        return requests.get(self.url[name] + path, timeout=10)

    def is_ready(self) -> bool:
        """Whether the sidecar says that it is."""
        return self.get("sidecar", "/ready").ok

    def status(self) -> dict[str, Any]:
        """The sidecar's /status."""
        answer: dict[str, Any] = self.get("sidecar", "/status").json()
        return answer

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The sidecar's events of one kind."""
        return [event for event in self.status()["events"] if event["kind"] == kind]

    def query(self, expression: str) -> dict[str, float]:
        """Prometheus' answer by api_name, or by the empty text for series without one."""
        answer = requests.get(
            self.url["prometheus"] + "/api/v1/query", params={"query": expression}, timeout=10
        )
        answer.raise_for_status()
        found = answer.json()["data"]["result"]
        return {series["metric"].get("api_name", ""): float(series["value"][1]) for series in found}

    def value(self, expression: str) -> float | None:
        """Prometheus' only answer; None where there is none."""
        found = list(self.query(expression).values())
        assert len(found) < 2, found
        return found[0] if found else None

    def alerts(self, alertname: str) -> list[dict[str, Any]]:
        """Alerts of one name that Alertmanager holds."""
        found = requests.get(
            self.url["alertmanager"] + "/api/v2/alerts",
            params={"filter": f'alertname="{alertname}"'},
            timeout=10,
        ).json()
        return list(found)

    @contextmanager
    def incident(self, name: str, kind: str) -> Iterator[None]:
        """An incident of one API, as long as the context lasts."""
        control = self.url["simulator"] + "/_demo/incidents"
        requests.post(
            control, json={"api_name": name, "kind": kind, "minutes": 10}, timeout=10
        ).raise_for_status()
        try:
            yield
        finally:
            requests.delete(f"{control}/{name}", timeout=10).raise_for_status()
