"""The demo's parts that run in containers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from demo.containers import HISTORY, app
from demo.fleet import FLEET
from demo.processes import Process, answers, free_port

if TYPE_CHECKING:
    from pathlib import Path


def write(history: Path, data: Path) -> str:
    """Run the one-shot that writes the past."""
    done = CliRunner().invoke(app, ["history", str(history), str(data)], env={"ENVIRONMENT": "demo"})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_past_is_written_for_an_empty_prometheus(tmp_path: Path) -> None:
    """What the collector would have said carries its address in the containers, so that live data follow on."""
    data = tmp_path / "data"
    data.mkdir()
    assert f"of {len(FLEET)} APIs" in write(tmp_path, data)
    text = (tmp_path / HISTORY).read_text(encoding="utf-8")
    assert 'instance="collector:9101"' in text
    assert f'rapidapi_api_success_rate{{api_name="{FLEET[0].name}",environment="demo"}}' in text
    assert text.endswith("# EOF\n")


def test_a_prometheus_that_has_lived_is_left_alone(tmp_path: Path) -> None:
    """Started again, the demo adds no second past to the history."""
    (tmp_path / "data" / "wal").mkdir(parents=True)
    assert "has data already" in write(tmp_path, tmp_path / "data")
    assert (tmp_path / HISTORY).read_text(encoding="utf-8") == "# EOF\n"


@pytest.mark.integration
def test_an_incident_is_started_from_within_the_simulator_s_container(tmp_path: Path) -> None:
    """`python -m demo incident` finds the simulator that runs beside it."""
    port = free_port()
    environment = {"DEMO_PORT": str(port), "DEMO_DIR": str(tmp_path / "demo")}
    command = [sys.executable, "-m", "demo.containers", "simulator"]
    process = Process("Simulator", command, tmp_path / "simulator.log", environment)
    try:
        process.wait_ready(f"http://127.0.0.1:{port}/_demo/health", 60)
        done = subprocess.run(
            [sys.executable, "-m", "demo", "incident", FLEET[0].name, "--kind", "outage"],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"{FLEET[0].name}: outage until" in done.stdout
        assert not answers(f"http://127.0.0.1:{port}/api/{FLEET[0].name}")
    finally:
        process.stop()
