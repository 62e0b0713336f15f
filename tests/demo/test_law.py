from __future__ import annotations

import numpy as np
import pytest

from demo.fleet import FLEET, Api, UnknownApiError, find
from demo.law import DAY, HOUR, WEEK, FloatArray, bursts, daily, draw, plateau, slow_wander, weekday
from demo.simulator import Simulator

NOON = 1_795_348_800.0  # Sunday 22 November 2026, 12:00 UTC
by_api = pytest.mark.parametrize("api", FLEET, ids=lambda api: api.name)


def test_the_fleet_has_at_least_ten_apis_with_names_of_their_own() -> None:
    """The demo shows at least ten APIs, and each can be named."""
    assert len({api.name for api in FLEET}) == len(FLEET) >= 10


def test_an_unknown_api_is_answered_with_the_known_names() -> None:
    """Whoever mistypes a name reads those that exist."""
    with pytest.raises(
        UnknownApiError, match=r"No demo API is called 'wether': choose one of currency-exchange, "
    ):
        find("wether")


@by_api
def test_behaviour_is_a_pure_function_of_time(api: Api) -> None:
    """Asked for one instant or within a series, today or tomorrow, an API's law is the same."""
    time: FloatArray = np.arange(NOON, NOON + DAY, 997.0)
    together = api.behaviour(time)
    for name in ("median", "error_probability"):
        expected = np.broadcast_to(getattr(together, name), time.shape)
        single = [float(np.squeeze(getattr(api.behaviour(time[i : i + 1]), name))) for i in range(len(time))]
        np.testing.assert_array_equal(single, expected)


@by_api
def test_live_answers_follow_the_law_of_the_history(api: Api) -> None:
    """What the simulator answers has the response times and the share of errors that the history was drawn from."""
    time: FloatArray = np.arange(NOON - 60_000, NOON, 15.0)
    past = draw(api.behaviour(time), len(time), np.random.default_rng(1))
    simulator = Simulator()
    live = [simulator.decide(api.name, instant) for instant in time]
    log_ratio = np.log([answer.seconds for answer in live]).mean() - np.log(past.seconds).mean()
    assert abs(log_ratio) < 0.04
    errors = np.mean([answer.status >= 500 for answer in live])
    assert abs(errors - (~past.success).mean()) < 0.006


@by_api
def test_response_times_dwarf_the_overhead_of_http(api: Api) -> None:
    """The few milliseconds that a real request adds are lost in what the law draws."""
    assert np.min(api.behaviour(NOON + np.arange(0.0, WEEK, 300.0)).median) >= 0.04


@by_api
def test_no_api_changes_its_habits(api: Api) -> None:
    """From week to week response times move by a few percent at most, and the share of errors hardly."""
    weeks = [NOON - (n + 1) * WEEK + np.arange(0.0, WEEK, 30.0) for n in range(4)]
    medians = [np.mean(api.behaviour(week).median) for week in weeks]
    errors = [np.mean(api.behaviour(week).error_probability) for week in weeks]
    assert np.abs(np.diff(np.log(medians))).max() < 0.05
    assert np.abs(np.diff(errors)).max() < 0.005


def test_bursts_come_at_the_stated_rate_and_last_as_stated() -> None:
    """A habitual burst is frequent enough to be learnt and never outlasts its bound."""
    time = NOON + np.arange(0.0, 20 * DAY, 5.0)
    under_way = bursts(time, stream=3, per_day=12, shortest=60, longest=300) > 0
    edges = np.flatnonzero(np.diff(under_way.astype(int)))
    starts, ends = edges[::2], edges[1::2]
    lengths = (ends - starts[: len(ends)]) * 5.0
    assert len(starts) / 20 == pytest.approx(12, rel=0.1)
    assert lengths.min() >= 55
    assert lengths.max() <= 305


def test_rhythms_follow_the_calendar() -> None:
    """The daily peak, the weekend and the nightly job are where the fleet's tempers say."""
    sunday, monday = np.array([NOON]), np.array([NOON + DAY])
    assert daily(sunday, peak_hour=12)[0] == pytest.approx(1)
    assert weekday(sunday)[0] == 0
    assert weekday(monday)[0] == 1
    assert plateau(np.array([NOON + 14 * HOUR + 2000, NOON]), start_hour=2, hours=1.5).tolist() == [1, 0]


def test_slow_drift_moves_by_the_stated_share_a_week() -> None:
    """Between its turning points the drift is the same every week."""
    weeks = slow_wander(np.arange(0.0, 20 * WEEK, WEEK), per_week=0.03)
    np.testing.assert_allclose(np.diff(weeks), 0.03)
