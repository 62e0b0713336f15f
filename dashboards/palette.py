"""Colours that people with any kind of colour vision tell apart.

The palette is Okabe and Ito's (2008, https://jfly.uni-koeln.de/color/), known from Wong, "Points of view: Color
blindness", Nature Methods 8, 441 (2011). Good and bad are blue and vermillion, never green and red, and a word or a
line's dashes stand beside every colour that means something. Lines of which nobody knows the number beforehand take
Grafana's own safe palette, which is the same one.
"""

from __future__ import annotations

from typing import Final

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
SKY: Final = "#56B4E9"
PURPLE: Final = "#CC79A7"

GOOD: Final = BLUE
WARN: Final = ORANGE
BAD: Final = VERMILLION
NEUTRAL: Final = "text"
"""The theme's colour of text: for what is neither good nor bad."""

SAFE: Final = "palette-colorblind"
"""Grafana 13's mode of this palette. A Grafana that does not know it paints every line in the base threshold's colour."""
