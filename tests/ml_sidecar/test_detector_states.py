"""States that break naive detectors, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_sidecar.episodes import EpisodeTracker
from ml_sidecar.features import Array, Entity, Feature, Window
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from tests.ml_sidecar.simulated import DAY, FEATURES, STEP, after, fleet, single, walked

X = (Feature("x"),)
HOUR_STEP = 3600.0


def hourly(days: int, seed: int = 0) -> Array:
    """A series with a daily rhythm, one value an hour."""
    rng = np.random.default_rng(seed)
    t = np.arange(24 * days)
    return 100 + 30 * np.sin(2 * np.pi * t / 24) + rng.normal(0, 3, len(t))


def opened(values: Array, step: float = STEP) -> list[float]:
    """Days after the start at which episodes open."""
    past = single(values, step)
    scores = AnomalyDetector(X, step).walk(past)
    events = EpisodeTracker(step=step).update(scores)
    return [(e.time - past.start) / DAY for e in events if e.kind == "opened" and e.counts]


@given(value=st.floats(-1e6, 1e6, allow_nan=False), size=st.floats(1e-3, 1e3))
@settings(max_examples=10, deadline=None)
def test_a_constant_series_is_silent_until_it_first_changes(value: float, size: float) -> None:
    """No alarm while nothing changes, one at the first change, whatever the scale."""
    values = np.full(24 * 14, value)
    change = max(abs(value), 1.0) * size
    detector = AnomalyDetector(X, HOUR_STEP, look_interval=HOUR_STEP)
    past = single(values, HOUR_STEP)
    assert detector.walk(past).score.max() < 0.1
    assert detector.score(after(past, [[value]])).score[0, 0] < 0.1
    assert detector.score(after(past, [[value + change]])).score[0, 0] > 0.9


def test_a_fall_to_zero_is_noticed() -> None:
    """Traffic that stops in the middle of the day."""
    past = single(hourly(21), HOUR_STEP)
    detector = walked(past, X)
    assert detector.score(after(past, [[0.0]])).score[0, 0] > 0.7


def test_one_huge_spike_in_the_past_widens_nothing() -> None:
    """The bands after an hour at a hundred times are as they would be without it, and its twin is noticed."""
    clean = hourly(21)
    spiked = clean.copy()
    spiked[24 * 12] *= 100
    one, other = walked(single(clean, HOUR_STEP), X), walked(single(spiked, HOUR_STEP), X)
    seen = after(single(clean, HOUR_STEP), [[clean[0]]])
    width = [float((s.upper - s.lower)[0, 0, 0]) for s in (one.score(seen), other.score(seen))]
    assert width[1] < 1.3 * width[0]
    half = after(single(clean, HOUR_STEP), [[float(clean[24] * 3)]])
    assert other.score(half).score[0, 0] > 0.7


def test_an_undeclared_incident_in_the_training_window_hides_nothing() -> None:
    """Three bad hours last week do not make three bad hours normal."""
    values = hourly(21)
    values[24 * 15 + 5 : 24 * 15 + 8] *= 4
    past = single(values, HOUR_STEP)
    assert walked(past, X).score(after(past, [[400.0]])).score[0, 0] > 0.7


def test_what_is_declared_bad_is_scored_but_never_learnt() -> None:
    """An excluded span leaves levels and bands as they were."""
    rng = np.random.default_rng(0)
    values = rng.normal(50, 1, 288 * 4)
    values[288 * 3 + 100 : 288 * 3 + 250] = 80
    past = single(values)
    bad = np.zeros((len(values), 1), dtype=bool)
    bad[288 * 3 + 100 : 288 * 3 + 250] = True
    told, untold = AnomalyDetector(X), AnomalyDetector(X)
    assert told.walk(past, bad).score[288 * 3 + 100, 0] > 0.7
    untold.walk(past)
    seen = after(past, [[50.0]])
    one, other = told.score(seen), untold.score(seen)
    assert abs(one.expected[0, 0, 0] - 50) < 1
    assert (one.upper - one.lower)[0, 0, 0] < (other.upper - other.lower)[0, 0, 0]


def test_a_level_shift_alarms_once_and_is_adopted_within_a_day() -> None:
    """Told, then the new normal."""
    rng = np.random.default_rng(1)
    values = rng.normal(50, 1, 288 * 12)
    values[288 * 8 + 77 :] += 30
    found = [day for day in opened(values) if day > 7.5]
    assert len(found) == 1
    assert abs(found[0] - (8 + 77 / 288)) < 0.02
    scores = AnomalyDetector(X).walk(single(values))
    late = scores.times > scores.times[0] + 9.3 * DAY
    assert np.abs(scores.expected[late, 0, 0] - 80).max() < 2


def test_weekends_and_daily_jobs_are_learnt() -> None:
    """After three weeks a quiet weekend and a job at 03:00 are what is expected."""
    t = np.arange(24 * 35)
    rng = np.random.default_rng(2)
    weekend = (t // 24) % 7 >= 5
    values = np.where(weekend, 20.0, 100.0) + rng.normal(0, 2, len(t))
    values[t % 24 == 3] += 150
    assert [day for day in opened(values, HOUR_STEP) if day > 21] == []


def test_vanishing_and_returning_is_no_anomaly() -> None:
    """An API that is silent for a day comes back without an alarm and without a score while away."""
    values = hourly(24)
    values[24 * 20 : 24 * 21] = np.nan
    scores = AnomalyDetector(X, HOUR_STEP).walk(single(values, HOUR_STEP))
    assert np.isnan(scores.score[24 * 20 : 24 * 21]).all()
    assert scores.score[24 * 21 : 24 * 22].max() < 0.7


def test_a_new_api_leans_on_its_siblings_and_is_silent_without_them() -> None:
    """With siblings it is judged cautiously after some hours; alone not before it has a day of its own."""
    past = fleet(10, apis=5)
    values = past.values.copy()
    values[: 288 * 9 + 144, 4] = np.nan
    young = walked(Window(past.start, past.step, past.entities, past.features, values))
    broken = values[-1].copy()
    broken[4] = (5.0, 3.0, 95.0, broken[4, 3])
    scores = young.score(after(past, broken))
    assert scores.score[0, 4] > 0.7
    assert young.score(after(past, values[-1])).score[0, 4] < 0.5
    alone = walked(Window(past.start, past.step, past.entities[:1], past.features, past.values[:144, :1]))
    first_day = Window(past.start, past.step, past.entities[:1], past.features, past.values[:144, :1])
    assert alone.score(after(first_day, broken[4:])).score[0, 0] < 0.01


def test_an_api_never_met_is_quiet_until_a_grid_row_brought_it() -> None:
    """A provisional look at a stranger says nothing against it."""
    past = fleet(2, apis=1)
    detector = walked(past)
    stranger = Window(
        past.end + STEP,
        STEP,
        (Entity("new", "test"), *past.entities),
        past.features,
        np.concatenate([past.values[-1:], past.values[-1:]], axis=1),
    )
    scores = detector.score(stranger)
    assert scores.score[0, 0] < 0.01
    np.testing.assert_allclose(scores.contributions[0].sum(axis=1), 1.0)


def test_a_quiet_fortnight_is_followed_by_traffic() -> None:
    """The return of traffic is one episode, not one a day."""
    values = np.concatenate([np.zeros(24 * 14), hourly(14)])
    found = opened(values, HOUR_STEP)
    assert 1 <= len(found) <= 3
    assert max(found) < 16


def test_a_month_of_silence_is_survived() -> None:
    """Gaps far longer than the memory cost little and break nothing."""
    past = fleet(3, apis=1)
    detector = walked(past)
    start = past.end + 400 * DAY
    later = Window(start, STEP, past.entities, past.features, past.values[: 288 * 2])
    scores = detector.walk(later)
    assert scores.score[:12].max() < 0.7
    assert detector.clock == later.end


@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_holes_in_the_data_leave_scores_between_0_and_1(data: st.DataObject) -> None:
    """Whatever is missing, what is there gets a score and a share, what is not gets none."""
    seed = data.draw(st.integers(0, 1000))
    share = data.draw(st.floats(0, 1))
    rng = np.random.default_rng(seed)
    whole = fleet(2, apis=2, seed=seed)
    values = np.where(rng.random(whole.values.shape) < share, np.nan, whole.values)
    scores = AnomalyDetector(FEATURES).walk(
        Window(whole.start, whole.step, whole.entities, whole.features, values)
    )
    seen = np.isfinite(values).any(axis=2)
    assert np.isnan(scores.score[~seen]).all()
    assert ((scores.score[seen] >= 0) & (scores.score[seen] <= 1)).all()
    np.testing.assert_allclose(scores.contributions[seen].sum(axis=1), 1.0)


@pytest.mark.parametrize("step", [15.0, 60.0, 420.0, 3600.0, 86400.0])
def test_any_sampling_interval_works(step: float) -> None:
    """From 15 s to a day; a gross change after enough history is noticed."""
    rows = max(150, round(2.5 * DAY / step))
    rng = np.random.default_rng(3)
    values = rng.normal(10, 1, rows)
    past = single(values, step)
    detector = walked(past, X)
    assert detector.score(after(past, [[10.0]])).score[0, 0] < 0.5
    assert detector.score(after(past, [[1000.0]])).score[0, 0] > 0.7
