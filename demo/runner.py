"""The whole stack on this machine without containers, from a generated past on, until Ctrl-C."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Final

from rich.progress import Progress

from demo.backfill import HISTORY_DAYS, load_history, write_history
from demo.configs import alertmanager_text, collector_text, prometheus_text, write_rules
from demo.errors import AlreadyRunningError
from demo.feed import Feed
from demo.fleet import FLEET
from demo.group import ProcessGroup
from demo.processes import Process, alertmanager_process, prometheus_process
from demo.state import runs, write_state
from demo.tools import PROJECT_ROOT, ensure

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from demo.interrupts import Interrupts
    from demo.ports import Ports

ENVIRONMENT: Final = "demo"
_HISTORY_LEAD_SECONDS: Final = 8.0
"""The history reaches this far ahead of the moment when its generation begins, so that live data follows at once."""
_POLL_SECONDS: Final = 1.0
_START_SECONDS: Final = 90.0
"""Patience with a Python process on a slow machine that imports its libraries for the first time."""


class Runner:
    """Starts everything, tells what happens, and ends everything.

    Args:
        ports: Of the servers.
        directory: The demo's folder; emptied at the start.
        console: Where to print.
        interrupts: How the user ends the demo.
    """

    def __init__(self, ports: Ports, directory: Path, console: Console, interrupts: Interrupts) -> None:
        self._ports = ports
        self._directory = directory
        self._console = console
        self._group = ProcessGroup(interrupts)
        self._silent: set[str] = set()

    def run(self) -> None:
        """Run until KeyboardInterrupt.

        Raises:
            DemoError: A port is taken, a tool is missing, or a process has ended; nothing runs any more then.
        """
        self._ports.check()
        if runs(self._directory):
            raise AlreadyRunningError(self._directory)
        ensure()
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)
        with self._group:
            try:
                self._start()
                self._follow()
            finally:
                self._console.print("Ending all processes ...")
                (self._directory / "demo.json").unlink(missing_ok=True)

    def _start(self) -> None:
        self._say("Starting the simulated APIs and the collector")
        self._start_python(
            "Simulator", ["demo.simulator", str(self._ports.simulator)], "simulator", "/_demo/health"
        )
        history_end = self._prepare_history()
        self._collector = self._start_collector()
        time.sleep(max(0.0, history_end - time.time()))
        self._say("Starting Prometheus, Alertmanager and the sidecar")
        self._start_servers()
        self._start_python("Sidecar", ["ml_sidecar", "run"], "sidecar", "/health")
        write_state(self._directory, self._ports, self._group.pids)

    def _prepare_history(self) -> float:
        """Write and load the past; return the Unix time at which it ends."""
        begun = time.monotonic()
        end = time.time() + _HISTORY_LEAD_SECONDS
        path = self._directory / "history.openmetrics"
        with (
            Progress(
                console=self._console, transient=True, disable=not self._console.is_terminal
            ) as progress,
            path.open("w", encoding="utf-8") as file,
        ):
            task = progress.add_task(f"Simulating {HISTORY_DAYS} days of {len(FLEET)} APIs", total=len(FLEET))
            samples = write_history(
                file,
                FLEET,
                end,
                environment=ENVIRONMENT,
                instance=self._ports.address("collector"),
                done=lambda _: progress.advance(task),
            )
        load_history(path, self._directory / "prometheus" / "data")
        path.unlink()
        self._say(
            f"History: {HISTORY_DAYS} days of {len(FLEET)} APIs, {samples:,} samples, "
            f"in {time.monotonic() - begun:.1f} s"
        )
        return end

    def _start_servers(self) -> None:
        prometheus, alertmanager = self._directory / "prometheus", self._directory / "alertmanager"
        write_rules(prometheus / "rules")
        ports = self._ports
        started = [
            (
                self._group.start(
                    lambda: prometheus_process(prometheus, prometheus_text(ports), ports.prometheus)
                ),
                "prometheus",
            ),
            (
                self._group.start(
                    lambda: alertmanager_process(alertmanager, alertmanager_text(ports), ports.alertmanager)
                ),
                "alertmanager",
            ),
        ]
        for process, role in started:
            process.wait_ready(f"{ports.url(role)}/-/ready")

    def _start_collector(self) -> Process:
        apis = self._directory / "apis.yml"
        text = collector_text(FLEET, self._ports.url("simulator"), left_out=self._silent)
        apis.write_text(text, encoding="utf-8")
        return self._start_python(
            "Collector", ["collector", "run", "--config", str(apis)], "collector", "/health"
        )

    def _start_python(self, name: str, module: list[str], role: str, ready_path: str) -> Process:
        process = self._group.start(
            lambda: Process(
                name,
                [sys.executable, "-m", *module],
                self._directory / f"{role}.log",
                environment=self._environment(),
                cwd=PROJECT_ROOT,
            )
        )
        process.wait_ready(self._ports.url(role) + ready_path, _START_SECONDS)
        return process

    def _environment(self) -> dict[str, str]:
        return {
            "ENVIRONMENT": ENVIRONMENT,
            "COLLECTOR_PORT": str(self._ports.collector),
            "SIDECAR_PORT": str(self._ports.sidecar),
            "PROMETHEUS_URL": self._ports.url("prometheus"),
            "MODELS_DIR": str(self._directory / "models"),
            "LOG_FILE": str(PROJECT_ROOT / "logs" / "rapidapi.log"),
        }

    def _follow(self) -> None:
        self._announce()
        feed = Feed(self._ports, self._console)
        while True:
            self._group.check()
            feed.poll()
            self._apply_silence(feed.silent_apis())
            time.sleep(_POLL_SECONDS)

    def _apply_silence(self, silent: set[str]) -> None:
        """Let the collector forget the silent APIs: it reads its configuration only when it starts."""
        if silent == self._silent:
            return
        self._silent = silent
        self._group.end(self._collector)
        self._collector = self._start_collector()
        write_state(self._directory, self._ports, self._group.pids)

    def _announce(self) -> None:
        self._console.print()
        for what, url in (
            ("sidecar", self._ports.url("sidecar")),
            ("Prometheus", self._ports.url("prometheus")),
            ("Alertmanager", self._ports.url("alertmanager")),
            ("collector", self._ports.url("collector") + "/metrics"),
            ("simulated APIs", f"{self._ports.url('simulator')}/api/{FLEET[0].name}"),
        ):
            self._console.print(f"  {what:16}{url}", highlight=False)
        self._console.print(
            "\nThe models are being trained; that takes less than a minute. Then, from a second shell:\n"
            f"  .venv/bin/python -m demo incident {FLEET[1].name} --kind outage --minutes 6\n"
            "Ctrl-C ends everything.\n",
            highlight=False,
            soft_wrap=True,
        )

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
