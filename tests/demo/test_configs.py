from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from collector.config import load_config
from demo.configs import alertmanager_text, collector_text, prometheus_text, write_rules
from demo.fleet import FLEET
from demo.ports import Ports
from demo.tools import tool


def test_the_collector_accepts_its_configuration(tmp_path: Path) -> None:
    """Every API of the fleet is probed at its own interval, those left out are not."""
    path = tmp_path / "apis.yml"
    path.write_text(collector_text(FLEET, "http://127.0.0.1:1", left_out={"web-search"}))
    assert {api.name: api.interval for api in load_config(path)} == {
        api.name: api.interval for api in FLEET if api.name != "web-search"
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
