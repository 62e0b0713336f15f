"""Looks at sources of APIs, whichever kind they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from collector.file_sd import FileFinder
from collector.http_sd import HttpFinder
from collector.sources import FileLists
from collector.target_groups import TargetError

if TYPE_CHECKING:
    from collector.sources import DiscoverySource
    from collector.target_groups import Target


class Finder(Protocol):
    """Finds targets; see `HttpFinder` and `FileFinder`."""

    targets: tuple[Target, ...]
    wait: float

    async def look(self) -> None:
        """Bring the targets up to date, or raise TargetError."""


def finder_of(source: DiscoverySource, former: Finder | None = None) -> Finder:
    """Return what finds the APIs of a source, with what found them until now; None if nothing did."""
    allow = source.template.allow_link_local
    if isinstance(source.where, FileLists):
        return FileFinder(source.where, allow_link_local=allow, former=former)
    return HttpFinder(source.where, allow_link_local=allow, former=former)


async def look(finder: Finder) -> str | None:
    """Bring the targets up to date; return what went wrong, or None."""
    try:
        await finder.look()
    except TargetError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a defect of ours is told as a failure, and leaves the other sources alone
        return f"a defect of the collector ({type(error).__name__})"
    return None
