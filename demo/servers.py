"""How each of the demo's servers is started: its command, its configuration, and where it says that it is ready."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import requests

from demo.configs import alertmanager_text, collector_text, prometheus_text, write_rules
from demo.fleet import FLEET
from demo.processes import Process, alertmanager_process, prometheus_process
from demo.tools import PROJECT_ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from demo.ports import Ports

ENVIRONMENT: Final = "demo"
_RELOAD_SECONDS: Final = 5.0
HEALTH_PATHS: Final = {
    "simulator": "/_demo/health",
    "collector": "/health",
    "prometheus": "/-/ready",
    "alertmanager": "/-/ready",
    "sidecar": "/health",
}


class Servers:
    """Creates the processes of one demo.

    Args:
        ports: Of the servers.
        directory: The demo's folder.

    Attributes:
        silent: APIs of which Prometheus takes nothing from the collector.
    """

    def __init__(self, ports: Ports, directory: Path) -> None:
        self._ports = ports
        self._directory = directory
        self.silent: set[str] = set()

    def create(self, role: str) -> Process:
        """Start the server of that role, with its present configuration, and do not wait until it is ready."""
        match role:
            case "simulator":
                return self._python(role, "demo.simulator", str(self._ports.simulator))
            case "collector":
                return self._collector()
            case "prometheus":
                folder = self._directory / role
                write_rules(folder / "rules")
                text = prometheus_text(self._ports, self.silent)
                return prometheus_process(folder, text, self._ports.prometheus)
            case "alertmanager":
                text = alertmanager_text(self._ports)
                return alertmanager_process(self._directory / role, text, self._ports.alertmanager)
            case _:
                return self._python(role, "ml_sidecar", "run")

    def health_url(self, role: str) -> str:
        """Where the server of that role answers 200 as soon as it serves."""
        return self._ports.url(role) + HEALTH_PATHS[role]

    def silence(self, apis: set[str]) -> None:
        """Let Prometheus drop these APIs, and no others, from what the collector says.

        Where it does not answer, nothing has changed: ask again. The other APIs do not notice, which they would if
        the collector were started anew.
        """
        text = prometheus_text(self._ports, apis)
        (self._directory / "prometheus" / "prometheus.yml").write_text(text, encoding="utf-8")
        with suppress(requests.RequestException):
            url = f"{self._ports.url('prometheus')}/-/reload"
            requests.post(url, timeout=_RELOAD_SECONDS).raise_for_status()
            self.silent = apis

    def _collector(self) -> Process:
        apis = self._directory / "apis.yml"
        apis.write_text(collector_text(FLEET, self._ports.url("simulator")), encoding="utf-8")
        return self._python("collector", "collector", "run", "--config", str(apis))

    def _python(self, role: str, *module: str) -> Process:
        return Process(
            role.capitalize(),
            [sys.executable, "-m", *module],
            self._directory / f"{role}.log",
            environment=self._environment(),
            cwd=PROJECT_ROOT,
        )

    def _environment(self) -> dict[str, str]:
        return {
            "ENVIRONMENT": ENVIRONMENT,
            "COLLECTOR_PORT": str(self._ports.collector),
            "SIDECAR_PORT": str(self._ports.sidecar),
            "PROMETHEUS_URL": self._ports.url("prometheus"),
            "MODELS_DIR": str(self._directory / "models"),
            "LOG_FILE": str(PROJECT_ROOT / "logs" / "rapidapi.log"),
        }
