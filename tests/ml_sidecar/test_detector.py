"""The detector as a whole: one answer however it is asked, and what it says about plain incidents."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_sidecar.episodes import EpisodeTracker
from ml_sidecar.errors import NotEnoughDataError, NotTrainedError
from ml_sidecar.features import Entity, Feature, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.models.base import AnomalyModel
from ml_sidecar.results import Scores
from tests.ml_sidecar.simulated import (
    DAY,
    ERRORS,
    FEATURES,
    LATENCY,
    REQUESTS,
    STEP,
    after,
    fleet,
    single,
    walked,
    window,
)

ARRAYS = ("expected_per_week", "contributions", "value", "expected", "lower", "upper")


@pytest.fixture(scope="module")
def past() -> Window:
    """Eight days of three APIs."""
    return fleet(8)


@pytest.fixture(scope="module")
def knowing(past: Window) -> AnomalyDetector:
    """A detector that knows them; tests only look."""
    return walked(past)


def same(one: Scores, other: Scores) -> None:
    """Equal to the last bit."""
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def part(scores: Scores, rows: slice) -> Scores:
    """Some rows."""
    arrays = {name: getattr(scores, name)[rows] for name in ("times", *ARRAYS)}
    return Scores(entities=scores.entities, features=scores.features, **arrays)


def test_it_is_an_anomaly_model(knowing: AnomalyDetector, past: Window) -> None:
    """It stands behind the interface of all detectors and knows how far it has come."""
    assert isinstance(knowing, AnomalyModel)
    assert knowing.clock == past.end
    assert AnomalyDetector(FEATURES).clock == -np.inf


def test_the_past_does_not_change_when_the_future_is_cut_off() -> None:
    """Scores of a window that ends earlier are the same to the last bit."""
    whole = fleet(4)
    all_of_it = AnomalyDetector(FEATURES).walk(whole)
    for cut in (500, 733, 1001):
        short = AnomalyDetector(FEATURES).walk(whole.between(whole.start, whole.times[cut]))
        same(short, part(all_of_it, slice(0, cut + 1)))


def test_walking_in_pieces_and_after_a_restart_gives_the_same_scores() -> None:
    """Live, the detector moves row by row and survives on disk between rows; nothing depends on that."""
    whole = fleet(3)
    all_of_it = AnomalyDetector(FEATURES).walk(whole)
    detector = AnomalyDetector(FEATURES)
    edges = [0, 400, 401, 402, 700, len(whole.values)]
    for a, b in pairwise(edges):
        piece = whole.between(whole.times[a], whole.times[b - 1])
        same(detector.walk(piece), part(all_of_it, slice(a, b)))
        detector = pickle.loads(pickle.dumps(detector))  # noqa: S301 - written a moment ago


def test_a_look_at_a_row_scores_as_walking_it(past: Window) -> None:
    """Live scoring and replay are one computation; looking leaves no trace."""
    head, tail = past.between(past.start, past.end - STEP), past.between(past.end, past.end)
    detector = walked(head)
    before = pickle.dumps(detector)
    looked = detector.score(tail)
    assert pickle.dumps(detector) == before
    same(looked, detector.walk(tail))


def test_apis_do_not_disturb_each_other_by_their_mere_presence() -> None:
    """An API that appears later changes nothing in the rows before it."""
    two = fleet(3, apis=2)
    one = Window(two.start, two.step, two.entities[:1], two.features, two.values[:, :1])
    alone = AnomalyDetector(FEATURES).walk(one.between(one.start, one.start + 1.5 * DAY))
    detector = AnomalyDetector(FEATURES)
    first = detector.walk(one.between(one.start, one.start + 1.2 * DAY))
    late = detector.walk(two.between(first.times[-1] + STEP, two.start + 1.5 * DAY))
    assert late.entities == two.entities
    np.testing.assert_array_equal(late.score[:, 0], alone.score[len(first.times) :, 0])


def test_training_twice_gives_the_same_model_and_card() -> None:
    """The same history gives the same model, bit for bit."""
    history = fleet(4)
    one, two = AnomalyDetector(FEATURES), AnomalyDetector(FEATURES)
    one.fit(history)
    two.fit(history)
    assert one.describe() == two.describe()
    seen = after(history, history.values[5])
    same(one.score(seen), two.score(seen))


def test_the_card_tells_accuracy_on_a_day_the_model_had_not_seen() -> None:
    """Accuracy comes with its definition and its parts."""
    history = fleet(5)
    detector = AnomalyDetector(FEATURES)
    detector.fit(history)
    card = detector.describe()
    assert card.samples == history.rows
    assert 0.8 < card.accuracy <= 1
    assert "last day" in card.accuracy_definition
    assert {"quiet_hours", "found_outage", "found_step", "found_errors"} <= set(card.details)


def test_without_history_it_says_so() -> None:
    """No card before a fit, no fit on nothing."""
    detector = AnomalyDetector(FEATURES)
    with pytest.raises(NotTrainedError):
        detector.describe()
    with pytest.raises(NotEnoughDataError):
        detector.fit(fleet(0.02))


def test_a_window_from_another_grid_or_from_the_past_is_refused(
    knowing: AnomalyDetector, past: Window
) -> None:
    """State and data must fit together."""
    with pytest.raises(ValueError, match="already at"):
        knowing.walk(past)
    with pytest.raises(ValueError, match="step"):
        knowing.walk(Window(past.end + 60, 60.0, past.entities, past.features, past.values[:1]))
    with pytest.raises(ValueError, match="features"):
        knowing.score(single(np.ones(1)))


@pytest.mark.parametrize("rate", [80.0, 0.0])
def test_an_outage_scores_high_at_the_first_look(knowing: AnomalyDetector, past: Window, rate: float) -> None:
    """Success down to 80 % or to nothing: high at once for that API, no other, and the reason is success."""
    values = past.values[-1].copy()
    values[0, 0], values[0, 2] = rate, 100 - rate
    scores = knowing.score(after(past, values))
    assert scores.score[0, 0] > 0.9
    assert scores.score[0, 1:].max() < 0.5
    assert scores.contributions[0, 0, [0, 2]].sum() > 0.8
    assert scores.lower[0, 0, 0] > 90


def test_the_good_side_and_trifles_never_alarm(knowing: AnomalyDetector, past: Window) -> None:
    """Faster than ever, or slower by less than is worth an alarm."""
    values = past.values[-1].copy()
    values[0, 1] = 0.01
    assert knowing.score(after(past, values)).score[0, 0] < 0.3
    values = past.values[-1].copy()
    expected = knowing.score(after(past, values)).expected[0, 0, 1]
    values[0, 1] = expected + 0.019
    assert knowing.score(after(past, values)).score[0, 0] < 0.3


def test_contributions_sum_to_one_and_bands_lie_in_range(knowing: AnomalyDetector, past: Window) -> None:
    """Also for an API with a feature missing; one with none has no score."""
    values = past.values[-1].copy()
    values[1, 1], values[2] = np.nan, np.nan
    scores = knowing.score(after(past, values))
    np.testing.assert_allclose(scores.contributions[0, :2].sum(axis=1), 1.0)
    assert scores.contributions[0, 1, 1] == 0
    assert np.isnan(scores.score[0, 2])
    assert np.isnan(scores.contributions[0, 2]).all()
    assert (scores.lower[0, :2] >= 0).all()
    assert (scores.upper[0, :, 0] <= 100).all()
    assert (scores.lower <= scores.expected).all()


def test_usual_values_in_an_unusual_combination_score() -> None:
    """Four values that always move together, each within its band, but never seen apart; the one that left is named."""
    rng = np.random.default_rng(4)
    features = tuple(Feature(name) for name in "abcd")
    common = rng.normal(size=(288 * 14, 1, 1))
    history = window(10 + common + 0.15 * rng.normal(size=(288 * 14, 1, 4)), features)
    detector = walked(history, features)
    expected = detector.score(after(history, history.values[-1])).expected[0, 0]
    apart = detector.score(after(history, [expected + np.array([2.0, -2.0, 2.0, -2.0])]))
    inside = (apart.value >= apart.lower) & (apart.value <= apart.upper)
    assert inside.all()
    assert apart.score[0, 0] >= 0.7
    one = detector.score(after(history, [expected + np.array([0.0, 0.0, 2.0, 0.0])]))
    assert ((one.value >= one.lower) & (one.value <= one.upper)).all()
    assert one.score[0, 0] >= 0.7
    assert one.contributions[0, 0].argmax() == 2
    moved = detector.score(after(history, [expected + 2.0]))
    assert moved.score[0, 0] < 0.3


CHANGES = {
    "Europe/Lisbon": 1_792_890_000.0,
    "America/New_York": 1_793_512_800.0,
    "Australia/Sydney": 1_790_956_800.0,
    "America/Sao_Paulo": 1_792_890_000.0,
}
"""When the clocks change in autumn (north) and spring (south) 2026; in São Paulo they no longer do."""


def test_a_response_time_that_no_longer_follows_the_load_is_found_within_an_hour() -> None:
    """Both go on as ever, each within its band, but for each other; an error rate that is mostly silent does not hide it."""
    rng = np.random.default_rng(8)
    rows, hour = 288 * 16, 12
    load, other = rng.normal(size=(2, rows))
    felt = np.where(np.arange(rows) < rows - hour, load, other)
    latency = 0.2 * np.exp(0.15 * felt + 0.03 * rng.normal(size=rows))
    errors = 100 * rng.binomial(300, 0.002, rows) / 300
    requests = rng.poisson(3000 * np.exp(0.15 * load)) / 5
    features = (replace(LATENCY, smallest_deviation=0.005, smallest_deviation_ratio=0.0), ERRORS, REQUESTS)
    history = window(np.stack([latency, errors, requests], axis=1)[:, None], features)
    scores = AnomalyDetector(features, look_interval=STEP).walk(history)
    now = slice(rows - hour, rows)
    assert ((scores.value >= scores.lower) & (scores.value <= scores.upper))[now].all()
    assert scores.score[now].max() >= 0.7
    worst = rows - hour + int(scores.score[now, 0].argmax())
    assert scores.contributions[worst, 0, 1] < 0.2
    assert scores.score[rows // 2 : rows - hour].max() < 0.7


@given(zone=st.sampled_from(sorted(CHANGES)), hour=st.integers(4, 22), size=st.floats(10.0, 500.0))
@settings(max_examples=5, deadline=None)
def test_seasons_follow_the_local_clock_through_daylight_saving(zone: str, hour: int, size: float) -> None:
    """A job at 09:00 in Lisbon is expected at 09:00 in Lisbon after the clocks have changed; so it is elsewhere."""
    local = LocalTime(zone)
    entity = (Entity("job", "test"),)
    start = CHANGES[zone] - 12 * DAY
    times = start + STEP * np.arange(288 * 16)
    clock = local.local(times, entity)[:, 0] % DAY
    busy = (clock >= hour * 3600) & (clock < (hour + 1) * 3600)
    rng = np.random.default_rng(0)
    values = np.where(busy, 5.0 + size, 5.0) + rng.normal(0, 0.5, len(times))
    history = Window(start, STEP, entity, ("x",), values[:, None, None])
    scores = AnomalyDetector((Feature("x"),), local_time=local).walk(history)
    changed = times >= CHANGES[zone] + DAY
    assert scores.expected[changed & busy, 0, 0].min() > 5 + 0.75 * size
    assert scores.score[changed, 0].max() < 0.7


@pytest.mark.slow
def test_four_weeks_without_incident_keep_the_promise() -> None:
    """Episodes of a healthy fleet stay within the Poisson bound of a quarter per API and week."""
    history = fleet(28, apis=6, seed=1)
    scores = AnomalyDetector(FEATURES).walk(history)
    events = EpisodeTracker().update(scores)
    opened = [event for event in events if event.kind == "opened" and event.counts]
    promised = 0.25 * 6 * 27 / 7
    assert len(opened) <= promised + 2 * np.sqrt(promised)


def test_latency_keeps_its_reason_in_the_top_feature(knowing: AnomalyDetector, past: Window) -> None:
    """A latency step names latency."""
    values = past.values[-1].copy()
    values[0, 1] *= 3
    scores = knowing.score(after(past, values))
    assert scores.score[0, 0] > 0.9
    assert scores.features[int(np.argmax(scores.contributions[0, 0]))] == LATENCY.name
