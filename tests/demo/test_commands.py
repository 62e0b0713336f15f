from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from demo import __main__ as cli
from demo.errors import ControlError
from demo.feed import Feed
from demo.ports import Ports
from demo.processes import LOOPBACK, Process, free_port, running
from demo.state import RunningDemo, write_state
from demo.stops import Stops
from demo.tools import PROJECT_ROOT


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """The folder of a demo of which only the simulator runs."""
    import sys

    port = free_port()
    command = [sys.executable, "-m", "demo.simulator", str(port)]
    process = Process("Simulator", command, tmp_path / "simulator.log", cwd=PROJECT_ROOT)
    with running(process, f"http://{LOOPBACK}:{port}", "/_demo/health"):
        write_state(tmp_path, Ports(simulator=port, collector=1, prometheus=2, alertmanager=3, sidecar=4), {})
        yield tmp_path


@pytest.mark.integration
def test_an_incident_is_started_shown_and_ended(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`incident`, `status` and `end` act on the demo that runs."""
    monkeypatch.setattr(cli, "RunningDemo", lambda: RunningDemo(directory))
    monkeypatch.setenv("COLUMNS", "120")
    run = CliRunner().invoke
    started = run(cli.app, ["incident", "web-search", "--kind", "latency", "--minutes", "6"])
    assert started.output.startswith("web-search: latency until ")
    assert "latency, 6.0 min left" in run(cli.app, ["status"]).output
    assert run(cli.app, ["end", "web-search"]).output == "web-search: no incident.\n"
    assert "min left" not in run(cli.app, ["status"]).output


@pytest.mark.integration
def test_an_unknown_api_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command exits with 1 and lists the names that exist, without a traceback."""
    monkeypatch.setattr(cli, "RunningDemo", lambda: RunningDemo(directory))
    result = CliRunner().invoke(cli.app, ["incident", "nope", "--kind", "outage"])
    assert result.exit_code == 1
    assert result.output.startswith("No demo API is called 'nope': choose one of currency-exchange, ")


@pytest.mark.integration
def test_a_server_is_stopped_for_a_while(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stop` notes the server for the runner, and says until when; a senseless request is refused with the reason."""
    monkeypatch.setattr(cli, "RunningDemo", lambda: RunningDemo(directory))
    run = CliRunner().invoke
    assert run(cli.app, ["stop", "sidecar", "--minutes", "2"]).output.startswith("Sidecar is stopped until ")
    feed = Feed(RunningDemo(directory).ports, Console(quiet=True))
    assert feed.stopped_roles() == {"sidecar"}
    assert run(cli.app, ["stop", "sidecar", "--minutes", "-1"]).output == (
        "minutes must be above 0 and at most 1440.\n"
    )
    with pytest.raises(
        ControlError, match="role must be one of prometheus, alertmanager, sidecar, collector"
    ):
        RunningDemo(directory).stop_server("simulator", 1)


def test_a_stop_is_over_when_its_time_is_up() -> None:
    """A server is down for the minutes asked, a later request counts, and then it is wanted again."""
    now = [0.0]
    stops = Stops(lambda: now[0])
    stops.start({"role": "prometheus", "minutes": 2})
    stops.start({"role": "prometheus", "minutes": 1})
    now[0] = 59
    assert [stop.role for stop in stops.active()] == ["prometheus"]
    now[0] = 60
    assert stops.active() == []


def test_without_a_running_demo_the_commands_say_so(tmp_path: Path) -> None:
    """No state file, or one of a demo that has ended, is told with the remedy."""
    with pytest.raises(ControlError, match="No demo is running: start it with `make demo`"):
        RunningDemo(tmp_path)
    write_state(tmp_path, Ports(simulator=free_port()), {})
    with pytest.raises(ControlError, match="not running any more"):
        RunningDemo(tmp_path)
