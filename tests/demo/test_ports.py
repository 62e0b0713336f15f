from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo.errors import PortTakenError
from demo.ports import Ports, PortSettingError
from demo.processes import LOOPBACK, free_port
from demo.tools import PROJECT_ROOT


def test_every_port_is_set_by_its_environment_variable() -> None:
    """Each of the five ports follows its variable, and its default where that is unset or empty."""
    environment = {"DEMO_PORT": "1", "COLLECTOR_PORT": "2", "PROMETHEUS_PORT": "3", "ALERTMANAGER_PORT": "4"}
    assert Ports.from_environment({**environment, "SIDECAR_PORT": "5"}) == Ports(1, 2, 3, 4, 5)
    assert Ports.from_environment({"SIDECAR_PORT": ""}) == Ports(9199, 9101, 9090, 9093, 8080)


def test_a_port_that_is_no_number_is_refused() -> None:
    """The message names the variable, its value and what to write."""
    with pytest.raises(PortSettingError) as caught:
        Ports.from_environment({"SIDECAR_PORT": "80a"})
    assert str(caught.value) == "SIDECAR_PORT='80a' is no port: write a number from 1 to 65535."


def test_one_port_for_two_servers_is_refused() -> None:
    """A port given to one server that another has by default is an error before anything starts."""
    with pytest.raises(PortSettingError) as caught:
        Ports.from_environment({"SIDECAR_PORT": "9090"})
    assert str(caught.value) == (
        "Two servers cannot share a port: PROMETHEUS_PORT=9090, SIDECAR_PORT=9090. Give each one of its own."
    )


@pytest.mark.parametrize("host", [LOOPBACK, "0.0.0.0"])
def test_a_taken_port_is_told_with_variable_and_remedy(host: str) -> None:
    """Whether its user listens on loopback or everywhere, a taken port is named."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError) as caught:
            Ports(free_port(), free_port(), port).check()
    assert str(caught.value) == (
        f"Port {port} (prometheus) is taken: stop what uses it, or choose another with PROMETHEUS_PORT=<port>."
    )


def test_the_demo_refuses_a_taken_port_before_anything_starts() -> None:
    """`python -m demo` prints one line, exits with 1, and leaves the folder of a demo that runs alone."""
    state = PROJECT_ROOT / ".demo"
    before = sorted(path.name for path in state.iterdir()) if state.is_dir() else None
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        demo = subprocess.run(
            [sys.executable, "-m", "demo"],
            cwd=PROJECT_ROOT,
            env={**os.environ, "DEMO_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert demo.returncode == 1
    assert demo.stdout == ""
    expected = (
        f"Port {port} (simulator) is taken: stop what uses it, or choose another with DEMO_PORT=<port>.\n"
    )
    assert demo.stderr == expected
    assert (sorted(path.name for path in state.iterdir()) if Path(state).is_dir() else None) == before
