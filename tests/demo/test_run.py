from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from demo.ports import Ports, variable
from demo.processes import free_port
from demo.state import RunningDemo
from demo.tools import PROJECT_ROOT

ROLES = ("simulator", "collector", "prometheus", "alertmanager", "sidecar")
PATIENCE_SECONDS = 120


def start(environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    """`python -m demo` with these variables."""
    with output.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def wait_for_pids(
    demo: subprocess.Popen[bytes], state: Path, output: Path, condition: Callable[[dict[str, int]], bool]
) -> dict[str, int]:
    """Process ids by server, as soon as they fulfil the condition."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert demo.poll() is None, output.read_text()
        pids = json.loads(state.read_text())["pids"] if state.exists() else {}
        if condition(pids):
            return dict(pids)
        time.sleep(0.1)
    raise AssertionError(output.read_text())


@pytest.mark.integration
@pytest.mark.slow
def test_the_demo_runs_alone_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """All servers run with their history; another start is refused; Ctrl-C ends all, and the ports are free again.

    Meanwhile a killed server comes back, and one that is to be down is down and then back.
    """
    directory, output = tmp_path / "demo", tmp_path / "output"
    ports = Ports(**{role: free_port() for role in ROLES})
    environment = {variable(role): str(getattr(ports, role)) for role in ROLES} | {"DEMO_DIR": str(directory)}
    demo = start(environment, output)
    try:
        state = directory / "demo.json"
        pids = wait_for_pids(demo, state, output, lambda pids: len(pids) == len(ROLES))
        query = {"query": "count(count_over_time(rapidapi_api_success_rate[28d]) > 8000)"}
        found = requests.get(f"{ports.url('prometheus')}/api/v1/query", params=query, timeout=10).json()
        assert found["data"]["result"][0]["value"][1] == "12"

        assert start(environment, tmp_path / "second").wait(30) == 1
        assert f"Port {ports.simulator} (simulator) is taken" in (tmp_path / "second").read_text()
        others = {variable(role): str(free_port()) for role in ROLES} | {"DEMO_DIR": str(directory)}
        assert start(others, tmp_path / "third").wait(30) == 1
        assert f"A demo is running in {directory} already" in (tmp_path / "third").read_text()

        RunningDemo(directory).stop_server("prometheus", 0.05)
        wait_for_pids(demo, state, output, lambda now: "Prometheus" not in now)
        assert not Path(f"/proc/{pids['Prometheus']}").exists()
        os.kill(pids["Sidecar"], signal.SIGKILL)
        changed = {"Prometheus", "Sidecar"}
        revived = wait_for_pids(
            demo,
            state,
            output,
            lambda now: {role for role in pids if now.get(role, pids[role]) != pids[role]} == changed,
        )
        pids |= {f"first {role}": pids[role] for role in changed} | revived
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(60)
    assert demo.returncode == 0
    told = output.read_text()
    assert told.endswith("Ending all processes ...\nEnded.\n")
    assert "Sidecar ended with code -9; it is started again" in told
    assert "Prometheus is stopped, as you asked" in told
    assert "Prometheus is started again" in told
    assert not [pid for pid in pids.values() if Path(f"/proc/{pid}").exists()]
    ports.check()
    assert not (directory / "demo.json").exists()
