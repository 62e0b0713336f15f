from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_sidecar.features import Array, Direction, Feature, Window
from ml_sidecar.thresholds import ThresholdOptimizer, changed_thresholds
from tests.ml_sidecar.fleets import DAY_ROWS, FEATURES, LATENCY, STEP, SUCCESS, fleet, smooth_noise, window

VALUE = Feature("value", direction=Direction.ABOVE, smallest_deviation=0.1)


def alerts(values: Array, bound: float, side: float) -> int:
    """Alerts counted the slow way: two rows running beyond the bound open one, an hour of quiet closes it."""
    count, quiet, before = 0, np.inf, False
    for value in values:
        beyond = bool(side * value > side * bound)
        if beyond and before:
            count += quiet > 3600 / STEP
            quiet = 0
        else:
            quiet += 1
        before = beyond
    return count


def noise(weeks: int, apis: int, seed: int = 0) -> Window:
    """A fleet of one feature with smooth noise of deviation 1."""
    values = smooth_noise(np.random.default_rng(seed), weeks * 7 * DAY_ROWS, apis)
    return window(values[:, :, None], ("value",))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, float("nan")]), min_size=30, max_size=150),
    st.integers(0, 2),
)
def test_cost_is_the_number_of_alerts(values: list[float], step: int) -> None:
    """The stated cost of a threshold is what counting alerts row by row gives."""
    optimizer = ThresholdOptimizer([VALUE])
    column = np.array(values)[:, None]
    assert optimizer._alerts(column, np.array([step + 0.5]))[0] == alerts(column[:, 0], step + 0.5, 1.0)


def test_peaks_are_the_levels_at_which_alerts_get_fewer() -> None:
    """The level said to have n alerts beyond it has no more than n at it, and more just below."""
    values = noise(2, 3).values[:, :, 0]
    peaks, _ = ThresholdOptimizer([VALUE])._levels(values)
    for api in range(3):
        for n, level in enumerate(peaks[:, api]):
            assert alerts(values[:, api], level, 1.0) <= n
            assert alerts(values[:, api], level - 1e-9, 1.0) > n


@pytest.mark.parametrize("budget", [0.25, 1.0, 4.0])
def test_thresholds_cost_no_more_than_the_budget(budget: float) -> None:
    """Over all APIs, warning and critical thresholds would have cost what was asked, not more."""
    learnt = ThresholdOptimizer([VALUE], budget=budget).fit(noise(4, 12))
    cost = learnt.expected_alerts_per_week.mean(axis=0)[0]
    assert cost[0] <= budget
    assert cost[1] <= 0.27 * budget + 0.05
    assert cost[1] <= cost[0]


def test_thresholds_hold_on_weeks_they_have_not_seen() -> None:
    """On the next four weeks of the same noise, the warnings number about what was promised."""
    past, future = noise(4, 16), noise(4, 16, seed=1)
    learnt = ThresholdOptimizer([VALUE], budget=1.0).fit(past)
    seen = [alerts(future.values[:, i, 0], learnt.upper[i, 0, 0], 1.0) for i in range(16)]
    assert 0.4 < np.mean(seen) / 4 < 2.0


def test_short_history_gives_cautious_thresholds() -> None:
    """A day of history leads to thresholds at least as far out as four weeks do."""
    long = ThresholdOptimizer([VALUE]).fit(noise(4, 12))
    short = noise(4, 12)
    day = ThresholdOptimizer([VALUE]).fit(short.between(short.start, short.start + 86400))
    assert np.median(day.upper[:, 0, 0]) >= np.median(long.upper[:, 0, 0])


def test_perfect_api_gets_a_usable_lower_bound() -> None:
    """An API that never failed is warned about a little below 100 %, not at 100 and not at 0."""
    values = np.full((7 * DAY_ROWS, 3, 1), 100.0)
    learnt = ThresholdOptimizer([SUCCESS]).fit(window(values, ("success_rate",)))
    warning, critical = learnt.lower[0, 0]
    assert 90 < critical < warning <= 99
    assert np.isnan(learnt.upper).all()
    assert (learnt.expected_alerts_per_week == 0).all()


