"""Which APIs are probed when the configuration file and its sources name some of them twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from collector.api import Api


def merge(
    named: Iterable[Api], found: Mapping[str, Iterable[Api]]
) -> tuple[tuple[Api, ...], dict[str, list[str]]]:
    """Return the APIs to probe, each name once, and which names of each source are left out.

    An API of the file goes before one that is found, a source before those that stand below it in the file. Within a source,
    whose lists have no order, the URL decides. What is the same in all respects is not left out.

    Args:
        named: The APIs of the file, each name once.
        found: Those of each source, in the order of the sources.
    """
    apis = {api.name: api for api in named}
    duplicates: dict[str, list[str]] = {}
    for source, some in found.items():
        duplicates[source] = [
            api.name
            for api in sorted(some, key=lambda api: (api.name, api.url))
            if apis.setdefault(api.name, api) != api
        ]
    return tuple(apis.values()), duplicates
