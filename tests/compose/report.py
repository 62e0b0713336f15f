"""What the proof tells."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.compose.errors import NotProvedError
from tests.compose.shell import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable


class Report:
    """Prints what is proven and keeps it for the documentation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failed = False

    def tell(self, text: str) -> None:
        """Print a line."""
        self.lines.append(text)
        print(text, flush=True)  # noqa: T201 - a command's output

    def prove(self, what: str, check: Callable[[], str]) -> None:
        """Run a check; tell how it came out and how long it took."""
        begun = time.monotonic()
        try:
            self.tell(f"ok      {what}: {check()} [{time.monotonic() - begun:.0f} s]")
        except (
            NotProvedError,
            CommandError,
            LookupError,
            OSError,
        ) as error:  # a container or its process is gone
            self.failed = True
            self.tell(f"FAILED  {what}: {type(error).__name__}: {error}")
