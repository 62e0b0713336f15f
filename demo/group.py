"""The demo's processes, which live and end together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from demo.interrupts import Interrupts
    from demo.processes import Process


class ProcessGroup:
    """Starts processes and ends them all, in the opposite order, when its context ends.

    Args:
        interrupts: Held back while a process is started, so that none escapes the list.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self._interrupts = interrupts
        self._processes: list[Process] = []

    def start(self, create: Callable[[], Process]) -> Process:
        """Start a process as a member of the group."""
        with self._interrupts.held():
            process = create()
            self._processes.append(process)
        return process

    def end(self, process: Process) -> None:
        """Stop a member before the others."""
        with self._interrupts.held():
            self._processes.remove(process)
            process.stop()

    def check(self) -> None:
        """Raise ProcessError if one of the processes has ended."""
        for process in self._processes:
            process.check()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {process.name: process.pid for process in self._processes}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts.ignore()
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            process.stop()
