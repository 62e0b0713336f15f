from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from ml_sidecar.errors import NotEnoughDataError, NotTrainedError
from ml_sidecar.features import Entity, Feature, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.base import ForecastModel
from ml_sidecar.models.forecast.history import Clock, History
from ml_sidecar.models.performance_predictor import PerformancePredictor
from ml_sidecar.results import Forecasts, Thresholds
from tests.ml_sidecar.fleets import DAY_ROWS, LATENCY, STEP, SUCCESS, entities, fleet, window

HOURS = (3600.0, 7200.0, 10800.0)
FIELDS = ("predicted", "lower", "upper", "confidence")


@pytest.fixture(scope="module")
def history() -> Window:
    """Seven days of six APIs."""
    return fleet(6, 7)


@pytest.fixture(scope="module")
def trained(history: Window) -> PerformancePredictor:
    """Fitted on the first six days."""
    predictor = PerformancePredictor([SUCCESS, LATENCY])
    predictor.fit(history.between(history.start, history.start + 6 * 86400 - STEP))
    return predictor


@pytest.fixture
def predictor(trained: PerformancePredictor) -> PerformancePredictor:
    """A copy that a test may walk on."""
    return copy(trained)


def copy(predictor: PerformancePredictor) -> PerformancePredictor:
    """The same model and state, through a pickle as the store does it."""
    restored: PerformancePredictor = pickle.loads(pickle.dumps(predictor))  # noqa: S301 - our own bytes
    return restored


def after(history: Window, predictor: PerformancePredictor, rows: int = 10**9) -> Window:
    """The rows of history that the predictor does not know yet."""
    return history.between(predictor.clock + STEP, min(history.end, predictor.clock + rows * STEP))


def same(one: Forecasts, other: Forecasts) -> bool:
    """Equal bit for bit."""
    return one.entities == other.entities and all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in FIELDS
    )


def test_forecasts_beat_naive_ones_and_intervals_hold(trained: PerformancePredictor) -> None:
    """On time it had not seen, latency forecasts beat both naive ones and nine values in ten lie in the interval."""
    assert trained.skill["response_time"] > 0.1
    assert 0.86 < trained.coverage["response_time"] < 0.94
    assert trained.coverage["success_rate"] > 0.86


def test_card_states_what_was_measured(trained: PerformancePredictor) -> None:
    """The card holds accuracy, skill, coverage and a Brier score no worse than that of the base rate."""
    card = trained.describe()
    assert card.name == "performance_predictor"
    assert card.algorithm == "RandomForestRegressor"
    assert 0.5 < card.accuracy <= 1
    for feature in ("success_rate", "response_time"):
        assert card.details["brier"][feature] <= card.details["brier_of_base_rate"][feature] + 0.01
    assert isinstance(trained, ForecastModel)


def test_every_api_gets_forecasts_in_order_and_range(trained: PerformancePredictor) -> None:
    """Every API, feature and horizon has a forecast inside its interval, inside the valid range."""
    forecasts = trained.predict()
    assert forecasts.predicted.shape == (6, 2, 3)
    assert forecasts.horizons == HOURS
    assert (forecasts.lower <= forecasts.predicted).all()
    assert (forecasts.predicted <= forecasts.upper).all()
    assert (forecasts.lower >= 0).all()
    assert (forecasts.upper[:, 0] <= 100).all()
    assert ((forecasts.confidence > 0) & (forecasts.confidence < 1)).all()
    assert np.isnan(forecasts.breach_probability).all()


def test_forecasts_do_not_know_the_future(history: Window, predictor: PerformancePredictor) -> None:
    """Forecasts made on the way are the same, bit for bit, whatever comes later and however the rows arrive."""
    rest = after(history, predictor)
    spoiled = replace(rest, values=rest.values.copy())
    spoiled.values[150:] *= 7.0
    piecewise, cut = copy(predictor), copy(predictor)
    seen = []
    for i in range(150):
        at = rest.start + i * STEP
        piecewise.walk(rest.between(at, at))
        seen.append(piecewise.predict())
    cut.walk(rest.between(rest.start, rest.start + 149 * STEP))
    assert same(cut.predict(), seen[-1])
    predictor.walk(spoiled.between(rest.start, rest.start + 99 * STEP))
    assert same(predictor.predict(), seen[99])
    predictor.walk(spoiled.between(predictor.clock + STEP, spoiled.end))
    cut.walk(after(history, cut))
    assert not same(predictor.predict(), cut.predict())


