"""What is wrong with the sources of APIs, although each of their values may be right."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING

from yarl import URL

from collector.addresses import is_refused
from collector.errors import Problem
from collector.impossible import contradictions
from collector.sources import HttpList
from collector.values import field_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from collector.api import Api
    from collector.sources import DiscoverySource
    from collector.yaml_file import Document, Location


def wrong_sources(
    sections: Mapping[str, Sequence[DiscoverySource]], apis: Sequence[Api], document: Document
) -> Iterator[Problem]:
    """Yield what is wrong with the sources.

    Args:
        sections: The key of each list of sources in the file, and its sources.
        apis: The APIs that the file names, on which those found may depend.
        document: Knows the lines.
    """
    counts = Counter(source.name for sources in sections.values() for source in sources)
    names = {api.name for api in apis}
    for section, sources in sections.items():
        for index, source in enumerate(sources):
            location = (section, index)
            if counts[source.name] > 1:
                what = f"duplicate source name {source.name!r}"
                yield _problem(document, (*location, "name"), what, "give each source a name of its own")
            yield from _unknown_parents(source, names, document, location)
            yield from _wrong_values(source, document, location)


def _unknown_parents(
    source: DiscoverySource, names: set[str], document: Document, location: Location
) -> Iterator[Problem]:
    for unknown in (parent for parent in source.template.depends_on if parent not in names):
        near = difflib.get_close_matches(unknown, names, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else "write the name of an API of this file"
        yield _problem(
            document, (*location, "depends_on"), f"no API of this file is called {unknown!r}", remedy
        )


def _wrong_values(source: DiscoverySource, document: Document, location: Location) -> Iterator[Problem]:
    timeout, interval = source.template.timeout, source.template.interval
    if timeout > interval:
        what = f"the timeout of {timeout:g} s is longer than the interval of {interval:g} s"
        yield _problem(document, (*location, "settings", "timeout"), what, f"write at most {interval:g}s")
    for key, what, remedy in contradictions(source.template, source.template):
        yield _problem(document, (*location, "settings", key), what, remedy)
    if isinstance(source.where, HttpList) and is_refused(URL(source.where.url).raw_host or ""):
        what = "a link-local or metadata address"
        yield _problem(document, (*location, "url"), what, "serve the list at another address")


def _problem(document: Document, location: Location, what: str, remedy: str) -> Problem:
    return Problem(field_path(location), what, remedy, document.line(location))
