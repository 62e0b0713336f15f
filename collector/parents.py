"""Which API depends on which: every name must be known, and none may depend on itself, however far around."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from collector.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from collector.api import Api
    from collector.yaml_file import Document


def wrong_parents(apis: Sequence[Api], document: Document) -> Iterator[Problem]:
    """Yield what is wrong with `depends_on` of the APIs; the document knows the lines."""
    parents = {api.name: api.depends_on for api in apis}
    for index, api in enumerate(apis):
        place, line = f"apis[{index}].depends_on", document.line(("apis", index, "depends_on"))
        for unknown in (parent for parent in api.depends_on if parent not in parents):
            near = difflib.get_close_matches(unknown, parents, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "write the name of another API of this file"
            yield Problem(place, f"no API is called {unknown!r}", remedy, line)
        if way := _way_back(api.name, parents):
            yield Problem(place, f"a circle: {' needs '.join(map(repr, way))}", "take one of them out", line)


def _way_back(name: str, parents: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """Return the names from an API over those that it depends on back to itself; None if there is no such way."""
    ways = [[name]]
    seen = set()
    while ways:
        way = ways.pop()
        for parent in parents.get(way[-1], ()):
            if parent == name:
                return [*way, name]
            if parent not in seen:
                seen.add(parent)
                ways.append([*way, parent])
    return None
