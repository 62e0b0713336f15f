from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from demo.errors import ProcessError
from demo.processes import LOOPBACK, Process, free_port, running, start_alertmanager, start_prometheus
from demo.tools import PROJECT_ROOT

SERVE = [sys.executable, "-m", "http.server", "--bind", LOOPBACK]
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
DEMO = """
import os, sys, time
from pathlib import Path
from demo.group import ProcessGroup
from demo.interrupts import Interrupts
from demo.processes import Process
interrupts = Interrupts()
interrupts.install()
def create(role):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    return Process(role, command, Path(sys.argv[1], f"{role}.log"))
try:
    with ProcessGroup(create, interrupts) as group:
        for number in range(3):
            group.start(f"child {number}")
        print(*group.pids.values(), flush=True)
        while True:
            for role, text in group.revive():
                print(text, *group.pids.values(), sep="|", flush=True)
            time.sleep(0.05)
except KeyboardInterrupt:
    print("ended", flush=True)
"""


def alive(pid: int) -> bool:
    """Whether the process exists and is more than a record that its parent has not read yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for the condition; the kernel ends a killed process a moment after the signal."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 s in vain"
        time.sleep(0.01)


def read_pid(log: Path, process: Process) -> int:
    """The number that the process prints first."""
    while not log.read_text().strip():
        process.check()
    return int(log.read_text())


@pytest.mark.integration
def test_a_server_is_ready_inside_the_context_and_gone_after_it(tmp_path: Path) -> None:
    """`running` yields a server that answers and leaves no process behind."""
    port = free_port()
    process = Process("server", [*SERVE, str(port)], tmp_path / "log", cwd=tmp_path)
    with running(process, f"http://{LOOPBACK}:{port}", "/") as server:
        assert requests.get(server.url, timeout=5).ok
        assert alive(process.pid)
    assert not process.running


def test_a_process_that_ends_early_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The reason why a server did not start stands in the error."""
    command = [sys.executable, "-c", "print('no such file: x.yml'); raise SystemExit(3)"]
    process = Process("Collector", command, tmp_path / "log")
    with pytest.raises(ProcessError) as caught:
        process.wait_ready(f"http://{LOOPBACK}:{free_port()}/")
    assert str(caught.value) == (
        f"Collector ended with code 3. Last lines of {tmp_path / 'log'}:\nno such file: x.yml"
    )


def test_a_process_that_is_never_ready_is_told(tmp_path: Path) -> None:
    """Waiting for a server that hangs ends with an error that says for what it waited."""
    process = Process("Sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log")
    try:
        with pytest.raises(ProcessError, match=r"was not ready after 0\.2 s"):
            process.wait_ready(f"http://{LOOPBACK}:{free_port()}/", timeout=0.2)
    finally:
        process.stop()


def test_stop_ends_a_process_that_ignores_sigterm_and_its_children(tmp_path: Path) -> None:
    """After `stop` neither the process nor what it had started is left."""
    process = Process("stubborn", [sys.executable, "-c", STUBBORN], tmp_path / "log")
    child = read_pid(tmp_path / "log", process)
    process.stop(grace=0.2)
    assert not process.running
    wait_until(lambda: not alive(child))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_ends_every_process(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and the end of the terminal each end all children of the demo."""
    demo = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DEMO), str(tmp_path)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout
    children = [int(pid) for pid in demo.stdout.readline().split()]
    assert len(children) == 3
    assert all(alive(pid) for pid in children)
    demo.send_signal(number)
    assert demo.communicate(timeout=20)[0] == "ended\n"
    assert demo.returncode == 0
    assert not any(alive(pid) for pid in children)


def test_a_child_that_dies_is_started_again_until_it_dies_too_often(tmp_path: Path) -> None:
    """A killed process is told and started again at once, twice a minute; the third time ends them all."""
    demo = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DEMO), str(tmp_path)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout
    seen = children = [int(pid) for pid in demo.stdout.readline().split()]
    for _ in range(2):
        os.kill(children[2], signal.SIGKILL)
        text, *pids = demo.stdout.readline().rstrip().split("|")
        assert text == "child 2 ended with code -9; it is started again"
        children = [int(pid) for pid in pids]
        assert [alive(pid) for pid in children] == [True] * 3
        seen = [*seen, *children]
    os.kill(children[2], signal.SIGKILL)
    error = demo.communicate(timeout=20)[1]
    assert "ProcessError: child 2 ended with code -9. Last lines of" in error
    assert not any(alive(pid) for pid in seen)


@pytest.mark.integration
def test_prometheus_and_alertmanager_start_from_the_unpacked_packages(tmp_path: Path) -> None:
    """Both servers start without being installed, Prometheus with its web pages."""
    alertmanager_config = "route: {receiver: none}\nreceivers: [{name: none}]\n"
    with (
        start_prometheus(tmp_path / "prometheus", "global: {scrape_interval: 15s}\n") as prometheus,
        start_alertmanager(tmp_path / "alertmanager", alertmanager_config) as alertmanager,
    ):
        assert requests.get(f"{prometheus.url}/graph", timeout=5).ok
        assert (
            requests.get(f"{alertmanager.url}/api/v2/status", timeout=5).json()["cluster"]["status"]
            == "disabled"
        )
