"""The demo's processes: supervised while it runs, and all ended with it."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from demo.interrupts import Interrupts
    from demo.processes import Process

ENDS_BORNE: Final = 2
ENDS_WINDOW_SECONDS: Final = 60.0


class ProcessGroup:
    """Starts processes by their role, and ends them all, in the opposite order, when its context ends.

    Args:
        create: Starts the process of a role.
        interrupts: Held back while a process is started or stopped, so that none escapes the list.
    """

    def __init__(self, create: Callable[[str], Process], interrupts: Interrupts) -> None:
        self._create = create
        self._interrupts = interrupts
        self._processes: dict[str, Process] = {}
        self._ends: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=ENDS_BORNE + 1))

    def start(self, role: str) -> Process:
        """Start the process of that role as a member of the group."""
        with self._interrupts.held():
            process = self._processes[role] = self._create(role)
        return process

    def stop(self, role: str) -> None:
        """Stop a member before the others; it is not missed until it is started again."""
        with self._interrupts.held():
            self._processes.pop(role).stop()

    def revive(self) -> Iterator[tuple[str, str]]:
        """Start members that have ended again, at once; yield the role of each and a sentence that tells it.

        Raises:
            ProcessError: A member has ended for the third time within a minute.
        """
        for role, process in list(self._processes.items()):
            if process.running:
                continue
            ends = self._ends[role]
            ends.append(time.monotonic())
            if len(ends) > ENDS_BORNE and ends[-1] - ends[0] < ENDS_WINDOW_SECONDS:
                process.check()
            self.stop(role)  # what it left behind in its process group would hold its port
            self.start(role)
            yield role, f"{process.name} {process.ended}; it is started again"

    def check(self) -> None:
        """Raise ProcessError if one of the processes has ended."""
        for process in self._processes.values():
            process.check()

    @property
    def roles(self) -> set[str]:
        """Roles whose process is a member at present."""
        return set(self._processes)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name."""
        return {process.name: process.pid for process in self._processes.values()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts.ignore()
        processes = list(reversed(self._processes.values()))
        for process in processes:
            process.terminate()
        for process in processes:
            process.stop()
