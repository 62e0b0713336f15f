"""Everything that a dashboard asks of Prometheus, and its variables filled in as Grafana does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One question.

    Attributes:
        place: the panel, annotation or variable that asks.
        reference: the query's letter within its panel.
        expr: PromQL with Grafana's variables in it.
        instant: whether only the present value is asked for.
    """

    place: str
    reference: str
    expr: str
    instant: bool


def panels_of(panels: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Panels, those of closed rows too."""
    for panel in panels:
        yield panel
        yield from panels_of(panel.get("panels", []))


def data_panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Panels that show answers."""
    return [panel for panel in panels_of(board["panels"]) if panel["type"] != "row"]


def asked(board: Mapping[str, Any]) -> list[Asked]:
    """Every query of a panel or annotation."""
    of_panels = [
        Asked(panel["title"], target["refId"], target["expr"], target["instant"])
        for panel in data_panels(board)
        for target in panel["targets"]
    ]
    marks = [
        Asked(f"annotation {entry['name']}", "", entry["target"]["expr"], instant=False)
        for entry in board["annotations"]["list"]
    ]
    return of_panels + marks


def fill(expr: str, values: Mapping[str, str | Sequence[str]]) -> str:
    """Put values in the place of `$name`; several become alternatives of a regular expression, escaped as in Grafana."""

    def value(found: re.Match[str]) -> str:
        chosen = values.get(found[1], found[0])
        if isinstance(chosen, str):
            return chosen
        escaped = [
            re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", text.replace("\\", "\\" * 4)) for text in chosen
        ]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    return re.sub(r"\$(\w+)", value, expr)


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value within JSON, with its path."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from walk(item, f"{path}/{key}")
