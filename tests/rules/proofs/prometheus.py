"""Prometheus and Alertmanager themselves."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_HEALTH: Final = {"component": "prometheus", "kind": "health"}
_ALERTMANAGER: Final = {"component": "alertmanager", "kind": "health"}
_TARGET: Final = {"job": "j", "instance": "i"}
_BOARD: Final = "rapidapi_pipeline"


def _below_one(
    alert: str,
    labels: dict[str, str],
    summary: str,
    series: str,
    says: str,
    expected: dict[str, str],
    **context: str,
) -> Proof:
    """Return the proof of an alert that fires after two minutes in which a series was 0."""
    return Proof(
        alert,
        "warning",
        labels,
        summary,
        fires=(Fires({**context, series: "1x20 0x60"}, "7m", "7m15s", says, expected),),
        healthy=(Quiet({**context, series: "1x60"}, ("3m", "10m")),),
        just_below=(Quiet({**context, series: "1x20 0x7 1x60"}, ("7m", "7m15s", "10m")),),
        board=_BOARD,
    )


_OTHER: Final = {'up{job="j",instance="other"}': "1x80"}
TARGET_DOWN: Final = Proof(
    "PrometheusTargetDown",
    "warning",
    _HEALTH,
    "A scrape target does not answer.",
    fires=(
        Fires(
            {**_OTHER, 'up{job="j",instance="i"}': "1x20 0x60"},
            "7m",
            "7m15s",
            "j at i: expected every target to answer, seen this one down while others of its job answer.",
            _TARGET,
        ),
    ),
    healthy=(Quiet({**_OTHER, 'up{job="j",instance="i"}': "1x60"}, ("10m",)),),
    just_below=(
        Quiet({**_OTHER, 'up{job="j",instance="i"}': "1x20 0x7 1x60"}, ("7m", "7m15s")),
        # All of the job: that is told once, for the job.
        Quiet({'up{job="j",instance="i"}': "0x60", 'up{job="j",instance="other"}': "0x60"}, ("10m",)),
    ),
    board=_BOARD,
)
JOB_DOWN: Final = Proof(
    "PrometheusJobDown",
    "warning",
    _HEALTH,
    "No target of a job answers.",
    fires=(
        Fires(
            {'up{job="j",instance="i"}': "1x20 0x60", 'up{job="j",instance="other"}': "0x80"},
            "7m",
            "7m15s",
            "j: expected at least one target to answer, seen all of them down.",
            {"job": "j"},
        ),
    ),
    healthy=(Quiet({'up{job="j",instance="i"}': "1x60"}, ("10m",)),),
    just_below=(
        Quiet({**_OTHER, 'up{job="j",instance="i"}': "0x60"}, ("10m",)),
        Quiet({'up{job="j",instance="i"}': "1x20 0x7 1x60"}, ("7m", "7m15s")),
        # These have alerts of their own.
        Quiet({'up{job="rapidapi-collector"}': "0x60", 'up{job="rapidapi-ml-sidecar"}': "0x60"}, ("10m",)),
    ),
    board=_BOARD,
)
JOB_ABSENT: Final = Proof(
    "PrometheusJobAbsent",
    "warning",
    _HEALTH,
    "A job has no targets.",
    fires=(
        Fires(
            {'up{job="prometheus"}': "1x60", 'up{job="alertmanager"}': "1x20 stale"},
            "7m",
            "7m15s",
            "alertmanager: expected at least one target, seen none; is it in prometheus.yml?",
            {"job": "alertmanager"},
        ),
        Fires(
            {'up{job="alertmanager"}': "1x60"},
            "1m45s",
            "2m",
            "prometheus: expected at least one target, seen none; is it in prometheus.yml?",
            {"job": "prometheus"},
        ),
    ),
    healthy=(Quiet({'up{job="prometheus"}': "1x60", 'up{job="alertmanager"}': "1x60"}, ("10m",)),),
    just_below=(
        Quiet(
            {'up{job="prometheus"}': "1x60", 'up{job="alertmanager"}': "1x20 stale _x7 1x60"}, ("7m15s", "8m")
        ),
    ),
    board=_BOARD,
)
RESTARTING: Final = Proof(
    "PrometheusTargetRestarting",
    "warning",
    _HEALTH,
    "A process restarts again and again.",
    fires=(
        Fires(
            {'process_start_time_seconds{job="j",instance="i"}': "1x9 100x9 200x9 300x60"},
            "7m45s",
            "8m",
            "j at i: expected at most 2 restarts within 30m, seen 3.",
            _TARGET,
        ),
    ),
    healthy=(Quiet({'process_start_time_seconds{job="j",instance="i"}': "1x150"}, ("35m",)),),
    just_below=(
        Quiet({'process_start_time_seconds{job="j",instance="i"}': "1x9 100x9 200x100"}, ("8m", "20m")),
        # Three within more than half an hour.
        Quiet(
            {'process_start_time_seconds{job="j",instance="i"}': "1x9 100x9 200x109 300x60"}, ("33m", "36m")
        ),
    ),
    board=_BOARD,
)
_FAILURES: Final = 'prometheus_rule_evaluation_failures_total{job="j",instance="i",rule_group="g"}'
RULE_FAILURES: Final = Proof(
    "PrometheusRuleFailures",
    "warning",
    _HEALTH,
    "Rules cannot be evaluated.",
    fires=(
        Fires(
            {_FAILURES: "0x20 1x60"},
            "7m",
            "7m15s",
            "j at i: expected every rule of g to be evaluated, seen 1 failures within 5m.",
            {**_TARGET, "rule_group": "g"},
        ),
    ),
    healthy=(Quiet({_FAILURES: "3x60"}, ("3m", "10m")),),
    just_below=(
        # Five minutes later it is over; a restart counts from zero again.
        Quiet({_FAILURES: "0x20 1x60"}, ("7m", "10m30s")),
        Quiet({_FAILURES: "5x20 0x60"}, ("8m", "10m")),
    ),
    board=_BOARD,
)
_DURATION: Final = 'prometheus_rule_group_last_duration_seconds{job="j",instance="i",rule_group="g"}'
_INTERVAL: Final = 'prometheus_rule_group_interval_seconds{job="j",instance="i",rule_group="g"}'
EVALUATION_SLOW: Final = Proof(
    "PrometheusRuleEvaluationSlow",
    "warning",
    _HEALTH,
    "Evaluating rules takes longer than its interval.",
    fires=(
        Fires(
            {_DURATION: "16x80", _INTERVAL: "15x80"},
            "9m45s",
            "10m",
            "j at i: expected g to be evaluated within its interval, seen 16s on average.",
            {**_TARGET, "rule_group": "g"},
        ),
    ),
    healthy=(Quiet({_DURATION: "0.1x80", _INTERVAL: "15x80"}, ("15m",)),),
    just_below=(
        Quiet({_DURATION: "15x80", _INTERVAL: "15x80"}, ("15m",)),
        Quiet({_DURATION: "16x30 1x60", _INTERVAL: "15x80"}, ("9m45s", "10m", "15m")),
    ),
    board=_BOARD,
)
PROMETHEUS_RELOAD: Final = _below_one(
    "PrometheusConfigReloadFailed",
    _HEALTH,
    "Prometheus could not load its configuration.",
    'prometheus_config_last_reload_successful{job="j",instance="i"}',
    "j at i: expected the last load of configuration and rules to succeed, seen it fail; the former ones are in service.",
    _TARGET,
)
ALERTMANAGER_RELOAD: Final = _below_one(
    "AlertmanagerConfigReloadFailed",
    _ALERTMANAGER,
    "Alertmanager could not load its configuration.",
    'alertmanager_config_last_reload_successful{job="j",instance="i"}',
    "j at i: expected the last load of the configuration to succeed, seen it fail; the former one is in service.",
    _TARGET,
)
_ERRORS: Final = 'prometheus_notifications_errors_total{job="j",instance="i",alertmanager="x"}'
_SENT: Final = 'prometheus_notifications_sent_total{job="j",instance="i",alertmanager="x"}'
_KNOWN: Final = 'prometheus_notifications_alertmanagers_discovered{job="j",instance="i"}'
_LOST: Final = "j at i: expected every alert to reach Alertmanager, seen errors or no Alertmanager at all."
UNREACHABLE: Final = Proof(
    "PrometheusAlertmanagerUnreachable",
    "warning",
    _HEALTH,
    "Alerts do not reach Alertmanager.",
    fires=(
        Fires({_ERRORS: "0+0.11x60", _SENT: "0+10x60", _KNOWN: "1x60"}, "2m", "2m15s", _LOST, _TARGET),
        Fires({_KNOWN: "1x20 0x60"}, "7m", "7m15s", _LOST, _TARGET),
    ),
    healthy=(Quiet({_ERRORS: "0x60", _SENT: "0+10x60", _KNOWN: "1x60"}, ("10m",)),),
    just_below=(
        Quiet({_ERRORS: "0+0.095x60", _SENT: "0+10x60", _KNOWN: "1x60"}, ("10m",)),
        Quiet({_ERRORS: "0+1x60", _SENT: "0x60", _KNOWN: "1x60"}, ("10m",)),
        Quiet({_KNOWN: "1x20 0x7 1x60"}, ("7m", "7m15s")),
    ),
    board=_BOARD,
)
_FAILED: Final = 'alertmanager_notifications_failed_total{job="j",instance="i",integration="email"}'
_MESSAGES: Final = 'alertmanager_notifications_total{job="j",instance="i",integration="email"}'
NOTIFICATIONS: Final = Proof(
    "AlertmanagerNotificationsFailing",
    "warning",
    _ALERTMANAGER,
    "Alertmanager cannot send messages.",
    fires=(
        Fires(
            {_FAILED: "0+0.11x60", _MESSAGES: "0+10x60"},
            "2m",
            "2m15s",
            "j at i: expected every message by email to arrive, seen 1.1% of them fail.",
            {**_TARGET, "integration": "email"},
        ),
    ),
    healthy=(Quiet({_FAILED: "0x60", _MESSAGES: "0+10x60"}, ("10m",)),),
    just_below=(
        Quiet({_FAILED: "0+0.095x60", _MESSAGES: "0+10x60"}, ("10m",)),
        Quiet({_FAILED: "0+1x60", _MESSAGES: "0x60"}, ("10m",)),
    ),
    board=_BOARD,
)

PROOFS: Final = (
    TARGET_DOWN,
    JOB_DOWN,
    JOB_ABSENT,
    RESTARTING,
    RULE_FAILURES,
    EVALUATION_SLOW,
    PROMETHEUS_RELOAD,
    ALERTMANAGER_RELOAD,
    UNREACHABLE,
    NOTIFICATIONS,
)
