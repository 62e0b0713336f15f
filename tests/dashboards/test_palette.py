"""What people with each kind of colour vision see of the colours that stand beside each other in one panel."""

from __future__ import annotations

import itertools
import re
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboards import generate
from dashboards.palette import SAFE
from tests.dashboards.asked import data_panels, walk

Vector = NDArray[np.float64]

SEEN_BY: Final = {
    "all cones": np.eye(3),
    "protanopes": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopes": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopes": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Linear RGB to what is seen of it, at severity 1; Machado, Oliveira and Fernandes (2009), table 1."""
FROM_RGB: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE: Final = np.array([0.95047, 1.0, 1.08883])
TOLD_APART: Final = 15.0
"""Distance in CIE L*a*b* of 1976; about 2 is the smallest that anybody sees between neighbours, and lines are thin."""
DARK: Final = "#181B1F"
"""Background of a panel in Grafana's default theme."""


def linear(color: str) -> Vector:
    """Linear RGB of #RRGGBB."""
    value = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4))


def lab(rgb: Vector) -> Vector:
    """L*a*b* of linear RGB."""
    x, y, z = FROM_RGB @ np.clip(rgb, 0, 1) / WHITE
    fx, fy, fz = (np.cbrt(v) if v > (6 / 29) ** 3 else v / (3 * (6 / 29) ** 2) + 4 / 29 for v in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def distance(one: str, other: str) -> float:
    """The distance between two colours for whoever sees it smallest."""
    return min(
        float(np.linalg.norm(lab(sight @ linear(one)) - lab(sight @ linear(other))))
        for sight in SEEN_BY.values()
    )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, 1 to 21."""
    light, dark = sorted((float(FROM_RGB[1] @ linear(color)) for color in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colors(panel: dict[str, Any]) -> set[str]:
    """The colours that a panel names."""
    return {value for _, value in walk(panel) if isinstance(value, str) and re.fullmatch(r"#\w{6}", value)}


PANELS: Final = [
    pytest.param(panel, id=f"{uid}: {panel['title']}")
    for uid, board in generate.dashboards("en").items()
    for panel in data_panels(board)
    if colors(panel)
]


@pytest.mark.parametrize("panel", PANELS)
def test_colours_of_one_panel_can_be_told_apart(panel: dict[str, Any]) -> None:
    """Whoever lacks a kind of cone sees which line, word or state is meant, and sees it on the background."""
    for one, other in itertools.combinations(sorted(colors(panel)), 2):
        assert distance(one, other) > TOLD_APART, (one, other)
    for color in colors(panel):
        assert contrast(color, DARK) > 3, color


def test_grafana_s_green_and_red_would_not_pass() -> None:
    """The limit is one that the usual colours fail."""
    assert distance("#73BF69", "#F2495C") < TOLD_APART


def test_nothing_takes_a_named_colour_or_the_classic_palette() -> None:
    """Every colour that means something was checked above; lines of any number take Grafana's safe palette."""
    for uid, board in generate.dashboards("en").items():
        for path, value in walk(board):
            if path.endswith(("/color", "/fixedColor", "/iconColor")) and isinstance(value, str):
                assert re.fullmatch(r"#\w{6}|text", value), (uid, path)
            if path.endswith("/color/mode"):
                assert value in {SAFE, "thresholds", "fixed"}, (uid, path)
