"""What can go wrong while rules are generated, checked or added."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from collector.errors import Problem


class AlertRulesError(Exception):
    """Base of every error of this package."""


class GeneratedFilesDifferError(AlertRulesError):
    """The files on disk are not what the sources generate.

    Attributes:
        paths: Files that differ, are missing, or should not be there.
        command: What brings them up to date.
    """

    def __init__(self, paths: Sequence[Path], command: str) -> None:
        self.paths = tuple(paths)
        self.command = command
        names = ", ".join(str(path) for path in paths)
        super().__init__(f"generated files are out of date: {names}; run `{command}`")


class ReceiversError(AlertRulesError):
    """The file that says who is told is refused; the message has one line for each problem, and no value of the file.

    Attributes:
        path: The file.
        problems: Everything that is wrong.
    """

    def __init__(self, path: Path, *problems: Problem) -> None:
        self.path = path
        self.problems = problems
        super().__init__("\n".join(problem.within(path) for problem in problems))


class InvalidRuleError(AlertRulesError):
    """A custom rule cannot be what the caller asked for.

    Attributes:
        field: The argument at fault.
    """

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}")


class ReloadRefusedError(AlertRulesError):
    """Prometheus refused the new rules; the former file is back in place and the former rules are in service.

    Attributes:
        url: The address that was asked to reload.
        reason: What Prometheus answered.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"{url} refused to reload, the former rules stay in service: {reason}")


class UncheckedRulesError(AlertRulesError):
    """Nobody could check the rules, and a wrong one would keep Prometheus from starting; nothing has changed.

    Attributes:
        reason: Why Prometheus could not be asked.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"nothing has changed: there is no promtool to check the rules, and {reason}; install promtool (it comes "
            "with Prometheus; `python -m demo.tools` fetches it), or start Prometheus"
        )


class ListenError(AlertRulesError):
    """The address of the receiver is taken, not ours, or not allowed."""

    def __init__(self, host: str, port: int, cause: str) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"cannot listen on {host}:{port} ({cause}); stop the program that uses it, or take another --port"
        )
