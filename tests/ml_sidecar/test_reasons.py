"""The sentence that says why."""

from __future__ import annotations

import numpy as np
import pytest

from ml_sidecar.features import Entity, Feature
from ml_sidecar.localtime import LocalTime
from ml_sidecar.reasons import reason, reason_for
from ml_sidecar.results import Scores

LATENCY = Feature("response_time", unit="seconds", title="response time")
SUNDAY_14 = 1_790_517_600.0  # 2026-09-27T14:00:00Z
DASH = "\u2013"


def test_the_sentence_names_value_band_time_and_share() -> None:
    """As a person on call would put it."""
    text = reason(LATENCY, 2.4, (0.45, 0.3, 0.6), SUNDAY_14, 0.83)
    assert text == f"response time 2.4 s, expected 0.3{DASH}0.6 s for a Sunday at 14:00; 83 % of the score"


@pytest.mark.parametrize(
    ("unit", "value", "band", "said"),
    [
        ("percent", 80.0, (100.0, 100.0, 100.0), "80 %, expected 100 %"),
        ("seconds", 0.04, (0.02, 0.01, 0.03), f"40 ms, expected 10{DASH}30 ms"),
        ("bytes", 3 * 1024**3, (0.0, 1024**3, 2 * 1024**3), f"3 GiB, expected 1{DASH}2 GiB"),
        ("per_minute", 0.0, (4.0, 3.2, 4.8), f"0/min, expected 3.2{DASH}4.8/min"),
        ("ratio", 0.12345, (0.5, 0.4, 0.6), f"0.12, expected 0.4{DASH}0.6"),
        ("none", 1e9, (0.0, -1.0, 2e7), f"1e+09, expected -1{DASH}2e+07"),
        ("seconds", np.nan, (0.2, 0.1, 0.3), f"absent, expected 0.1{DASH}0.3 s"),
    ],
)
def test_units_are_written_as_people_write_them(
    unit: str, value: float, band: tuple[float, float, float], said: str
) -> None:
    """Milliseconds, gibibytes, percent; no needless digits."""
    assert said in reason(Feature("x", unit=unit), value, band, SUNDAY_14, 1.0)


def test_nothing_known_is_said_plainly() -> None:
    """A new API has no band yet."""
    text = reason(LATENCY, 1.0, (np.nan, np.nan, np.nan), SUNDAY_14, np.nan)
    assert text == "response time 1 s, nothing known yet to compare it with"


def test_the_reason_of_scores_speaks_the_apis_local_time() -> None:
    """The feature that contributed most, at the hour where the API lives."""
    api = Entity("a", "test")
    shape = (1, 1, 2)
    scores = Scores(
        np.array([SUNDAY_14]),
        (api,),
        ("success_rate", "response_time"),
        np.array([[0.01]]),
        np.reshape([0.2, 0.8], shape),
        np.reshape([100.0, 2.0], shape),
        np.reshape([100.0, 0.5], shape),
        np.reshape([99.0, 0.4], shape),
        np.reshape([100.0, 0.6], shape),
    )
    text = reason_for(scores, api, (Feature("success_rate"), LATENCY), LocalTime("Asia/Tokyo"))
    assert text == f"response time 2 s, expected 0.4{DASH}0.6 s for a Sunday at 23:00; 80 % of the score"


def test_a_value_within_its_band_is_explained_by_the_feature_beside_it() -> None:
    """What is odd is the combination, so that the sentence names both."""
    api = Entity("a", "test")
    features = (LATENCY, Feature("requests_per_minute", unit="per_minute", title="requests"))
    shape = (1, 1, 2)
    scores = Scores(
        np.array([SUNDAY_14]),
        (api,),
        ("response_time", "requests_per_minute"),
        np.array([[0.1]]),
        np.reshape([0.55, 0.45], shape),
        np.reshape([0.5, 20.0], shape),
        np.reshape([0.4, 100.0], shape),
        np.reshape([0.2, 10.0], shape),
        np.reshape([0.6, 200.0], shape),
    )
    assert reason_for(scores, api, features, LocalTime()) == (
        f"response time 0.5 s, expected 0.2{DASH}0.6 s for a Sunday at 14:00, "
        "but unusual beside requests 20/min; 55 % of the score"
    )
