"""The sidecar, its models, Prometheus and Alertmanager themselves."""

from __future__ import annotations

from alert_rules import foreign
from alert_rules.servers import ALERTMANAGER_JOB, PROMETHEUS_JOB
from collector import contract as raw
from ml_sidecar import contract as ml
from tests.integration.exposition import Series, rising
from tests.integration.scenarios.scenario import Scenario, health_of, labels_of, of, traffic

DEAD_JOB = "exporter"
"""A job of which the only target is dead."""


def watchdog() -> Scenario:
    """Nothing has to happen."""
    return Scenario(
        "This alert always fires. Have something outside notice when it stops arriving.",
        {"severity": "none", "component": "pipeline", "kind": "heartbeat"},
    )


# ------------------------------------------------------------------ the sidecar


def sidecar_silent() -> Scenario:
    """A sidecar shows its last word for ever."""
    return Scenario(
        "Expected a score at most 10s old, seen one of <time> ago in quiet. "
        "Anomalies, forecasts and learnt thresholds are not watched meanwhile.",
        health_of("sidecar", environment="quiet"),
        sidecar=[of("quiet", ml.LAST_SCORE, 1.7e9)],
    )


def not_scoring() -> Scenario:
    """An API is probed, others are scored."""
    return Scenario(
        "unscored (staging): expected an anomaly score, seen none for 15s, while it is measured and other APIs are "
        "scored.",
        labels_of("unscored", "warning", "sidecar", "health"),
        collector=traffic("unscored"),
    )


def queries_failing() -> Scenario:
    """A tenth of the queries fail."""
    return Scenario(
        "refused: expected at most 5 % of the sidecar's queries to fail, seen <n>% over 5s.",
        health_of("sidecar", environment="refused"),
        sidecar=[of("refused", ml.QUERIES, rising(10)), of("refused", ml.QUERY_FAILURES, rising(1))],
    )


def cycle_slow() -> Scenario:
    """A cycle takes 0.9 s, where there is one every second."""
    return Scenario(
        "late: expected a scoring cycle to take at most 0.8 s, as there is one every 1s; seen 0.9 s on average over 5s.",
        health_of("sidecar", environment="late"),
        sidecar=[of("late", ml.CYCLE_DURATION, 0.9)],
    )


def series_dropped() -> Scenario:
    """The cap cuts two series off in every second."""
    return Scenario(
        "capped: expected every series to be exported, seen <n> left out within 15s because of the cap.",
        health_of("sidecar", environment="capped"),
        sidecar=[of("capped", ml.SERIES_DROPPED, rising(2))],
    )


# ------------------------------------------------------------------ the models


def model_old() -> Scenario:
    """The model is of last year, and nothing has been trained since."""
    return Scenario(
        "anomaly_detector (neglected): expected a training every 24m, seen the last one <time> ago.",
        health_of("model", environment="neglected", model_name="anomaly_detector"),
        sidecar=[of("neglected", ml.MODEL_TRAINED, 1.7e9, model_name="anomaly_detector")],
    )


def drift() -> Scenario:
    """A feature is not what it was."""
    return Scenario(
        "response time (adrift): expected a population stability index of at most 0.2 against the training window, "
        "seen 0.35.",
        health_of("model", environment="adrift", feature=ml.RESPONSE_TIME),
        sidecar=[of("adrift", ml.DRIFT, 0.35, feature=ml.RESPONSE_TIME)],
    )


def coverage_low() -> Scenario:
    """Three of ten values are outside."""
    return Scenario(
        "success rate (adrift): expected 90 % of the values inside their forecast interval, and at least 80 %; seen 70%.",
        health_of("model", environment="adrift", feature=ml.SUCCESS_RATE),
        sidecar=[of("adrift", ml.COVERAGE, 0.7, feature=ml.SUCCESS_RATE)],
    )


def skill_lost() -> Scenario:
    """Forecasts are worse than naive ones."""
    return Scenario(
        "success rate (adrift): expected forecasts better than naive ones, a skill above 0; seen -0.1.",
        health_of("model", environment="adrift", feature=ml.SUCCESS_RATE),
        sidecar=[of("adrift", ml.SKILL, -0.1, feature=ml.SUCCESS_RATE)],
    )


