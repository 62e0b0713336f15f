"""Looks between two grid rows: what they are compared with, and how many more peaks they find.

A feature looks back over about as long as a step, so a look right after a grid row sees nearly what that row saw. If the
row counted in full as the past of the look, every lone blip would be seen twice, which no grid row ever shows. A look
is therefore compared with what there was whole steps before it, between one row and the next: then it is a row of a
grid that is shifted against ours, and as probable as a row. What remains is that there are more such rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_sidecar.features import Array
from ml_sidecar.models.anomaly.arrays import window_mean

_PEAK = 3.0
"""Peaks that matter lie about so many standard deviations out."""
_OVERSHOOT = 0.583
"""Siegmund, Sequential Analysis (1985), chapter 10: what a walk in steps misses of the peaks between them."""
_RARE_TWICE = 2.0
"""Two rare events lie within one of all windows twice as often as within one of the grid's (the scan statistic)."""


@dataclass(frozen=True)
class Moment:
    """When a row is judged.

    Attributes:
        phase: time since the last grid row as a share of a step; 1 is the next row, whose past are the rows themselves.
        peaks: how many times as many peaks there are at such moments as on grid rows.
        bursts: the same for single views far beyond all habit.
    """

    phase: float = 1.0
    peaks: float = 1.0
    bursts: float = 1.0


ON_GRID = Moment()


def moment(phase: float, interval: float) -> Moment:
    """A look between grid rows.

    The mean of noise over a window that slides exceeds u standard deviations u^2 exp(-.583 u sqrt(2 s)) times as often as
    over windows side by side, s being the part of the window by which it slides from look to look: 5 times at u = 3 with
    20 looks a window. For k rare events within a window it is k times.

    Args:
        phase: time since the last grid row as a share of a step.
        interval: time between looks as a share of a step; from 1 on looks are rows.
    """
    if interval >= 1.0:
        return ON_GRID
    peaks = _PEAK**2 * float(np.exp(-_OVERSHOOT * _PEAK * np.sqrt(2.0 * interval)))
    return Moment(phase if 0.0 < phase < 1.0 else 1.0, max(1.0, peaks), _RARE_TWICE)


def slid(rows: Array, former: Array, phase: float) -> Array:
    """Rows as they were at a phase of the step between the ones before and them."""
    return rows if phase == 1.0 else np.asarray(former + phase * (rows - former))


def slid_mean(past: Array, rows: int, width: int, phase: float) -> Array:
    """Mean of each of the last rows and the `width` - 1 before it, these at a phase of the step, (T, N).

    Args:
        past: (L, N), L >= width + 1 where the phase is below 1.
        rows: T; 1 where the phase is below 1.
        width: rows of the window.
        phase: see `Moment`.
    """
    mean = window_mean(past[-rows - width + 1 :], width)
    return mean if phase == 1.0 else mean + (1.0 - phase) * (past[-1 - width] - past[-2]) / width
