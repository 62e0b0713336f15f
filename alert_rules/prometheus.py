"""Do Prometheus and Alertmanager themselves work? Sidecar and collector have alerts of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules import foreign
from alert_rules.annotations import PIPELINE, alert
from alert_rules.model import AlertingRule, Group
from alert_rules.servers import ALERTMANAGER_JOB, PROMETHEUS_JOB
from alert_rules.settings import duration
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings

_BY_TARGET: Final = "by (job, instance)"
_TARGET: Final = "{{ $labels.job }} at {{ $labels.instance }}"


def _health(
    name: str,
    settings: Settings,
    expr: str,
    for_: int,
    summary: str,
    description: str,
    component: str = "prometheus",
) -> AlertingRule:
    return alert(
        name,
        settings,
        expr=expr,
        for_=for_,
        severity="warning",
        kind="health",
        component=component,
        per_api=False,
        board=PIPELINE,
        summary=summary,
        description=description,
    )


def target_down(settings: Settings) -> AlertingRule:
    """Return the alert for one target of several."""
    return _health(
        "PrometheusTargetDown",
        settings,
        f"max {_BY_TARGET} ({foreign.UP}) == 0\nunless on (job) max by (job) ({foreign.UP}) == 0",
        settings.target_for,
        "A scrape target does not answer.",
        f"{_TARGET}: expected every target to answer, seen this one down while others of its job answer.",
    )


def job_down(settings: Settings) -> AlertingRule:
    """Return the alert for all targets of a job; collector and sidecar are told by alerts of their own."""
    own = f'job!="{raw.JOB}",job!="{ml.JOB}"'
    return _health(
        "PrometheusJobDown",
        settings,
        f"max by (job) ({foreign.UP}{{{own}}}) == 0",
        settings.target_for,
        "No target of a job answers.",
        "{{ $labels.job }}: expected at least one target to answer, seen all of them down.",
    )


def job_absent(settings: Settings) -> AlertingRule:
    """Return the alert for a job that has no target at all."""
    jobs = (PROMETHEUS_JOB, ALERTMANAGER_JOB)
    return _health(
        "PrometheusJobAbsent",
        settings,
        "\nor\n".join(f'absent({foreign.UP}{{job="{job}"}})' for job in jobs),
        settings.target_for,
        "A job has no targets.",
        "{{ $labels.job }}: expected at least one target, seen none; is it in prometheus.yml?",
    )


def restarting(settings: Settings) -> AlertingRule:
    """Return the alert for a process that starts again and again."""
    window = duration(settings.restart_window)
    return _health(
        "PrometheusTargetRestarting",
        settings,
        f"max {_BY_TARGET} (changes({foreign.PROCESS_START}[{window}])) > {settings.restarts}",
        settings.restart_for,
        "A process restarts again and again.",
        f"{_TARGET}: expected at most {settings.restarts} restarts within {window}, seen {{{{ $value }}}}.",
    )


def rule_failures(settings: Settings) -> AlertingRule:
    """Return the alert for rules that cannot be evaluated."""
    window = duration(settings.meta_window)
    return _health(
        "PrometheusRuleFailures",
        settings,
        f"sum by (job, instance, rule_group) (increase({foreign.RULE_FAILURES}[{window}])) > 0",
        settings.meta_for,
        "Rules cannot be evaluated.",
        f"{_TARGET}: expected every rule of {{{{ $labels.rule_group }}}} to be evaluated, seen "
        f'{{{{ $value | printf "%.0f" }}}} failures within {window}.',
    )


def evaluation_slow(settings: Settings) -> AlertingRule:
    """Return the alert for groups of rules that take longer than their interval."""
    by = "by (job, instance, rule_group)"
    return _health(
        "PrometheusRuleEvaluationSlow",
        settings,
        f"max {by} (avg_over_time({foreign.RULE_GROUP_DURATION}[{duration(settings.meta_window)}]))\n"
        f"  > max {by} ({foreign.RULE_GROUP_INTERVAL})",
        settings.evaluation_for,
        "Evaluating rules takes longer than its interval.",
        f"{_TARGET}: expected {{{{ $labels.rule_group }}}} to be evaluated within its interval, seen "
        "{{ $value | humanizeDuration }} on average.",
    )


def reload_failed(settings: Settings) -> AlertingRule:
    """Return the alert for a Prometheus that goes on with a former configuration."""
    return _health(
        "PrometheusConfigReloadFailed",
        settings,
        f"max {_BY_TARGET} ({foreign.PROMETHEUS_RELOAD}) == 0",
        settings.reload_for,
        "Prometheus could not load its configuration.",
        f"{_TARGET}: expected the last load of configuration and rules to succeed, seen it fail; the former ones are "
        "in service.",
    )


def alertmanager_unreachable(settings: Settings) -> AlertingRule:
    """Return the alert for alerts that do not reach Alertmanager; whoever misses the watchdog reads it in Prometheus."""
    window = duration(settings.meta_window)
    errors = f"sum {_BY_TARGET} (rate({foreign.NOTIFICATION_ERRORS}[{window}]))"
    sent = f"sum {_BY_TARGET} (rate({foreign.NOTIFICATIONS_SENT}[{window}]))"
    return _health(
        "PrometheusAlertmanagerUnreachable",
        settings,
        f"{errors}\n  / ({sent} > 0) > {settings.notification_failures:g}\n"
        f"or max {_BY_TARGET} ({foreign.ALERTMANAGERS}) == 0",
        settings.meta_for,
        "Alerts do not reach Alertmanager.",
        f"{_TARGET}: expected every alert to reach Alertmanager, seen errors or no Alertmanager at all.",
    )


def notifications_failing(settings: Settings) -> AlertingRule:
    """Return the alert for messages that do not leave Alertmanager."""
    by = "by (job, instance, integration)"
    window = duration(settings.meta_window)
    failed = f"sum {by} (rate({foreign.MESSAGES_FAILED}[{window}]))"
    return _health(
        "AlertmanagerNotificationsFailing",
        settings,
        f"{failed}\n  / (sum {by} (rate({foreign.MESSAGES}[{window}])) > 0) > {settings.notification_failures:g}",
        settings.meta_for,
        "Alertmanager cannot send messages.",
        f"{_TARGET}: expected every message by {{{{ $labels.integration }}}} to arrive, seen "
        "{{ $value | humanizePercentage }} of them fail.",
        "alertmanager",
    )


def alertmanager_reload_failed(settings: Settings) -> AlertingRule:
    """Return the alert for an Alertmanager that goes on with a former configuration."""
    return _health(
        "AlertmanagerConfigReloadFailed",
        settings,
        f"max {_BY_TARGET} ({foreign.ALERTMANAGER_RELOAD}) == 0",
        settings.reload_for,
        "Alertmanager could not load its configuration.",
        f"{_TARGET}: expected the last load of the configuration to succeed, seen it fail; the former one is in "
        "service.",
        "alertmanager",
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules = tuple(
        build(settings)
        for build in (
            target_down,
            job_down,
            job_absent,
            restarting,
            rule_failures,
            evaluation_slow,
            reload_failed,
            alertmanager_unreachable,
            notifications_failing,
            alertmanager_reload_failed,
        )
    )
    return Group("prometheus", rules, settings.interval, settings.series_limit)
