from __future__ import annotations

from http import HTTPStatus

import numpy as np
import pytest

from demo.faults import USUAL_SIZE, Fault, strike
from demo.fleet import find
from demo.history import probe, record, simulate
from demo.incidents import Answer, Incident, Kind, distort
from demo.law import DAY, HOUR
from demo.simulate import MONDAY, SimulatedFleet, apis, freshness
from ml_sidecar.contract import ERROR_RATE, RECORDED, REQUESTS_PER_MINUTE, RESPONSE_TIME, SUCCESS_RATE

NAMES = (SUCCESS_RATE, RESPONSE_TIME, ERROR_RATE, REQUESTS_PER_MINUTE)
START = MONDAY + 6 * HOUR
API = "currency-exchange"


def fleet(count: int = 1) -> SimulatedFleet:
    """A day of the demo's first APIs."""
    return SimulatedFleet(apis(count), MONDAY, MONDAY + DAY, NAMES)


def test_values_are_what_the_rules_would_have_recorded() -> None:
    """A simulated window holds what the demo's history holds, feature by feature."""
    simulated = fleet().grid(MONDAY, MONDAY + DAY)
    recorded = record(simulate(find(API), MONDAY - 4500, MONDAY + DAY + 15), simulated.times, 15.0)
    for k, name in enumerate(NAMES):
        np.testing.assert_allclose(simulated.values[:, 0, k], recorded[RECORDED[name]], atol=1e-9)


def test_part_of_a_span_is_that_part_of_the_whole() -> None:
    """Asking for two hours gives the same values as asking for the day."""
    simulated = fleet(2)
    part = simulated.grid(START, START + 2 * HOUR)
    whole = simulated.grid(MONDAY, MONDAY + DAY).between(START, START + 2 * HOUR)
    np.testing.assert_allclose(part.values, whole.values, atol=1e-9)


def test_copies_of_an_api_have_their_own_luck() -> None:
    """A fleet may be larger than the demo's; no two APIs of it are the same."""
    large = SimulatedFleet(apis(30), MONDAY, MONDAY + HOUR, NAMES).grid(MONDAY, MONDAY + HOUR)
    assert len(set(large.entities)) == 30
    assert len(np.unique(large.values[:, :, 1], axis=1).T) == 30


@pytest.mark.parametrize("kind", [Kind.OUTAGE, Kind.ERRORS, Kind.LATENCY, Kind.QUOTA, Kind.DRIFT])
def test_faults_of_usual_size_are_the_demos_incidents(kind: Kind) -> None:
    """A struck probe takes as long and fails as often as the live simulator's answer during the same incident."""
    probes = probe(find(API), START, START + 2 * HOUR)
    fault = Fault(API, kind, START, HOUR, USUAL_SIZE[kind])
    struck = strike(probes, fault)
    incident = Incident(API, kind, START, START + HOUR)
    luck = np.random.default_rng(0)
    hit = probes.begun < fault.end
    answers = [
        distort(Answer(float(seconds), status(good)), incident, float(time), luck.random())
        for time, seconds, good in zip(probes.begun[hit], *(c[hit] for c in probes.outcomes), strict=True)
    ]
    fails = np.array([answer.status >= 400 for answer in answers])
    share = struck.outcomes.success[hit].mean()
    assert 1 - fails.mean() == pytest.approx(share, abs=0.12 if kind is Kind.ERRORS else 1e-9)
    np.testing.assert_allclose([answer.seconds for answer in answers], struck.outcomes.seconds[hit])
    np.testing.assert_array_equal(struck.outcomes.seconds[~hit], probes.outcomes.seconds[~hit])


def status(good: bool) -> HTTPStatus:
    """What the simulator answers with."""
    return HTTPStatus.OK if good else HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize("name", [API, "stock-fundamentals"])
def test_a_silent_api_loses_its_features_and_gets_them_back(name: str) -> None:
    """Two probe intervals and half a minute after its last probe an API has no values; requests return a window later."""
    api = find(name)
    simulated = SimulatedFleet([api], MONDAY, MONDAY + DAY, NAMES)
    fault = Fault(name, Kind.SILENCE, START, HOUR)
    seen = simulated.looks(START - HOUR, START + 4 * HOUR, [fault])
    there = np.isfinite(seen.values[:, 0])
    since, until = seen.times - START, seen.times - fault.end
    assert there[since < 0].all()
    assert not there[(since > freshness(api.interval) + 30) & (until < 0), :].any()
    assert there[until > api.interval + 60, :3].all()
    assert not there[(since > 60) & (until < 240), 3].any()
    assert there[until > HOUR + 300].all()
