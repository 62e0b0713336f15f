"""Reads files that a configuration names. What is no regular file is refused: a pipe would be waited for, maybe for ever."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_AT_ONCE: Final = getattr(os, "O_NONBLOCK", 0)  # which Windows lacks, as it lacks named pipes among files


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: It cannot be read, or is no regular file.
        ValueError: There is a NUL in the path.
    """
    with open(path, "rb", opener=_opener) as file:
        return file.read()


def read_text(path: Path) -> str:
    """Return what a file holds, as UTF-8.

    Raises:
        OSError: It cannot be read, or is no regular file.
        ValueError: There is a NUL in the path; or (`UnicodeDecodeError`) it is not UTF-8.
    """
    with open(path, encoding="utf-8", opener=_opener) as file:
        return file.read()


def _opener(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | _AT_ONCE)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # which `open` itself has words for
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file")