def test_asking_changes_nothing(history: Window, predictor: PerformancePredictor) -> None:
    """Forecasts asked for in between leave later ones as they are."""
    quiet = copy(predictor)
    for model in (quiet, predictor):
        model.walk(after(history, model, 7))
    assert same(predictor.predict(), predictor.predict())
    for model in (quiet, predictor):
        model.walk(after(history, model, 50))
    assert same(quiet.predict(), predictor.predict())


def test_same_history_same_model() -> None:
    """Two fits on the same history give the same forecasts."""
    short = fleet(2, 3)
    one, other = (PerformancePredictor([LATENCY], seed=3) for _ in range(2))
    one.fit(short)
    other.fit(short)
    assert same(one.predict(), other.predict())


def test_replay_is_the_fit(history: Window) -> None:
    """Replay hands out one forecast per half hour, none of which a longer history would have changed."""
    whole = history.of(history.entities[:2]).between(history.start, history.start + 2.5 * 86400)
    first_fit = whole.start + 300 * STEP
    cut = whole.between(whole.start, first_fit + 3600)
    long = list(PerformancePredictor([LATENCY]).replay(whole))
    short = list(PerformancePredictor([LATENCY]).replay(cut))
    assert short[-1].issued_at > first_fit
    assert [f.issued_at % 1800 for f in long] == [0] * len(long)
    assert len(long) >= 2.5 * 48
    assert all(same(one, other) for one, other in zip(long, short, strict=False))


def test_apis_come_and_go(history: Window, predictor: PerformancePredictor) -> None:
    """A new API starts from its last value with a wide interval; a silent one has no forecast after an hour."""
    rest = after(history, predictor, 24)
    values = np.full((24, 8, 3), np.nan)
    values[:, :5] = rest.values[:, 1:]
    values[-3:, 5] = [[99.0, 0.2, 4.0], [99.0, 0.2, 4.0], [98.0, 0.25, 4.0]]
    newcomer, mute = Entity("new", "test"), Entity("mute", "test")
    names = (*rest.entities[1:], newcomer, mute, rest.entities[0])
    predictor.walk(replace(rest, entities=names, values=values))
    forecasts = predictor.predict()
    at = {entity: i for i, entity in enumerate(forecasts.entities)}
    new = forecasts.predicted[at[newcomer]]
    assert new == pytest.approx(np.array([[98.0] * 3, [0.25] * 3]))
    assert (forecasts.upper[at[newcomer], 1] - new[1] > 0.02).all()
    assert np.isnan(forecasts.predicted[at[mute]]).all()
    assert np.isnan(forecasts.confidence[at[mute]]).all()
    assert np.isnan(forecasts.predicted[at[rest.entities[0]]]).all()
    assert np.isfinite(forecasts.predicted[at[rest.entities[3]]]).all()


def test_company_does_not_matter_for_state(history: Window, predictor: PerformancePredictor) -> None:
    """The order of APIs in a window changes no forecast."""
    other = copy(predictor)
    rest = after(history, predictor, 30)
    predictor.walk(rest)
    other.walk(rest.of(rest.entities[::-1]))
    assert same(predictor.predict(), other.predict())


def test_long_gone_apis_are_forgotten() -> None:
    """An API silent for more than a week is dropped."""
    short = fleet(2, 1)
    model = PerformancePredictor([LATENCY])
    model.fit(short)
    later = Window(short.end + 8 * 86400, STEP, short.entities[:1], short.features, short.values[:5, :1])
    model.walk(later)
    model.walk(replace(later, start=later.end + STEP))
    assert model.predict().entities == short.entities[:1]


def test_missing_rows_count_as_absent(history: Window, predictor: PerformancePredictor) -> None:
    """A gap in the grid is the same as rows without values."""
    rest = after(history, predictor, 60)
    values = rest.values.copy()
    values[20:40] = np.nan
    explicit = copy(predictor)
    explicit.walk(replace(rest, values=values))
    predictor.walk(rest.between(rest.start, rest.start + 19 * STEP))
    predictor.walk(rest.between(rest.start + 40 * STEP, rest.end))
    assert same(explicit.predict(), predictor.predict())


