from __future__ import annotations

import numpy as np
import pytest

from ml_sidecar.drift import population_stability
from ml_sidecar.features import Feature, Window
from tests.ml_sidecar.fleets import DAY_ROWS, FEATURES, fleet, window


def split(history: Window) -> tuple[Window, Window]:
    """The last day, and what came before."""
    border = history.end - 86400.0
    return history.between(border + 300.0, history.end), history.between(history.start, border)


def test_the_same_behaviour_is_no_drift() -> None:
    """A further day like those before stays well below 0.1 for every feature."""
    assert (population_stability(*split(fleet()), FEATURES) < 0.1).all()


@pytest.mark.parametrize(("feature", "factor"), [(0, 0.95), (1, 1.5), (2, 0.5)])
def test_a_changed_feature_drifts_alone(feature: int, factor: float) -> None:
    """A feature whose values have moved in all APIs exceeds 0.2, the others do not."""
    history = fleet()
    history.values[-DAY_ROWS:, :, feature] *= factor
    drift = population_stability(*split(history), FEATURES)
    assert drift[feature] > 0.2
    assert (np.delete(drift, feature) < 0.1).all()


def test_new_and_vanished_apis_do_not_count() -> None:
    """A new API of quite another size is no drift of the features."""
    recent, before = split(fleet())
    strange = fleet(7)
    strange.values[:, 6] *= 30
    drift = population_stability(split(strange)[0], before, FEATURES)
    assert drift == pytest.approx(
        population_stability(split(strange)[0].of(recent.entities), before, FEATURES)
    )


def test_too_few_values_give_no_figure() -> None:
    """Less than a hundred values on one side say nothing: NaN."""
    recent, before = split(fleet())
    assert np.isnan(
        population_stability(recent.between(recent.start, recent.start + 600), before, FEATURES)
    ).all()
    assert np.isnan(population_stability(recent.of([]), before.of([]), FEATURES)).all()


def test_a_constant_feature_that_starts_to_move_drifts() -> None:
    """A feature that never varied and has no smallest deviation drifts once it moves, and not before."""
    feature, values = Feature("version"), np.full((4 * DAY_ROWS, 2, 1), 7.0)
    assert population_stability(*split(window(values, ("version",))), [feature])[0] == pytest.approx(
        0, abs=0.01
    )
    values[-DAY_ROWS:] = 8.0
    assert population_stability(*split(window(values, ("version",))), [feature])[0] > 0.2


def test_size_does_not_matter() -> None:
    """An API a thousand times as slow as the others counts for no more than they do."""
    relative = [Feature("response_time", smallest_deviation_ratio=0.1)]
    history = fleet()
    history.values[-DAY_ROWS:, :, 1] *= 1.1
    before = population_stability(*split(history), relative)
    history.values[:, 0, 1] *= 1000
    assert population_stability(*split(history), relative) == pytest.approx(before, rel=0.01)
