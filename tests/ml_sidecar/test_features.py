"""The feature matrix: cleaning, slicing, columns."""

from __future__ import annotations

import numpy as np
import pytest

from ml_sidecar.features import Entity, Feature, Window, clean

A, B = Entity("a", "test"), Entity("b", "test")


def window(rows: int = 6) -> Window:
    """Two APIs, one feature, values counting up."""
    values = np.arange(rows * 2, dtype=float).reshape(rows, 2, 1)
    return Window(600.0, 300.0, (A, B), ("x",), values)


def test_infinite_and_out_of_range_values_become_absent_and_are_counted() -> None:
    """A value that cannot be true never reaches a model, and its loss is visible."""
    features = [Feature("rate", minimum=0.0, maximum=100.0), Feature("time", minimum=0.0)]
    values = np.array([[100.0 + 1e-8, 0.1], [np.inf, -np.inf], [101.0, -0.1], [np.nan, np.nan]])
    cleaned, rejected = clean(values, features)
    np.testing.assert_array_equal(cleaned, [[100.0, 0.1], [np.nan] * 2, [np.nan] * 2, [np.nan] * 2])
    assert rejected.tolist() == [2, 2]


def test_between_takes_both_ends_and_never_more() -> None:
    """A span of time gives the rows on its ends and those between."""
    part = window().between(900.0, 1500.0)
    assert part.times.tolist() == [900.0, 1200.0, 1500.0]
    assert window().between(901.0, 1199.0).times.tolist() == []
    assert window().between(0.0, 1e9).times.tolist() == window().times.tolist()


def test_of_reorders_adds_and_drops_columns() -> None:
    """Columns follow the APIs asked for; an unknown one is absent, not zero."""
    part = window(2).of([B, Entity("new", "test")])
    np.testing.assert_array_equal(part.values[:, :, 0], [[1.0, np.nan], [3.0, np.nan]])


def test_a_wrong_shape_is_refused() -> None:
    """Values must fit the APIs and features they claim to be of."""
    with pytest.raises(ValueError, match=r"shape \(1, 1, 1\), expected \(T, 2, 1\)"):
        Window(0.0, 300.0, (A, B), ("x",), np.zeros((1, 1, 1)))


def test_rows_counts_api_rows_that_say_anything() -> None:
    """A row in which an API reported nothing is no training sample."""
    values = window(3).values.copy()
    values[0] = np.nan
    assert Window(0.0, 300.0, (A, B), ("x",), values).rows == 4
