"""The generated dashboards as the conventions look at them: their panels, queries and expressions, each with its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from dashboards import generate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

BOARDS: Final[list[Json]] = [
    json.loads(text) for path, text in generate.files().items() if path.suffix == ".json"
]

WITHOUT_QUERY: Final = ("row", "text", "alertlist", "dashlist", "annolist", "news")
"""Panels that ask no data source, or ask one of their own."""


def flat(panels: list[Json]) -> Iterator[Json]:
    """Yield panels, those of collapsed rows too."""
    for panel in panels:
        yield panel
        yield from flat(panel.get("panels", []))


def place(board: Json, part: Json | str) -> str:
    """Return what exemptions call a panel, or another named part of a dashboard."""
    name = part if isinstance(part, str) else part.get("title") or part.get("name") or f"id {part.get('id')}"
    return f"{board['uid']}: {name}"


def panels(*kinds: str) -> Iterator[tuple[Json, Json]]:
    """Yield every dashboard with each of its panels, of these types where given."""
    for board in BOARDS:
        for panel in flat(board["panels"]):
            if not kinds or panel["type"] in kinds:
                yield board, panel


def data_panels() -> Iterator[tuple[Json, Json]]:
    """Yield the panels that show the answer of a query."""
    return ((board, panel) for board, panel in panels() if panel["type"] not in WITHOUT_QUERY)


def expressions() -> Iterator[tuple[Json, str, str]]:
    """Yield the expressions of panels and annotations: dashboard, place, PromQL."""
    for board, panel in data_panels():
        for target in panel["targets"]:
            yield board, place(board, panel), target["expr"]
    for board in BOARDS:
        for annotation in board["annotations"]["list"]:
            yield board, place(board, annotation), annotation["target"]["expr"]


def variables(board: Json) -> dict[str, Json]:
    """Return a dashboard's variables by name."""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value with its path, the outermost first."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from walk(item, f"{path}/{key}")


def where(test: Callable[[Json], bool], problem: str) -> list[tuple[str, str]]:
    """Return the dashboards of which a test is not true, as violations."""
    return [(board["uid"], problem) for board in BOARDS if not test(board)]
