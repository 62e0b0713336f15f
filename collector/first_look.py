"""Looks once at sources of APIs, for who checks or tries a configuration."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from collector.finders import finder_of, look
from collector.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.api import Api
    from collector.sources import DiscoverySource


class Look(NamedTuple):
    """How one look at a source went.

    Attributes:
        source: The name of the source.
        found: How many APIs it gives.
        taken: The names of those that are left out, as the file or a source before it has them.
        problem: What went wrong; None if nothing did.
    """

    source: str
    found: int
    taken: list[str]
    problem: str | None

    def __str__(self) -> str:
        words = f"source {self.source!r}: {self.found} APIs"
        if self.taken:
            words += (
                f", of which those are left out whose names are taken: {', '.join(map(repr, self.taken))}"
            )
        return words


async def look_at(
    named: Iterable[Api], sources: Iterable[DiscoverySource]
) -> tuple[tuple[Api, ...], list[Look]]:
    """Return the APIs of the file and of the sources, each name once, and how the look at each source went."""
    looked = [(source, finder_of(source)) for source in sources]
    problems = await asyncio.gather(*(look(finder) for _, finder in looked))
    found = {
        source.name: [target.api(source.template) for target in finder.targets] for source, finder in looked
    }
    apis, taken = merge(named, found)
    looks = zip(found.items(), problems, strict=True)
    return apis, [Look(name, len(some), taken[name], problem) for (name, some), problem in looks]
