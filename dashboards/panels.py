"""The kinds of panels, each with the style that all dashboards share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from grafanalib.core import Stat, StateTimeline, Target, TimeSeries

from dashboards.palette import NEUTRAL, SAFE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.modernize import Json

NO_DATA: Final = "no data yet"
DASHED: Final = {"dash": [8, 6], "fill": "dash"}
DOTTED: Final = {"dash": [2, 6], "fill": "dash"}

Query = tuple[str, str]
"""An expression and its legend."""


class Axis(NamedTuple):
    """Where the axis ends: always there (`minimum`, `maximum`), or there while the values lie within (`soft_*`)."""

    minimum: float | None = 0
    maximum: float | None = None
    soft_minimum: int | None = None
    soft_maximum: int | None = None


FROM_ZERO: Final = Axis()
SHARE: Final = Axis(maximum=1)
FREE: Final = Axis(minimum=None)


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


def label_names(names: Mapping[str, str]) -> list[Json]:
    """Return the mapping that writes words for the values of a label, where a table shows it as a column."""
    options = {value: {"index": index, "text": text} for index, (value, text) in enumerate(names.items())}
    return [{"options": options, "type": "value"}]


def targets(queries: Sequence[Query], *, instant: bool = False, form: str = "time_series") -> list[Target]:
    """Return the queries as targets A, B, C and so on."""
    return [
        Target(expr=expr, legendFormat=legend, refId=chr(ord("A") + index), instant=instant, format=form)
        for index, (expr, legend) in enumerate(queries)
    ]


def override(name: str, properties: dict[str, Any]) -> Json:
    """Return settings for the field of this name."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def line(name: str, color: str, **custom: object) -> Json:
    """Return the colour of one line, and further drawing settings as `lineStyle=DASHED`."""
    settings = {f"custom.{key}": value for key, value in custom.items()}
    return override(name, {"color": {"fixedColor": color, "mode": "fixed"}} | settings)


def named_lines(names: Mapping[str, tuple[str, str]]) -> list[Json]:
    """Return words and colours for lines whose legend is a label's value: value to (words, colour)."""
    return [
        override(value, {"displayName": words, "color": {"fixedColor": color, "mode": "fixed"}})
        for value, (words, color) in names.items()
    ]


def band(lower: str, upper: str, color: str) -> list[Json]:
    """Return the settings that draw two lines as the edges of a filled band, out of the legend."""
    edge = {"lineWidth": 0, "hideFrom": {"legend": True, "tooltip": False, "viz": False}}
    return [line(lower, color, **edge), line(upper, color, **edge, fillBelowTo=lower, fillOpacity=20)]


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
    none: str = NO_DATA,
    names_only: bool = False,
) -> Stat:
    """Return a big number that shows the present value; `none` stands there where is no sample."""
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
        textMode="name" if names_only else "auto",
        noValue=none,
    )


def time_series(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    *,
    axis: Axis = FROM_ZERO,
    decimals: int | None = None,
    thresholds: list[Json] | None = None,
    overrides: list[Json] | None = None,
    stacked: bool = False,
    filled: bool = True,
    none: str = NO_DATA,
) -> TimeSeries:
    """Return lines over time.

    Args:
        title: Of the panel.
        description: Of the panel.
        queries: Expressions with their legends.
        unit: As Grafana names it.
        axis: Where it ends.
        decimals: Of the values; as many as they need by default.
        thresholds: Fixed limits, drawn as dashed lines.
        overrides: Settings of single lines.
        stacked: For parts that sum to a whole.
        filled: Whether the lines are lightly filled; not where a band says more.
        none: What stands there where is no sample.
    """
    limits = {"fieldConfig": {"defaults": {"min": axis.minimum, "max": axis.maximum, "noValue": none}}}
    return TimeSeries(
        title=title,
        description=description,
        targets=targets(queries),
        unit=unit,
        valueDecimals=decimals,
        axisSoftMin=axis.soft_minimum,
        axisSoftMax=axis.soft_maximum,
        colorMode=SAFE,
        fillOpacity=60 if stacked else 10 if filled else 0,
        stacking={"group": "A", "mode": "normal"} if stacked else {},
        showPoints="never",
        tooltipMode="multi",
        tooltipSort="desc",
        thresholds=thresholds or [],
        thresholdsStyleMode="dashed" if thresholds else "off",
        overrides=overrides or [],
        extraJson=limits,
    )


def state_timeline(
    title: str, description: str, queries: Sequence[Query], mappings: list[Json], none: str = NO_DATA
) -> StateTimeline:
    """Return one bar per series that changes its colour and word with its value."""
    defaults = {"noValue": none, "unit": "none", "thresholds": {"mode": "absolute", "steps": steps(NEUTRAL)}}
    return StateTimeline(
        title=title,
        description=description,
        targets=targets(queries),
        mappings=mappings,
        showValue="auto",
        extraJson={"fieldConfig": {"defaults": defaults}},
    )
