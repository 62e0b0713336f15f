"""Which files a configuration was read from, and whether one of them has changed since."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class SeenFiles:
    """Files as they were when they were read.

    A swapped symbolic link anywhere on the path of one is a change, which is how Kubernetes replaces ConfigMaps and
    Secrets; so is a file that could not be read and now can.
    """

    def __init__(self) -> None:
        self._stamps: dict[Path, tuple[int, ...] | None] = {}

    def note(self, path: Path) -> None:
        """Remember a file as it is now; call this before reading it, lest a change in between is missed."""
        self._stamps.setdefault(path, stamp(path))

    def changed(self) -> bool:
        """Return whether one of the files is another one than it was, or has been written to, or is gone."""
        return any(stamp(path) != noted for path, noted in self._stamps.items())


def stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file does; None for one that cannot be looked at."""
    try:
        found = os.stat(path)  # noqa: PTH116 - follows links, as reading does
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
