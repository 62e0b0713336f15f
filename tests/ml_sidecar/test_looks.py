"""Looks between two grid rows: as unusual as a row, but for what looking often costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_sidecar.features import Array, Window
from ml_sidecar.models.anomaly.looks import ON_GRID, moment, slid_mean
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from tests.ml_sidecar.simulated import STEP, after, fleet, walked

LOOK = 15.0
PEAKS = moment(1.0, LOOK / STEP).peaks


@pytest.fixture(scope="module")
def past() -> Window:
    """Eight days of three APIs."""
    return fleet(8)


@pytest.fixture(scope="module")
def often(past: Window) -> AnomalyDetector:
    """A detector that knows them and is asked every 15 s; tests only look."""
    return walked(past, look_interval=LOOK)


def slower(past: Window, times: float) -> Array:
    """The last row once more, the first API being so many times as slow."""
    values = past.values[-1].copy()
    values[0, 1] *= times
    return values


def between(past: Window, phase: float, values: Array) -> Window:
    """What is seen at a share of the step after a window's end."""
    return Window(past.end + phase * STEP, LOOK, past.entities, past.features, values[None])


def test_a_look_must_be_rarer_than_a_row(past: Window, often: AnomalyDetector) -> None:
    """Looking 20 times a step finds 5 times as many peaks: at a row's own time E of a look is so many times as much."""
    seen = after(past, slower(past, 1.4))
    row = walked(past).walk(seen).expected_per_week[0, 0]
    look = often.score(seen).expected_per_week[0, 0]
    assert row < 1.0
    assert 5 <= PEAKS <= 6
    np.testing.assert_allclose(look, PEAKS * row, rtol=1e-12)


def test_a_gross_deviation_needs_no_second_grid_row(past: Window, often: AnomalyDetector) -> None:
    """Ten times what is worth an alarm, and beyond all habit: the first look between rows is enough."""
    assert often.score(between(past, 0.2, slower(past, 2.0))).score[0, 0] > 0.7


def test_a_lone_blip_is_not_seen_twice(past: Window) -> None:
    """Right after an unusual row the same values are as unusual as they were, not more: they are the same five minutes."""
    blip = after(past, slower(past, 1.2))
    detector = walked(past, look_interval=LOOK)
    row = detector.walk(blip).expected_per_week[0, 0]
    assert row < 20.0
    still = detector.score(between(blip, 0.01, blip.values[0])).expected_per_week[0, 0] / PEAKS
    np.testing.assert_allclose(still, row, rtol=0.02)
    later = detector.score(between(blip, 0.99, blip.values[0])).expected_per_week[0, 0] / PEAKS
    assert later < 0.7 * row
    assert detector.score(between(blip, 0.05, past.values[-1])).score[0, 0] < 0.3


def test_where_looks_are_rows_they_cost_nothing(past: Window) -> None:
    """Looking as often as the grid has rows, or more rarely, finds no more peaks."""
    seen = after(past, slower(past, 1.4))
    look = walked(past, look_interval=STEP).score(seen)
    np.testing.assert_array_equal(look.expected_per_week, walked(past).walk(seen).expected_per_week)
    assert moment(0.3, 1.0) == ON_GRID


@given(st.floats(0.001, 0.999), st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_a_look_is_compared_with_what_was_whole_steps_before(phase: float, width: int, seed: int) -> None:
    """The mean that ends in a look is taken over the look and the rows of a grid that runs through it."""
    rows = np.random.default_rng(seed).normal(size=(width + 1, 2))
    shifted = phase * rows[1:-1] + (1 - phase) * rows[:-2]
    expected = np.concatenate([shifted, rows[-1:]]).mean(axis=0)
    np.testing.assert_allclose(slid_mean(rows, 1, width, phase)[0], expected, atol=1e-12)


@given(st.floats(0.01, 2.0))
def test_the_more_often_one_looks_the_more_peaks_there_are(interval: float) -> None:
    """From no more than the grid's to no more than u^2 times as many."""
    one, finer = moment(0.5, interval), moment(0.5, interval / 2)
    assert 1.0 <= one.peaks <= finer.peaks <= 9.0
