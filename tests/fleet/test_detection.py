"""What a user of the default settings may rely on, on the demo's fleet in simulated time; figures are in docs/fleet.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import poisson

from benchmarks.faults import LIMIT, Outcome, Range, look
from benchmarks.fleet import PROMISED, pooled, quiet, share
from demo.faults import Fault
from demo.incidents import Kind
from demo.law import HOUR
from demo.simulate import freshness
from ml_sidecar.episodes import EpisodeTracker

pytestmark = pytest.mark.xdist_group("fleet")  # one walk for all of them

TIMES = 3
WATCHED = 900.0
SLOWLY_SEEN = {"sms-gateway", "stock-fundamentals"}
"""Fails in bursts as a habit; is probed every two minutes and recorded over an hour."""
OFTEN_SLOW = {"image-recognition", "web-search", "stock-fundamentals"}
"""Bursts of slow answers; a heavy tail; see above."""


def without(outcomes: Sequence[Outcome], names: set[str]) -> list[Outcome]:
    """The outcomes of all other APIs."""
    return [o for o in outcomes if o.api_name not in names]


def within(outcomes: Sequence[Outcome], seconds: float) -> float:
    """Share found in so many seconds."""
    return share(outcomes, lambda o: o.delay <= seconds)


def rightly_named(outcomes: Sequence[Outcome]) -> bool:
    """Whether at least nine of ten that were found name the right feature."""
    return share([o for o in outcomes if np.isfinite(o.delay)], lambda o: o.named) >= 0.9


@pytest.mark.slow
def test_four_weeks_without_an_incident_cost_no_more_than_promised(ranged: Range) -> None:
    """Over three simulated years episodes stay inside the Poisson bound of 0.25 per API and week."""
    found = pooled([quiet(ranged), quiet(Range(1)), quiet(Range(2))])
    assert found.api_weeks == pytest.approx(3 * 12 * 27 / 7)
    assert found.by_api.total() <= poisson.ppf(0.975, PROMISED * found.api_weeks), found.by_api


@pytest.mark.parametrize("kind", [Kind.OUTAGE, Kind.QUOTA])
def test_an_api_that_refuses_everything_is_found_in_two_minutes(ranged: Range, kind: Kind) -> None:
    """An outage is an episode within two minutes, unless the API is known for failures or hardly probed."""
    found = list(ranged.trials([(kind, 1.0)], TIMES, WATCHED))
    assert within(without(found, SLOWLY_SEEN), LIMIT) == 1.0
    assert within(found, 600.0) == 1.0
    assert rightly_named(found)


def test_errors_are_found_as_soon_as_three_probes_have_failed(ranged: Range) -> None:
    """Of 30 % errors the third failed probe comes after two and a half minutes on average."""
    found = list(ranged.trials([(Kind.ERRORS, 0.3)], TIMES, WATCHED))
    judged = without(found, SLOWLY_SEEN)
    assert within(judged, 300.0) >= 0.6
    assert within(judged, 900.0) >= 0.9
    assert rightly_named(found)


def test_a_latency_step_is_found_in_two_minutes_where_it_exceeds_what_is_usual(ranged: Range) -> None:
    """Five times as slow is found in two minutes, three times as slow in five, except where such peaks are habit."""
    fivefold = list(ranged.trials([(Kind.LATENCY, 5.0)], TIMES, WATCHED))
    assert within(without(fivefold, OFTEN_SLOW), LIMIT) >= 0.9
    assert within(fivefold, 900.0) >= 0.9
    threefold = list(ranged.trials([(Kind.LATENCY, 3.0)], TIMES, WATCHED))
    assert within(without(threefold, OFTEN_SLOW), 300.0) >= 0.85
    assert rightly_named(fivefold + threefold)


def test_a_drift_is_found_before_it_has_doubled_the_smallest_deviation(ranged: Range) -> None:
    """A response time that grows by 2 % an hour is an episode in time, except where it varies by more than that anyway."""
    restless = OFTEN_SLOW | {"movie-database", "weather-forecast", "flight-search"}
    found = list(ranged.trials([(Kind.DRIFT, 0.02)], TIMES))
    assert share(without(found, restless), lambda o: o.in_time) >= 0.9
    assert share(found, lambda o: np.isfinite(o.delay)) >= 0.9
    assert rightly_named(found)


def test_a_silent_api_has_neither_score_nor_episode(ranged: Range) -> None:
    """An API that is no longer probed is not scored from old values; its alert is another's business."""
    start = ranged.begin + HOUR + 100.0
    faults = [Fault(api.name, Kind.SILENCE, start, HOUR) for api in ranged.fleet.apis]
    tracker = EpisodeTracker(ranged.threshold)
    for scores in look(ranged.detector(), ranged.fleet, start, start + HOUR, faults):
        assert tracker.update(scores) == ()
        for k, api in enumerate(ranged.fleet.apis):
            silent = scores.times - start > freshness(api.interval) + 30.0
            assert np.isnan(scores.score[silent, k]).all()
