"""The kinds of panels, each with the style that all dashboards share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grafanalib.core import Repeat, Stat, Table, Target, TimeSeries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.modernize import Json

# Readable by the colour-blind: blue, yellow and dark red differ in lightness too, and words stand beside colours.
GOOD: Final = "blue"
WARN: Final = "yellow"
BAD: Final = "dark-red"
NEUTRAL: Final = "text"

Query = tuple[str, str]
"""An expression and its legend."""


def steps(base: str, *above: tuple[float, str]) -> list[Json]:
    """Return threshold steps: a base colour, then the colour from each value upwards."""
    return [{"color": base, "value": None}, *({"color": color, "value": value} for value, color in above)]


def value_names(*names: tuple[float, str, str]) -> list[Json]:
    """Return the mapping that writes a word in a colour for a value: (value, word, colour)."""
    options = {
        f"{value:g}": {"color": color, "index": index, "text": text}
        for index, (value, text, color) in enumerate(names)
    }
    return [{"options": options, "type": "value"}]


def targets(queries: Sequence[Query], *, instant: bool = False, form: str = "time_series") -> list[Target]:
    """Return the queries as targets A, B, C and so on."""
    return [
        Target(expr=expr, legendFormat=legend, refId=chr(ord("A") + index), instant=instant, format=form)
        for index, (expr, legend) in enumerate(queries)
    ]


def override(name: str, properties: dict[str, Any], *, matcher: str = "byName") -> Json:
    """Return settings for the field of this name, or for all whose name matches the expression (`byRegexp`)."""
    return {
        "matcher": {"id": matcher, "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def stat(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    thresholds: list[Json],
    *,
    mappings: list[Json] | None = None,
    overrides: list[Json] | None = None,
    decimals: int | None = None,
) -> Stat:
    """Return a big number that shows the present value."""
    return Stat(
        title=title,
        description=description,
        targets=targets(queries, instant=True),
        format=unit,
        thresholds=thresholds,
        mappings=mappings or [],
        overrides=overrides or [],
        decimals=decimals,
        reduceCalc="lastNotNull",
        graphMode="none",
        noValue="no data yet",
    )


def time_series(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    thresholds: list[Json] | None = None,
    overrides: list[Json] | None = None,
    repeat: str | None = None,
) -> TimeSeries:
    """Return lines over time; `thresholds` are drawn as dashed lines, `repeat` draws one panel per value."""
    return TimeSeries(
        title=title,
        description=description,
        targets=targets(queries),
        unit=unit,
        fillOpacity=10 if repeat is None else 0,
        showPoints="never",
        tooltipMode="multi",
        tooltipSort="desc",
        thresholds=thresholds or [],
        thresholdsStyleMode="dashed" if thresholds else "off",
        overrides=overrides or [],
        repeat=Repeat(variable=repeat, direction="h", maxPerRow=3) if repeat else Repeat(),
        extraJson={"fieldConfig": {"defaults": {"min": minimum, "max": maximum}}},
    )


def table(
    title: str,
    description: str,
    queries: Sequence[Query],
    transformations: list[Json],
    overrides: list[Json],
) -> Table:
    """Return a table of present values; its columns get their units by override."""
    return Table(
        title=title,
        description=description,
        targets=targets(queries, instant=True, form="table"),
        transformations=transformations,
        overrides=overrides,
        unit="short",
    )
