"""The whole stack on this machine without containers, from a generated past on, until Ctrl-C."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final

from rich.progress import Progress

from demo.backfill import HISTORY_DAYS, load_history, write_history
from demo.errors import AlreadyRunningError
from demo.feed import Feed
from demo.fleet import FLEET
from demo.group import ProcessGroup
from demo.servers import ENVIRONMENT, Servers
from demo.state import runs, write_state
from demo.tools import ensure

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from demo.interrupts import Interrupts
    from demo.ports import Ports

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
        self._servers = Servers(ports, directory)
        self._group = ProcessGroup(self._servers.create, interrupts)
        self._stopped: set[str] = set()

    def run(self) -> None:
        """Run until KeyboardInterrupt.

        Raises:
            DemoError: A port is taken, a tool is missing, or a process has ended at start-up or again and again;
                nothing runs any more then.
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
        self._start_ready("simulator")
        history_end = self._prepare_history()
        self._start_ready("collector")
        time.sleep(max(0.0, history_end - time.time()))
        self._say("Starting Prometheus, Alertmanager and the sidecar")
        for role in ("prometheus", "alertmanager", "sidecar"):
            self._start_ready(role)
        self._group.check()
        self._write_state()

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

    def _start_ready(self, role: str) -> None:
        """Start a server and wait until it serves."""
        self._group.start(role).wait_ready(self._servers.health_url(role), _START_SECONDS)

    def _follow(self) -> None:
        self._announce()
        feed = Feed(self._ports, self._console)
        while True:
            self._revive(feed)
            feed.poll()
            self._obey_stops(feed)
            if (silent := feed.silent_apis()) != self._servers.silent:
                self._servers.silence(silent)
            time.sleep(_POLL_SECONDS)

    def _revive(self, feed: Feed) -> None:
        """Start servers again that have ended by themselves, and tell it."""
        for role, text in self._group.revive():
            feed.begin_anew(role)
            forgotten = "; incidents under way are forgotten" if role == "simulator" else ""
            feed.tell("server_ended", None, text + forgotten)
            self._write_state()

    def _obey_stops(self, feed: Feed) -> None:
        """Stop the servers that are to be down, and start those whose time is up."""
        down = feed.stopped_roles()
        for role in self._stopped ^ down:
            if role in down:
                self._group.stop(role)
                feed.tell("server_stopped", None, f"{role.capitalize()} is stopped, as you asked")
            else:
                self._group.start(role)
                feed.begin_anew(role)
                feed.tell("server_started", None, f"{role.capitalize()} is started again")
            self._write_state()
        self._stopped = down

    def _write_state(self) -> None:
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
            "\nThe models are being trained; that takes about a minute. Then, from a second shell:\n"
            f"  .venv/bin/python -m demo incident {FLEET[1].name} --kind outage --minutes 6\n"
            "Ctrl-C ends everything.\n",
            highlight=False,
            soft_wrap=True,
        )

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
