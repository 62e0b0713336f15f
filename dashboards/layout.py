"""Panels side by side on Grafana's grid of 24 columns, so that nobody writes coordinates by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attr
from grafanalib.core import GridPos, RowPanel

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def section(
    title: str, panels: Sequence[Sized], top: int, height: int, *, collapsed: bool = False
) -> tuple[list[Any], int]:
    """Place a row header and its panels below it; a collapsed row holds them until someone opens it."""
    placed, bottom = flow(panels, top + 1, height)
    header = RowPanel(
        title=title,
        collapsed=collapsed,
        panels=placed if collapsed else [],
        gridPos=GridPos(h=1, w=COLUMNS, x=0, y=top),
    )
    return ([header], top + 1) if collapsed else ([header, *placed], bottom)
