"""Panels side by side on Grafana's grid of 24 columns, so that nobody writes coordinates by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import attr
from grafanalib.core import GridPos, Repeat, RowPanel

COLUMNS: Final = 24

Sized = tuple[Any, int]
"""A grafanalib panel and its width in columns."""


def flow(panels: Sequence[Sized], top: int, height: int) -> tuple[list[Any], int]:
    """Place panels of one height from left to right, starting a new line where the next would not fit.

    Args:
        panels: What to place.
        top: First free grid line.
        height: Height of each panel in grid units.

    Returns:
        The panels with their positions, and the first free line below them.
    """
    placed, left = [], 0
    for panel, width in panels:
        if left + width > COLUMNS:
            left, top = 0, top + height
        placed.append(attr.evolve(panel, gridPos=GridPos(h=height, w=width, x=left, y=top)))
        left += width
    return placed, top + height


class Section(NamedTuple):
    """A row of panels of one height under one title.

    Attributes:
        title: Of the row.
        panels: From left to right, in as many lines as they take.
        height: Of each panel, in grid units.
        collapsed: Whether the row is closed at first, for what is rarely asked for.
        repeat: The variable for each of whose chosen values the row is drawn once.
    """

    title: str
    panels: Sequence[Sized]
    height: int = 8
    collapsed: bool = False
    repeat: str | None = None


def place(sections: Sequence[Section]) -> list[Any]:
    """Return the panels and row headers of all sections, one section below the other."""
    panels: list[Any] = []
    top = 0
    for section in sections:
        placed, bottom = flow(section.panels, top + 1, section.height)
        header = RowPanel(
            title=section.title,
            collapsed=section.collapsed,
            panels=placed if section.collapsed else [],
            repeat=Repeat(variable=section.repeat),
            gridPos=GridPos(h=1, w=COLUMNS, x=0, y=top),
        )
        panels += [header] if section.collapsed else [header, *placed]
        top = top + 1 if section.collapsed else bottom
    return panels
