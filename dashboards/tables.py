"""Tables of present values: several queries joined on their labels, one row per label set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from grafanalib.core import Table

from dashboards.names import API
from dashboards.panels import NO_DATA, override, targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.modernize import Json

COLORED_TEXT: Final = {"custom.cellOptions": {"type": "color-text"}}
COLORED_CELL: Final = {"custom.cellOptions": {"mode": "basic", "type": "color-background"}}

KEYS: Final = {"api_name": "API", "environment": "Environment"}
"""Labels that tell the rows apart, with their column titles."""

TO_API: Final = {
    "title": "Open this API in depth",
    "url": f"/d/{API}?var-api_name=${{__data.fields.api_name:percentencode}}"
    "&var-environment=${__data.fields.environment:percentencode}"
    "&${datasource:queryparam}&${__url_time_range}",
}
"""A click leads to that API's own dashboard, in the same time span."""


_NOT_OF_ONE: Final = {"noValue": "-"}
"""What stands in the cell of a key that a row has not: not every alert is about one API."""
_KEY_SETTINGS: Final = {"api_name": _NOT_OF_ONE | {"links": [TO_API]}}


class Column(NamedTuple):
    """One column: a query's value, or one of its labels instead.

    Attributes:
        title: Of the column.
        expr: One sample per row.
        properties: Field settings such as unit, mappings, noValue.
        label: The label to show in place of the value.
    """

    title: str
    expr: str
    properties: Mapping[str, Any] = {}
    label: str | None = None


def table(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    keys: Mapping[str, str] = KEYS,
    hidden: Sequence[str] = (),
    mappings: Mapping[str, list[Json]] | None = None,
    none: str = NO_DATA,
    sort_by: str | None = None,
) -> Table:
    """Return a table with a row for each set of key labels.

    Args:
        title: Of the panel.
        description: Of the panel.
        columns: What stands beside the keys.
        keys: Label to column title; `api_name` links to the API's own dashboard.
        hidden: Labels of the queries that are not shown.
        mappings: Words for the values of a key column, by its title.
        none: What stands there where no query has an answer.
        sort_by: Title of the column whose highest values come first.
    """
    fields = {column.title: _field(column, index, len(columns)) for index, column in enumerate(columns)}
    shown = [*keys, *fields.values()]
    unseen = [_value(index, len(columns)) for index, column in enumerate(columns) if column.label]
    names = dict(keys) | {field: name for name, field in fields.items()}
    overrides = [override(title, _KEY_SETTINGS.get(label, _NOT_OF_ONE)) for label, title in keys.items()]
    return Table(
        title=title,
        description=description,
        targets=targets([(column.expr, column.title) for column in columns], instant=True, form="table"),
        transformations=_joined(shown, [*hidden, *unseen], names),
        overrides=[
            *overrides,
            *(override(title, {"mappings": mapping}) for title, mapping in (mappings or {}).items()),
            *(override(column.title, dict(column.properties)) for column in columns if column.properties),
        ],
        unit="none",
        extraJson={
            "fieldConfig": {"defaults": {"noValue": none}},
            "options": {"sortBy": [{"displayName": sort_by, "desc": True}] if sort_by else []},
        },
    )


def _value(index: int, count: int) -> str:
    """Return what Grafana calls a query's value: the query's letter only where there are several."""
    return f"Value #{chr(ord('A') + index)}" if count > 1 else "Value"


def _field(column: Column, index: int, count: int) -> str:
    return column.label or _value(index, count)


def _joined(shown: Sequence[str], hidden: Sequence[str], names: Mapping[str, str]) -> list[Json]:
    return [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": dict.fromkeys(["Time", *hidden], True),
                "indexByName": {name: index for index, name in enumerate(shown)},
                "renameByName": dict(names),
            },
        },
    ]
