from __future__ import annotations

import numpy as np
import pytest

from ml_sidecar.drift import population_stability
from ml_sidecar.features import Window
from tests.ml_sidecar.fleets import DAY_ROWS, FEATURES, fleet


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
