"""Run commands and tell their own words where they fail."""

from __future__ import annotations

import os
import signal
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
    *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 300
) -> str:
    """Return what the command printed; it and what it has started are ended after so many seconds.

    Raises:
        CommandError: There is no such command, or it ended with another code than 0, or not in time.
    """
    try:
        started = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise CommandError(command, 127, str(error)) from error
    with started as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            err = f"{err.strip()}\nno end within {timeout:.0f} s"
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise CommandError(command, process.returncode, (err.strip() or out.strip())[-3000:])
    return out
