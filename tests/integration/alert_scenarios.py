"""What has to be measured for each alert to fire, and what the alert then says, word for word."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector import contract as raw
from ml_sidecar import contract as ml
from tests.integration.exposition import Series, Value, now, rising

ENVIRONMENT: Final = "staging"
"""Of most scenarios; a sidecar scores in it. What must not disturb the others has an environment of its own."""


@dataclass(frozen=True)
class Scenario:
    """One alert and what leads to it.

    Attributes:
        description: The alert's description; a pattern where it holds a number that moves.
        labels: The alert's labels that tell it from its like, severity included.
        collector: What the collector says.
        sidecar: What the sidecar says.
    """

    description: str | re.Pattern[str]
    labels: Mapping[str, str]
    collector: Sequence[Series] = ()
    sidecar: Sequence[Series] = ()

    def says(self, text: str) -> bool:
        """Whether this is the alert's description."""
        if isinstance(self.description, str):
            return text == self.description
        return re.fullmatch(self.description, text) is not None


def api(name: str) -> Callable[..., Series]:
    """A maker of series of one API."""

    def series(metric: raw.Metric | ml.Metric, value: Value, suffix: str = "", **labels: str) -> Series:
        return Series(metric.name + suffix, {"api_name": name, "environment": ENVIRONMENT, **labels}, value)

    return series


def traffic(
    name: str, success: float = 1.0, error: float = 0.0, reason: str = "http_5xx", seconds: float = 0.5
) -> list[Series]:
    """An API that is probed every second: so many answers of each kind a second, half a second each by default."""
    series = api(name)
    return [
        series(raw.REQUESTS, rising(success), status="success"),
        series(raw.REQUESTS, rising(error), status="error"),
        series(raw.ERRORS, rising(error), reason=reason),
        series(raw.RESPONSE_TIME, rising(seconds * (success + error)), "_sum"),
        series(raw.RESPONSE_TIME, rising(success + error), "_count"),
        series(raw.LAST_PROBE, now),
        series(raw.PROBE_INTERVAL, 1),
    ]


def _labels(name: str, severity: str, component: str, **more: str) -> dict[str, str]:
    return {
        "api_name": name,
        "environment": ENVIRONMENT,
        "severity": severity,
        "component": component,
        **more,
    }


def down() -> Scenario:
    """Every request fails."""
    return Scenario(
        "down (staging) is down: expected a success rate of 99.5 %, seen 0 %. Most failures: http_5xx.",
        _labels("down", "critical", "api", kind="symptom", training_exclude="true"),
        collector=traffic("down", success=0, error=1),
        sidecar=[api("down")(ml.EXPECTED, 99.5, feature=ml.SUCCESS_RATE)],
    )


def success_rate_low() -> Scenario:
    """Four of five requests succeed, where nine of ten are normal."""
    threshold = api("flaky")(ml.THRESHOLD, 90, feature=ml.SUCCESS_RATE, severity="warning", bound="lower")
    return Scenario(
        "flaky (staging): expected a success rate of at least 90 % (learnt), seen 80 %. Most failures: timeout.",
        _labels("flaky", "warning", "api", kind="symptom"),
        collector=traffic("flaky", success=0.8, error=0.2, reason="timeout"),
        sidecar=[threshold],
    )


def success_rate_critical() -> Scenario:
    """Three of ten requests succeed, where half of them is as low as it gets."""
    threshold = api("ill")(ml.THRESHOLD, 50, feature=ml.SUCCESS_RATE, severity="critical", bound="lower")
    return Scenario(
        "ill (staging): expected a success rate of at least 50 % (learnt), seen 30 %. Most failures: timeout.",
        _labels("ill", "critical", "api", kind="symptom"),
        collector=traffic("ill", success=0.3, error=0.7, reason="timeout"),
        sidecar=[threshold],
    )


def anomaly() -> Scenario:
    """An episode is open, most of it due to the response time."""
    name = 'odd "A&B" <1>'
    series = api(name)
    return Scenario(
        f"{name} (staging) does not behave as it usually does: anomalous for 100% of the last 20s, anomaly score "
        "0.93 of 1. Most of it is due to its response time: expected 0.2 s (from 0.1 to 0.3), seen 0.5 s.",
        _labels(name, "warning", "ml", kind="sign"),
        collector=traffic(name),
        sidecar=[
            series(ml.ANOMALY, 1),
            series(ml.ANOMALY_SCORE, 0.93),
            series(ml.CONTRIBUTION, 0.75, feature=ml.RESPONSE_TIME),
            series(ml.CONTRIBUTION, 0.25, feature=ml.SUCCESS_RATE),
            series(ml.EXPECTED, 0.2, feature=ml.RESPONSE_TIME),
            series(ml.EXPECTED_LOWER, 0.1, feature=ml.RESPONSE_TIME),
            series(ml.EXPECTED_UPPER, 0.3, feature=ml.RESPONSE_TIME),
        ],
    )


