"""States that break naive detectors, one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_sidecar.episodes import EpisodeTracker
from ml_sidecar.features import Array, Direction, Entity, Feature, Window, clean
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


@given(seed=st.integers(0, 100), level=st.floats(0.0, 300.0), hour=st.integers(0, 23))
@settings(max_examples=5, deadline=None)
def test_weekends_and_daily_jobs_are_learnt(seed: int, level: float, hour: int) -> None:
    """After three weeks a weekend that is quieter or busier and a job at any hour are what is expected."""
    t = np.arange(24 * 35)
    rng = np.random.default_rng(seed)
    weekend = (t // 24) % 7 >= 5
    values = np.where(weekend, level, 100.0) + rng.normal(0, 2, len(t))
    values[t % 24 == hour] += 150
    assert len([day for day in opened(values, HOUR_STEP) if day > 21]) <= 1


@given(seed=st.integers(0, 100), rows=st.integers(86, 280), rate=st.floats(0.0, 90.0))
@settings(max_examples=5, deadline=None)
def test_a_new_api_leans_on_its_siblings(seed: int, rows: int, rate: float) -> None:
    """Seven hours to a day old it is judged by what its siblings do: quiet when well, told when it fails."""
    past = fleet(10, apis=5, seed=seed)
    values = past.values.copy()
    values[:-rows, 4] = np.nan
    young = walked(Window(past.start, past.step, past.entities, past.features, values))
    broken = values[-1].copy()
    broken[4, 0], broken[4, 2] = rate, 100 - rate
    assert young.score(after(past, broken)).score[0, 4] > 0.7
    assert young.score(after(past, values[-1])).score[0, 4] < 0.7


@given(seed=st.integers(0, 100), rows=st.integers(12, 280), rate=st.floats(0.0, 90.0))
@settings(max_examples=5, deadline=None)
def test_a_new_api_without_siblings_is_silent_for_its_first_day(seed: int, rows: int, rate: float) -> None:
    """Of what is normal nothing is known yet."""
    past = fleet(1, apis=1, seed=seed)
    day = past.between(past.start, past.times[rows - 1])
    broken = day.values[-1].copy()
    broken[0, 0], broken[0, 2] = rate, 100 - rate
    assert walked(day).score(after(day, broken)).score[0, 0] < 0.01


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


@given(seed=st.integers(0, 100), size=st.floats(0.01, 1e4), hour=st.integers(0, 23))
@settings(max_examples=5, deadline=None)
def test_a_quiet_fortnight_is_followed_by_traffic(seed: int, size: float, hour: int) -> None:
    """The return of traffic of any size at any hour is an episode or three, all on its first days."""
    values = np.concatenate([np.zeros(24 * 14 + hour), size * hourly(14, seed)[hour:]])
    found = opened(values, HOUR_STEP)
    assert 1 <= len(found) <= 3
    assert max(found) < 17


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


@given(
    seed=st.integers(0, 100), days=st.sampled_from([0.5, 1.0, 2.0, 5.0, 10.0]), side=st.sampled_from([1, -1])
)
@settings(max_examples=8, deadline=None, derandomize=True)
def test_a_slow_drift_is_found_before_it_doubles_what_is_worth_an_alarm(
    seed: int, days: float, side: int
) -> None:
    """Whatever its speed, found after it is worth an alarm or nearly so, and before it is twice that; told as such."""
    rng = np.random.default_rng(seed)
    feature = Feature(
        "x", direction=Direction.ABOVE if side > 0 else Direction.BELOW, smallest_deviation=10.0
    )
    t, begins = np.arange(288 * 26) / 288, 13 + rng.random()
    grown = np.clip((t - begins) / days, 0, 1.5) * 20
    values = 100 + 15 * np.sin(2 * np.pi * t) + rng.normal(0, 3, len(t)) + side * grown
    scores = AnomalyDetector((feature,)).walk(single(values, feature=feature))
    told = [e for e in EpisodeTracker().update(scores) if e.kind == "opened" and e.counts]
    row = next(
        round((e.time - scores.times[0]) / STEP) for e in told if e.time > scores.times[0] + begins * DAY
    )
    assert 5 < grown[row] <= 20
    within = (scores.value >= scores.lower)[row] & (scores.value <= scores.upper)[row]
    assert not within.any()


def test_a_drift_that_has_ended_is_adopted_and_forgotten() -> None:
    """Two days after it ends at 1.7 times what is worth an alarm, the new level is what is expected, and silent."""
    rng = np.random.default_rng(5)
    feature = Feature("x", direction=Direction.ABOVE, smallest_deviation=10.0)
    t = np.arange(288 * 24) / 288
    values = 100 + rng.normal(0, 3, len(t)) + np.clip((t - 13.2) / 3, 0, 1) * 17
    scores = AnomalyDetector((feature,)).walk(single(values, feature=feature))
    late = t > 18.2
    assert scores.score[late].max() < 0.7
    assert np.abs(scores.expected[late, 0, 0] - 117).max() < 2


@pytest.mark.parametrize(("excluded", "hours"), [(False, 20), (True, 26)])
@given(size=st.floats(1.5, 20), at=st.integers(0, 287))
@settings(max_examples=3, deadline=None)
def test_a_level_shift_alarms_once_and_is_adopted_even_if_its_own_alert_hides_it(
    size: float, at: int, hours: int, *, excluded: bool
) -> None:
    """One alarm; adopted within 20 hours, 26 where its alert keeps it from being learnt while the episode is open."""
    rng = np.random.default_rng(3)
    feature = Feature("x", direction=Direction.ABOVE, smallest_deviation=10.0)
    values = rng.normal(100, 2, 288 * 11)
    first = 288 * 8 + at
    values[first:] += 10 * size
    whole = single(values, feature=feature)
    detector, tracker, told = AnomalyDetector((feature,)), EpisodeTracker(), []
    detector.walk(whole.between(whole.start, whole.times[first - 12]))
    for row in range(first - 11, first + (hours + 1) * 12, 12):
        piece = whole.between(whole.times[row], whole.times[row + 11])
        firing = np.full((len(piece.values), 1), excluded and tracker.is_open(whole.entities)[0])
        scores = detector.walk(piece, firing)
        told += [e for e in tracker.update(scores) if e.kind == "opened" and e.counts]
    assert [e.time >= whole.times[first] for e in told] == [True]
    assert np.abs(scores.expected[:, 0, 0] - 100 - 10 * size).max() < 3
    assert scores.score.max() < 0.3


@given(share=st.floats(0.0, 0.2), hour=st.integers(0, 23))
@settings(max_examples=6, deadline=None)
def test_a_fall_to_nearly_nothing_is_noticed_at_any_hour(share: float, hour: int) -> None:
    """Traffic that stops, or nearly so, at the first row."""
    past = single(hourly(21)[: 24 * 20 + hour], HOUR_STEP)
    expected = 100 + 30 * np.sin(2 * np.pi * hour / 24)
    assert walked(past, X).score(after(past, [[share * expected]])).score[0, 0] > 0.7


@given(size=st.floats(3, 1e6), row=st.integers(24 * 3, 24 * 20), hours=st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_whatever_the_past_incident_bands_stay_and_the_next_one_is_noticed(
    size: float, row: int, hours: int
) -> None:
    """One hour or four, three times or a million times too high, any time in three weeks, undeclared."""
    clean = hourly(21)
    spiked = clean.copy()
    spiked[row : row + hours] *= size
    one, other = walked(single(clean, HOUR_STEP), X), walked(single(spiked, HOUR_STEP), X)
    seen = after(single(clean, HOUR_STEP), [[clean[0]]])
    width = [float((s.upper - s.lower)[0, 0, 0]) for s in (one.score(seen), other.score(seen))]
    assert width[1] < 1.5 * width[0]
    assert other.score(after(single(clean, HOUR_STEP), [[4 * float(clean[24])]])).score[0, 0] > 0.7


@given(hour=st.integers(0, 23), size=st.floats(20, 500))
@settings(max_examples=5, deadline=None)
def test_a_daily_job_is_known_after_a_week(hour: int, size: float) -> None:
    """It may be news on its first days and never again."""
    values = 100 + np.random.default_rng(hour).normal(0, 3, 288 * 16)
    clock = np.arange(len(values)) % 288
    values[(clock >= 12 * hour) & (clock < 12 * hour + 6)] += size
    assert [day for day in opened(values) if day > 7] == []


@given(length=st.integers(1, 60), hour=st.integers(0, 23))
@settings(max_examples=6, deadline=None)
def test_an_absence_of_any_length_is_no_anomaly(length: int, hour: int) -> None:
    """Gone for an hour or for days, at any hour: no score while away, no alarm on return."""
    values = hourly(26)
    first = 24 * 20 + hour
    values[first : first + length] = np.nan
    scores = AnomalyDetector(X, HOUR_STEP).walk(single(values, HOUR_STEP))
    assert np.isnan(scores.score[first : first + length]).all()
    assert scores.score[first + length : first + length + 12].max() < 0.7


@given(data=st.data())
@settings(max_examples=6, deadline=None)
def test_values_that_are_no_numbers_are_as_absent(data: st.DataObject) -> None:
    """NaN and both infinities, anywhere in a file: the other rows are answered as if those were empty."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    kinds = data.draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=20))
    values = hourly(8)
    rows = rng.choice(len(values), len(kinds), replace=False)
    empty, odd = values.copy(), values.copy()
    empty[rows], odd[rows] = np.nan, kinds
    cleaned, rejected = clean(odd[:, None], X)
    assert rejected[0] == np.isinf(odd).sum()
    one = AnomalyDetector(X, HOUR_STEP).walk(single(empty, HOUR_STEP))
    other = AnomalyDetector(X, HOUR_STEP).walk(single(cleaned[:, 0], HOUR_STEP))
    np.testing.assert_array_equal(one.expected_per_week, other.expected_per_week)


