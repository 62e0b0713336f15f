"""What can go wrong in the demo; every message is one line that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class DemoError(Exception):
    """Base of all errors of the demo."""


class ToolMissingError(DemoError):
    """A server binary is neither on PATH nor in the project's own folder."""

    def __init__(self, names: Sequence[str], remedy: str) -> None:
        self.names = tuple(names)
        super().__init__(f"{', '.join(names)} not found: {remedy}.")


class DownloadError(DemoError):
    """The distribution's packages could not be fetched or unpacked."""

    def __init__(self, command: Sequence[str], reason: str) -> None:
        self.command = tuple(command)
        self.reason = reason
        super().__init__(
            f"`{' '.join(command[:2])}` failed ({reason}): check the network and /etc/apt/sources.list, or install "
            "Prometheus and Alertmanager yourself and put them on PATH."
        )


class PortTakenError(DemoError):
    """A port that the demo needs is in use."""

    def __init__(self, port: int, role: str, variable: str) -> None:
        self.port = port
        self.variable = variable
        super().__init__(
            f"Port {port} ({role}) is taken: stop what uses it, or choose another with {variable}=<port>."
        )


class ProcessError(DemoError):
    """A child process ended, or did not become ready, against expectation."""

    def __init__(self, name: str, what: str, log: Path, tail: str) -> None:
        self.name = name
        self.log = log
        self.tail = tail
        super().__init__(f"{name} {what}. Last lines of {log}:\n{tail or '(empty)'}")


class HistoryError(DemoError):
    """The generated history could not be loaded."""


class ControlError(DemoError):
    """The running demo could not be found or refused the request."""


class AlreadyRunningError(DemoError):
    """Another demo uses the same folder."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"A demo is running in {directory} already: end it with Ctrl-C in its own shell first, or give this one "
            "a folder of its own with DEMO_DIR=<folder>."
        )