def response_time_high() -> Scenario:
    """Every request takes half a second, where 0.4 s are normal."""
    threshold = api("slow")(ml.THRESHOLD, 0.4, feature=ml.RESPONSE_TIME, severity="warning", bound="upper")
    return Scenario(
        "slow (staging): expected a response time of at most 0.4 s (learnt), seen 0.5 s. "
        "Most of the time: processing.",
        _labels("slow", "warning", "api", kind="symptom"),
        collector=[*traffic("slow"), api("slow")(raw.PHASE_SECONDS, rising(0.4), phase="processing")],
        sidecar=[threshold],
    )


def response_time_critical() -> Scenario:
    """Every request takes eleven seconds, and nothing has been learnt about that."""
    return Scenario(
        "stuck (staging): expected a response time of at most 10 s (fixed, nothing is learnt yet), seen 11 s.",
        _labels("stuck", "critical", "api", kind="symptom"),
        collector=traffic("stuck", seconds=11),
    )


def score_high() -> Scenario:
    """The score is high without an episode."""
    return Scenario(
        "strange (staging): expected an anomaly score of at most 0.7, seen 0.75 on average over 40s.",
        _labels("strange", "warning", "ml", kind="sign"),
        collector=traffic("strange"),
        sidecar=[api("strange")(ml.ANOMALY_SCORE, 0.75)],
    )


def not_scoring() -> Scenario:
    """An API is probed, others are scored."""
    return Scenario(
        "unscored (staging): expected an anomaly score, seen none for 1m, while it is measured and other APIs are scored.",
        _labels("unscored", "warning", "sidecar", kind="health"),
        collector=traffic("unscored"),
    )


def _of_sidecar(environment: str) -> dict[str, str]:
    return {"environment": environment, "severity": "warning", "component": "sidecar", "kind": "health"}


def queries_failing() -> Scenario:
    """A tenth of the queries fail."""
    labels = {"environment": "refused"}
    return Scenario(
        re.compile(
            r"refused: expected at most 5 % of the sidecar's queries to fail, seen (9\.\d+|10(\.\d+)?)% over 20s\."
        ),
        _of_sidecar("refused"),
        sidecar=[
            Series(ml.QUERIES.name, labels, rising(10)),
            Series(ml.QUERY_FAILURES.name, labels, rising(1)),
        ],
    )


def cycle_slow() -> Scenario:
    """A cycle takes 0.9 s, where there is one every second."""
    return Scenario(
        "late: expected a scoring cycle to take at most 0.8 s, as there is one every 1s; seen 0.9 s on average over 20s.",
        _of_sidecar("late"),
        sidecar=[Series(ml.CYCLE_DURATION.name, {"environment": "late"}, 0.9)],
    )


def series_dropped() -> Scenario:
    """The cap cuts two series off in every second."""
    return Scenario(
        re.compile(
            r"capped: expected every series to be exported, seen \d+ left out within 1m because of the cap\."
        ),
        _of_sidecar("capped"),
        sidecar=[Series(ml.SERIES_DROPPED.name, {"environment": "capped"}, rising(2))],
    )


def sidecar_silent() -> Scenario:
    """A sidecar shows its last word for ever."""
    return Scenario(
        re.compile(
            r"Expected a score at most 10s old, seen one of \S.* ago in quiet\. "
            r"Anomalies, forecasts and learnt thresholds are not watched meanwhile\."
        ),
        {"environment": "quiet", "severity": "warning", "component": "sidecar", "kind": "health"},
        sidecar=[Series(ml.LAST_SCORE.name, {"environment": "quiet"}, 1.7e9)],
    )


def watchdog() -> Scenario:
    """Nothing has to happen."""
    return Scenario(
        "This alert always fires. Have something outside notice when it stops arriving.",
        {"severity": "none", "component": "pipeline", "kind": "heartbeat"},
    )


SCENARIOS: Final[Mapping[str, Callable[[], Scenario]]] = {
    "RapidAPIDown": down,
    "RapidAPISuccessRateLow": success_rate_low,
    "RapidAPISuccessRateLow critical": success_rate_critical,
    "RapidAPIResponseTimeHigh": response_time_high,
    "RapidAPIResponseTimeHigh critical": response_time_critical,
    "RapidAPIAnomalyScoreHigh": score_high,
    "MLSidecarNotScoring": not_scoring,
    "MLSidecarQueriesFailing": queries_failing,
    "MLSidecarCycleSlow": cycle_slow,
    "MLSidecarSeriesDropped": series_dropped,
    "RapidAPIAnomaly": anomaly,
    "MLSidecarSilent": sidecar_silent,
    "Watchdog": watchdog,
}

"""By the alert's name, with its severity behind it where it has two."""

PROMTOOL_ONLY: Final[Mapping[str, str]] = {
    "RapidAPIErrorBudgetNotRecorded warning": "fires only where Prometheus does not evaluate one group of its rules",
}
"""Alerts, with their severity behind the name, that no test of a minute can see fire, and why; promtool alone proves them."""