def test_thresholds_keep_their_distance_and_their_order() -> None:
    """No threshold is nearer to normal than the smallest deviation; critical lies beyond warning; all are valid."""
    history = fleet(6, 7)
    learnt = ThresholdOptimizer(FEATURES).fit(history)
    for i, feature in enumerate(FEATURES):
        normal = np.nanmedian(history.values[:, :, i], axis=0)
        for side, bound in ((-1, learnt.lower[:, i]), (1, learnt.upper[:, i])):
            bad = feature.direction in {Direction.BOTH, Direction.BELOW if side < 0 else Direction.ABOVE}
            assert np.isfinite(bound).all() == bad
            if not bad:
                continue
            assert ((bound >= feature.minimum) & (bound <= feature.maximum)).all()
            inside = bound[:, 0] > feature.minimum
            assert (side * (bound[:, 0] - normal) >= feature.worth_alarm(normal) - 1e-9)[inside].all()
            beyond = side * (bound[:, 1] - bound[:, 0]) > 0
            assert (beyond | (bound[:, 1] == feature.minimum)).all()


def test_excluded_rows_do_not_count() -> None:
    """An incident in an excluded span changes no threshold and costs nothing."""
    history = noise(2, 2)
    span = slice(1000, 1100)
    excluded = np.zeros((len(history.values), 2), dtype=bool)
    excluded[span, 0] = True
    before = ThresholdOptimizer([VALUE]).fit(history, excluded)
    history.values[span, 0] = 50.0
    after = ThresholdOptimizer([VALUE]).fit(history, excluded)
    assert np.array_equal(before.upper, after.upper)
    assert np.array_equal(before.expected_alerts_per_week, after.expected_alerts_per_week)


def test_one_incident_does_not_raise_the_bar() -> None:
    """An incident nobody excluded is paid for in the stated cost, but the next one like it still crosses both."""
    history = noise(4, 4)
    history.values[3000:3050, 0] = 100.0
    learnt = ThresholdOptimizer([VALUE]).fit(history)
    assert learnt.upper[0, 0, 1] < 50.0
    assert learnt.expected_alerts_per_week[0, 0, 1] == pytest.approx(0.25)


def test_api_without_values_has_no_threshold() -> None:
    """An API that never reported gets NaN, and does not disturb the others."""
    history = noise(1, 3)
    history.values[:, 1] = np.nan
    learnt = ThresholdOptimizer([VALUE]).fit(history)
    assert np.isnan(learnt.upper[1]).all()
    assert np.isnan(learnt.expected_alerts_per_week[1]).all()
    assert np.isfinite(learnt.upper[[0, 2]]).all()


def test_no_api_at_all() -> None:
    """A window without APIs gives thresholds of none."""
    learnt = ThresholdOptimizer([VALUE]).fit(window(np.empty((10, 0, 1)), ("value",)))
    assert learnt.upper.shape == (0, 1, 2)


def test_wrong_step_is_refused() -> None:
    """A window on another grid is an error that names both steps."""
    with pytest.raises(ValueError, match=r"300.0 s, expected 60.0 s"):
        ThresholdOptimizer([VALUE], step=60.0).fit(noise(1, 1))


def test_changes_are_counted_by_their_worth() -> None:
    """A threshold counts as changed when it moved by more than the smallest deviation worth an alarm."""
    former = ThresholdOptimizer([LATENCY, SUCCESS]).fit(fleet(4, 7))
    assert changed_thresholds(former, former, [LATENCY, SUCCESS]).sum() == 0
    moved = ThresholdOptimizer([LATENCY, SUCCESS]).fit(fleet(4, 7))
    moved.upper[0, 0, 0] *= 1.2
    moved.upper[1, 0, 0] *= 1.01
    moved.lower[2, 1, 1] -= 1.5
    assert changed_thresholds(former, moved, [LATENCY, SUCCESS]).sum(axis=0).tolist() == [1, 1]
