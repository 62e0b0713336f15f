"""Run commands and tell their own words where they fail."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class CommandError(Exception):
    """A command failed; the message ends with what it said."""

    def __init__(self, command: Sequence[str], code: int, said: str) -> None:
        self.said = said
        super().__init__(f"`{' '.join(command)}` ended with code {code}: {said}")


def run(
    *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 900
) -> str:
    """Return what the command printed.

    Raises:
        CommandError: It ended with another code than 0.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=timeout,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-3000:]
        raise CommandError(command, done.returncode, said)
    return done.stdout
