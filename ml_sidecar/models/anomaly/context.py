"""What is known of every series when a block begins; frozen until the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array

EDGES = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.995)
"""Quantiles that part the levels of a series into twelve bins."""

UNKNOWN = 1e30
"""A squared distance no known stretch has."""


@dataclass(frozen=True)
class Context:
    """Arrays over N series on the last axis; NaN where nothing is known. S is the number of slots in a block.

    Attributes:
        expected: (S, N), value that is normal then.
        spread: (S, N), usual deviation from it.
        quarter: (S, N), quarter of the local day, 0 to 3.
        floor: (N,), least spread worth speaking of.
        width: (N,), 5 to 95 % range of 14 days.
        high: (N,), highest value of 28 days, the highest day left out.
        low: (N,), likewise lowest.
        long_mean: (N,), mean of 28 days.
        long_std: (N,), standard deviation of 28 days.
        short_mean: (N,), usual improbability over the short window.
        short_std: (N,), its standard deviation.
        mean_mad: (2, N), usual size of z's mean over 1 h and 4 h.
        jump_mad: (N,), usual size of a change.
        rough_median: (N,), usual log roughness.
        rough_mad: (N,), its spread.
        far_median: (N,), usual distance to earlier stretches.
        edges: (11, N), bounds of the level bins.
        table: (4, 12, 12, N), -log share of a level after a level, by quarter of the day.
        usual_rarity: (N,), its mean.
        stretches: (K, N), means over half an hour less `anchor`, 15 minutes apart, newest last; beyond the root of
            `UNKNOWN` where nothing is known. Single precision: this is the largest array of all.
        anchor: (N,), a usual value, so that single precision is spent on differences.
        days: days of candidates in `stretches`.
        slots_a_day: candidates of a day.
    """

    expected: Array
    spread: Array
    quarter: NDArray[np.intp]
    floor: Array
    width: Array
    high: Array
    low: Array
    long_mean: Array
    long_std: Array
    short_mean: Array
    short_std: Array
    mean_mad: Array
    jump_mad: Array
    rough_median: Array
    rough_mad: Array
    far_median: Array
    edges: Array
    table: Array
    usual_rarity: Array
    stretches: NDArray[np.float32]
    anchor: Array
    days: int
    slots_a_day: int