def false_alarms() -> Scenario:
    """There were one and a half times as many episodes as promised."""
    return Scenario(
        "adrift: expected the anomalies of 7 days to stay within the false-alarm budget, seen 150% of it used, "
        "unless real incidents were among them.",
        health_of("model", environment="adrift"),
        sidecar=[of("adrift", ml.BUDGET_USED, 1.5)],
    )


# ------------------------------------------------------------------ Prometheus and Alertmanager

_AT = {"job": PROMETHEUS_JOB, "instance": "<prometheus>"}
_PLACE = f"{PROMETHEUS_JOB} at <prometheus>"


def target_down() -> Scenario:
    """The second collector has died, the first lives."""
    return Scenario(
        f"{raw.JOB} at <doomed>: expected every target to answer, seen this one down while others of its job answer.",
        health_of("prometheus", job=raw.JOB, instance="<doomed>"),
    )


def job_down() -> Scenario:
    """A job has one target, and that is dead."""
    return Scenario(
        f"{DEAD_JOB}: expected at least one target to answer, seen all of them down.",
        health_of("prometheus", job=DEAD_JOB),
    )


def job_absent() -> Scenario:
    """Somebody has forgotten to scrape Alertmanager."""
    return Scenario(
        f"{ALERTMANAGER_JOB}: expected at least one target, seen none; is it in prometheus.yml?",
        health_of("prometheus", job=ALERTMANAGER_JOB),
    )


def restarting() -> Scenario:
    """A process has another start time in every second."""
    return Scenario(
        f"{_PLACE}: expected at most 2 restarts within 30s, seen <n>.",
        health_of("prometheus", **_AT),
        prometheus=[Series(foreign.PROCESS_START, {}, rising(1))],
    )


def rule_failures() -> Scenario:
    """A group of rules fails in every second."""
    return Scenario(
        f"{_PLACE}: expected every rule of broken to be evaluated, seen <n> failures within 5s.",
        health_of("prometheus", **_AT, rule_group="broken"),
        prometheus=[Series(foreign.RULE_FAILURES, {"rule_group": "broken"}, rising(1))],
    )


def evaluation_slow() -> Scenario:
    """A group of rules takes two seconds, one after the other."""
    labels = {"rule_group": "heavy"}
    return Scenario(
        f"{_PLACE}: expected heavy to be evaluated within its interval, seen 2s on average.",
        health_of("prometheus", **_AT, **labels),
        prometheus=[
            Series(foreign.RULE_GROUP_DURATION, labels, 2),
            Series(foreign.RULE_GROUP_INTERVAL, labels, 1),
        ],
    )


def prometheus_reload_failed() -> Scenario:
    """Prometheus goes on with a former configuration."""
    return Scenario(
        f"{_PLACE}: expected the last load of configuration and rules to succeed, seen it fail; "
        "the former ones are in service.",
        health_of("prometheus", **_AT),
        prometheus=[Series(foreign.PROMETHEUS_RELOAD, {}, 0)],
    )


def alertmanager_unreachable() -> Scenario:
    """A Prometheus knows no Alertmanager."""
    return Scenario(
        f"{_PLACE}: expected every alert to reach Alertmanager, seen errors or no Alertmanager at all.",
        health_of("prometheus", **_AT),
        prometheus=[Series(foreign.ALERTMANAGERS, {}, 0)],
    )


def notifications_failing() -> Scenario:
    """Half of the mails are refused."""
    labels = {"integration": "email"}
    return Scenario(
        f"{_PLACE}: expected every message by email to arrive, seen <n>% of them fail.",
        health_of("alertmanager", **_AT, **labels),
        prometheus=[
            Series(foreign.MESSAGES, labels, rising(2)),
            Series(foreign.MESSAGES_FAILED, labels, rising(1)),
        ],
    )


def alertmanager_reload_failed() -> Scenario:
    """Alertmanager goes on with a former configuration."""
    return Scenario(
        f"{_PLACE}: expected the last load of the configuration to succeed, seen it fail; the former one is in service.",
        health_of("alertmanager", **_AT),
        prometheus=[Series(foreign.ALERTMANAGER_RELOAD, {}, 0)],
    )
