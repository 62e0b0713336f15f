from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from collector.config import load_config
from demo.configs import alertmanager_text, collector_text, prometheus_text, write_rules
from demo.fleet import FLEET
from demo.ports import Ports
from demo.processes import free_port, running
from demo.servers import Servers
from demo.tools import tool


def test_the_collector_accepts_its_configuration(tmp_path: Path) -> None:
    """Every API of the fleet is probed at its own interval."""
    path = tmp_path / "apis.yml"
    path.write_text(collector_text(FLEET, "http://127.0.0.1:1"))
    assert {api.name: api.interval for api in load_config(path).apis} == {
        api.name: api.interval for api in FLEET
    }


@pytest.mark.integration
def test_the_servers_accept_their_configuration(tmp_path: Path) -> None:
    """Promtool and amtool find nothing wrong, and Prometheus finds the rules."""
    (tmp_path / "prometheus.yml").write_text(prometheus_text(Ports()))
    (tmp_path / "alertmanager.yml").write_text(alertmanager_text(Ports()))
    write_rules(tmp_path / "rules")
    for command in (
        [str(tool("promtool")), "check", "config", str(tmp_path / "prometheus.yml")],
        [str(tool("amtool")), "check-config", str(tmp_path / "alertmanager.yml")],
    ):
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
    assert len(list((tmp_path / "rules").iterdir())) >= 3


@pytest.mark.integration
def test_silent_apis_are_dropped_and_heard_again(tmp_path: Path) -> None:
    """Prometheus is told to take nothing of silent APIs, and to take it again; where it does not answer, later."""
    ports = Ports(collector=free_port(), prometheus=free_port())
    servers = Servers(ports, tmp_path)
    with running(servers.create("prometheus"), ports.url("prometheus"), "/-/ready"):
        servers.silence({"web-search", "sms-gateway"})
        assert servers.silent == {"web-search", "sms-gateway"}
        assert "regex: sms-gateway|web-search" in loaded(ports)
        servers.silence(set())
        assert "sms-gateway" not in loaded(ports)
    servers.silence({"web-search"})
    assert servers.silent == set(), "Prometheus is gone: to be asked again"


def loaded(ports: Ports) -> str:
    """The configuration that Prometheus uses."""
    answer = requests.get(f"{ports.url('prometheus')}/api/v1/status/config", timeout=5)
    return str(answer.json()["data"]["yaml"])