def test_excluded_rows_are_not_learnt() -> None:
    """Values in excluded spans change nothing."""
    short = fleet(2, 3)
    excluded = np.zeros(short.values.shape[:2], dtype=bool)
    excluded[300:400, 0] = True
    spoiled = replace(short, values=np.where(excluded[:, :, None], 77.0, short.values))
    models = [PerformancePredictor([LATENCY]) for _ in range(2)]
    for model, rows in zip(models, (short, spoiled), strict=True):
        model.fit(rows, excluded)
    assert same(models[0].predict(), models[1].predict())


def test_a_constant_is_forecast_exactly() -> None:
    """An API that always answers 100 % is forecast at 100 %, and its interval holds."""
    model = PerformancePredictor([SUCCESS])
    model.fit(window(np.full((3 * DAY_ROWS, 2, 1), 100.0), ("success_rate",)))
    assert (model.predict().predicted == 100.0).all()
    assert model.coverage["success_rate"] == 1.0
    assert (model.predict().confidence > 0.95).all()


def thresholds(critical: float, feature: str = "success_rate") -> Thresholds:
    """A lower critical threshold for the first API only."""
    lower = np.full((1, 1, 2), critical)
    return Thresholds(entities(1), (feature,), lower, np.full((1, 1, 2), np.nan), np.zeros((1, 1, 2)))


def test_breach_probability(trained: PerformancePredictor) -> None:
    """The nearer the critical threshold, the likelier the breach; without a threshold there is no figure."""
    forecasts = trained.predict()
    chances = [
        trained.breach_probability(forecasts, thresholds(x)).breach_probability for x in (0, 99.9, 100.1)
    ]
    assert chances[0][0, 0].max() < 0.02
    assert (chances[0][0, 0] <= chances[1][0, 0]).all()
    assert chances[2][0, 0].min() > 0.95
    assert np.isnan(chances[0][1:]).all()
    assert np.isnan(chances[0][0, 1]).all()


def test_breach_probability_of_old_forecasts_is_refused(
    history: Window, predictor: PerformancePredictor
) -> None:
    """Forecasts of an earlier row cannot be judged by the present state."""
    old = predictor.predict()
    predictor.walk(after(history, predictor, 1))
    with pytest.raises(ValueError, match="present row"):
        predictor.breach_probability(old, thresholds(90.0))


def test_profile_follows_the_local_clock() -> None:
    """A job that runs at nine local time is expected at nine after the clocks have changed."""
    zone = LocalTime("Europe/Lisbon")
    step, apis = 1800.0, entities(1)
    memory = History(Clock(step, HOURS), 1)
    times = 1_792_000_000.0 // step * step + step * np.arange(48 * 14)
    local = zone.local(times, apis)
    assert len(set((local[:, 0] - times).tolist())) == 2
    for moment in local:
        memory.look_ahead() if np.isfinite(memory.local).all() else None
        if memory.known[0] > 48 * 10:
            expected = memory.season(memory.seasons.profile, step)[0]
            assert expected == pytest.approx(float(moment[0] // 3600 % 24 == 9), abs=0.01)
        memory.push((moment // 3600 % 24 == 9).astype(float), moment)


def test_what_cannot_be_done_is_said(history: Window, predictor: PerformancePredictor) -> None:
    """Windows of another grid, feature set or time, no history, and impossible horizons are clear errors."""
    with pytest.raises(ValueError, match=r"step of 60.0 s, the model one of 300.0 s"):
        predictor.walk(replace(history, step=60.0))
    with pytest.raises(ValueError, match=r"not after"):
        predictor.walk(history)
    with pytest.raises(ValueError, match=r"lacks the feature 'cpu'"):
        PerformancePredictor([Feature("cpu")]).fit(history)
    with pytest.raises(NotEnoughDataError):
        PerformancePredictor([LATENCY]).fit(replace(history, values=np.full_like(history.values, np.nan)))
    with pytest.raises(NotTrainedError):
        PerformancePredictor([LATENCY]).describe()
    with pytest.raises(ValueError, match="horizons must rise"):
        PerformancePredictor([LATENCY], horizons=(7200, 3600))
