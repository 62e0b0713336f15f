"""Reads lists of targets from files, as Prometheus' file_sd does."""

from __future__ import annotations

import asyncio
import glob
from typing import TYPE_CHECKING, NamedTuple

from collector.errors import ConfigError
from collector.regular_file import read_bytes
from collector.reload import LOOK_EVERY
from collector.seen_files import stamp
from collector.target_groups import MAX_BYTES, Target, TargetError, parse_json, read_targets
from collector.yaml_file import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from collector.sources import FileLists


class _Read(NamedTuple):
    stamp: tuple[int, ...] | None
    targets: tuple[Target, ...]
    problem: str | None = None


class FileFinder:
    """Finds APIs by files, each of which keeps its last good list in service while it is bad.

    A swapped symbolic link anywhere on a path is a change, which is how Kubernetes replaces a ConfigMap.

    Args:
        where: The files.
        allow_link_local: Whether a target may be a link-local or metadata address.
        former: What found APIs by this source until now; what it has read of the same files is not read again.

    Attributes:
        where: The files.
        allow_link_local: Whether a target may be a link-local or metadata address.
        files: What was last read of each file, by its path as the pattern gives it.
        targets: Those of the last good list of each file.
        wait: Seconds between two looks.
    """

    def __init__(self, where: FileLists, *, allow_link_local: bool, former: object = None) -> None:
        self.where = where
        self.allow_link_local = allow_link_local
        self.files: dict[str, _Read] = {}
        self.targets: tuple[Target, ...] = ()
        if isinstance(former, FileFinder) and _folder(former) == _folder(self):
            self.files = former.files
        self.wait = LOOK_EVERY

    async def look(self) -> None:
        """Read the files that have changed.

        A file that no longer fits a pattern takes its targets with it; one that is named without a wildcard and missing is a
        mistake, and its last list stays.

        Raises:
            TargetError: A file is not what it should be; the targets of the others are those that they name now.
        """
        missing = await asyncio.to_thread(self._read_all)
        self.targets = tuple(target for read in self.files.values() for target in read.targets)
        problems = [f"{path}: {read.problem}" for path, read in self.files.items() if read.problem]
        problems += [f"{path}: no such file" for path in missing]
        if problems:
            raise TargetError("; ".join(problems))

    def _read_all(self) -> list[str]:
        """Read what has changed; return the named files that are missing."""
        folder = self.where.folder
        missing = [
            text for text in self.where.files if not glob.has_magic(text) and not (folder / text).exists()
        ]
        patterns = self.where.files
        found = {path for text in patterns for path in glob.glob(text, root_dir=folder)}  # noqa: PTH207 - Path.glob takes no absolute pattern
        kept = {path: self.files[path] for path in missing if path in self.files}
        self.files = kept | {path: self._read(folder / path, self.files.get(path)) for path in sorted(found)}
        return missing

    def _read(self, path: Path, last: _Read | None) -> _Read:
        now = stamp(path)  # before reading, lest a change in between is missed
        if last and now and last.stamp == now:
            return last
        try:
            content = _content(path)
            return _Read(now, read_targets(content, allow_link_local=self.allow_link_local))
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        except TargetError as error:
            problem = str(error)
        return _Read(now, last.targets if last else (), problem)


def _folder(finder: FileFinder) -> object:
    return finder.where.folder, finder.allow_link_local


def _content(path: Path) -> object:
    if path.stat().st_size > MAX_BYTES:
        raise TargetError(f"more than {MAX_BYTES} bytes")
    if path.suffix.lower() == ".json":
        return parse_json(read_bytes(path))
    try:
        return read_yaml(path).content
    except ConfigError as error:
        (problem,) = error.problems
        raise TargetError(problem.what) from None
