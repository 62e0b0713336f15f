from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_sidecar.errors import NotEnoughDataError, NotTrainedError
from ml_sidecar.features import Entity, Window
from ml_sidecar.models.base import PatternModel
from ml_sidecar.models.pattern.behaviour import TRAITS
from ml_sidecar.models.pattern.names import names
from ml_sidecar.models.pattern_clusterer import PatternClusterer
from tests.ml_sidecar.fleets import DAY_ROWS, FEATURES, fleet, window


def last_day(history: Window) -> Window:
    """The last 24 hours."""
    return history.between(history.end - 86400 + history.step, history.end)


def tempers(days: int = 8, seed: int = 0) -> Window:
    """Twelve APIs: four steady, four with a strong daily rhythm, four with bursts of errors every day."""
    rng = np.random.default_rng(seed)
    rows = days * DAY_ROWS
    wave = np.sin(2 * np.pi * np.arange(rows) / DAY_ROWS)[:, None]
    strength = np.repeat([0.0, 0.6, 0.0], 4)
    latency = np.repeat([0.1, 0.5, 2.0, 8.0], 3)[rng.permutation(12)] * (1 + strength * wave)
    latency = latency * np.exp(0.03 * rng.normal(size=(rows, 12)))
    traffic = 4 * (1 + strength * wave) + 0.05 * rng.normal(size=(rows, 12))
    success = np.full((rows, 12), 100.0)
    burst = (np.arange(rows) % DAY_ROWS) < 24
    success[burst, 8:] = 40.0
    return window(np.stack([success, latency, traffic], axis=2))


@pytest.fixture(scope="module")
def model() -> PatternClusterer:
    """Fitted on the three tempers."""
    clusterer = PatternClusterer(FEATURES)
    clusterer.fit(tempers())
    return clusterer


def named(model: PatternClusterer, history: Window) -> list[str | None]:
    """Name of the pattern of each API over the last day."""
    patterns = model.assign(last_day(history))
    return [patterns.names[i] if i >= 0 else None for i in patterns.assigned]


def test_tempers_are_found_and_named(model: PatternClusterer) -> None:
    """APIs that behave alike share a pattern, whose name says how they behave."""
    assert named(model, tempers(seed=1)) == ["steady"] * 4 + ["daily rhythm"] * 4 + ["error bursts"] * 4


def test_size_does_not_matter(model: PatternClusterer) -> None:
    """APIs a hundred times as slow with ten times the traffic get the same patterns."""
    history = tempers()
    before = named(model, history)
    history.values[:, :, 1] *= 100
    history.values[:, :, 2] *= 10
    other = PatternClusterer(FEATURES)
    other.fit(history)
    assert named(other, history) == before


def test_alike_apis_are_one_pattern() -> None:
    """Where nothing separates the days, there is one pattern, and it is called steady."""
    history = tempers()
    alike = PatternClusterer(FEATURES)
    alike.fit(history.of(history.entities[:4]))
    assert alike.names == ("steady",)


def test_an_outage_changes_the_pattern(model: PatternClusterer) -> None:
    """A steady API that fails for two hours shows error bursts that day."""
    history = tempers()
    history.values[-60:-36, 0, 0] = 0.0
    assert named(model, history)[0] == "error bursts"


def test_silent_and_new_apis(model: PatternClusterer) -> None:
    """An API without values has no pattern; one the model has never seen gets one from its behaviour."""
    history = last_day(tempers())
    history.values[:, 0] = np.nan
    renamed = Window(
        history.start,
        history.step,
        tuple(Entity(f"new{i}", "test") for i in range(12)),
        history.features,
        history.values,
    )
    patterns = model.assign(renamed)
    assert patterns.assigned[0] == -1
    assert patterns.names[patterns.assigned[5]] == "daily rhythm"


def test_held_out_accuracy_and_card(model: PatternClusterer) -> None:
    """The card states how far held-out days keep their pattern, and how many days show each."""
    card = model.describe()
    assert card.name == "pattern_clusterer"
    assert card.accuracy > 0.95
    assert sum(card.details["patterns"].values()) == card.details["api_days"] == 12 * 8
    assert isinstance(model, PatternModel)


def test_names_survive_retraining(model: PatternClusterer) -> None:
    """A pattern that the former model knew keeps its name, whatever the new one would call it."""
    former = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    former._names = ("alpha", "beta", "gamma")
    later = PatternClusterer(FEATURES)
    later.fit(tempers(seed=2))
    later.inherit_names(former)
    assert sorted(later.names) == ["alpha", "beta", "gamma"]
    assert named(later, tempers()) == named(former, tempers())


def test_same_history_same_model() -> None:
    """Two fits on the same history, one through a pickle, answer the same."""
    one, other = PatternClusterer(FEATURES), PatternClusterer(FEATURES)
    one.fit(fleet(8, 6))
    other.fit(fleet(8, 6))
    one = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own bytes
    assert np.array_equal(one._centres, other._centres)
    assert one.names == other.names


def test_excluded_rows_are_not_learnt() -> None:
    """What happened in an excluded span makes no pattern."""
    history = tempers().of(tempers().entities[:4])
    excluded = np.zeros(history.values.shape[:2], dtype=bool)
    excluded[-100:-40] = True
    history.values[-100:-40, :, 0] = 0.0
    clusterer = PatternClusterer(FEATURES)
    clusterer.fit(history, excluded)
    assert clusterer.names == ("steady",)


def test_what_cannot_be_done_is_said() -> None:
    """Asking an untrained model, or training on nothing or on the wrong features, is a clear error."""
    clusterer = PatternClusterer(FEATURES)
    history = fleet(2, 2)
    with pytest.raises(NotTrainedError):
        clusterer.assign(history)
    with pytest.raises(NotTrainedError):
        clusterer.describe()
    with pytest.raises(NotEnoughDataError):
        clusterer.fit(window(np.full((288, 2, 3), np.nan)))
    with pytest.raises(ValueError, match="lacks the feature 'requests_per_minute'"):
        clusterer.fit(window(history.values[:, :, :2], ("success_rate", "response_time")))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.floats(-1, 1), min_size=len(TRAITS), max_size=len(TRAITS)), min_size=1, max_size=8)
)
def test_every_pattern_has_a_name_of_its_own(centres: list[list[float]]) -> None:
    """Whatever the groups look like, each has a name and no two share one."""
    given_names = names(np.array(centres))
    assert len(set(given_names)) == len(centres)
    assert all(given_names)