def test_the_first_weekend_of_a_short_history_counts_a_quarter() -> None:
    """Where no two days of the class were seen, the same deviation is four times less unusual."""
    values = 100 + np.random.default_rng(8).normal(0, 3, 288 * 20)
    past = single(values[: 288 * 5 + 100])  # Saturday morning
    known = single(values[: 288 * 19 + 100])
    first = walked(past, X).score(after(past, [[112.0]]))
    third = walked(known, X).score(after(known, [[112.0]]))
    assert first.expected_per_week[0, 0] > 2 * third.expected_per_week[0, 0]


def test_an_api_met_at_any_time_of_a_weekend_is_quiet_on_the_next_two() -> None:
    """The level that drifts are judged by is that of a whole block, not of the hours after the API was met."""
    met = datetime(2026, 11, 14, 22, 50, tzinfo=UTC).timestamp()  # a Saturday
    days = (met + STEP * np.arange(9 * 288)) / DAY
    noise = 0.033 * np.random.default_rng(0).normal(size=len(days))
    values = 0.21 * np.exp(0.35 * np.cos(2 * np.pi * (days - 15 / 24)) + noise)
    feature = Feature("x", direction=Direction.ABOVE, smallest_deviation=0.02, smallest_deviation_ratio=0.1)
    past = replace(single(values, feature=feature), start=met)
    assert AnomalyDetector((feature,)).walk(past).score.max() < 0.5
