"""Does the monitoring itself live? How many alerts fire, is the sidecar heard, does an alert get through at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.annotations import alert_annotations
from alert_rules.model import AlertingRule, Group, RecordingRule
from alert_rules.settings import duration
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.model import Rule
    from alert_rules.settings import Settings

COUNTED_SEVERITIES: Final = ("critical", "warning", "info")


def alerts_active(severity: str) -> RecordingRule:
    """Return the count of firing alerts per environment.

    Zero where none fires in an environment that the collector or the sidecar reports, and one zero without an
    environment where neither does: a count that vanished would look like silence.
    """
    firing = f'count by (environment) (ALERTS{{alertstate="firing",severity="{severity}"}})'
    environments = f"0 * group by (environment) ({raw.UPTIME.name} or {ml.LAST_SCORE.name})"
    return RecordingRule(
        ml.ALERTS_ACTIVE, f"{firing}\nor {environments}\nor on () vector(0)", {"severity": severity}
    )


def sidecar_silent(settings: Settings) -> AlertingRule:
    """Return the alert for a sidecar that no longer scores, whether it hangs, has died or was never started.

    The last timestamp is remembered after its series has gone, so that both cases are one age and keep their
    environment; only where no sidecar was heard for `sidecar_memory` does the alert come without one. No job is asked for: a sidecar
    that somebody scrapes under another name is not silent.
    """
    name = "MLSidecarSilent"
    memory = duration(settings.sidecar_memory)
    expr = (
        f"time() - max by (environment) (last_over_time({ml.LAST_SCORE.name}[{memory}])) > {settings.sidecar_max_age}\n"
        f"or on () absent_over_time({ml.LAST_SCORE.name}[{memory}])"
    )
    description = (
        f"Expected a score at most {duration(settings.sidecar_max_age)} old, seen "
        "{{ if $labels.environment }}one of {{ $value | humanizeDuration }} ago in {{ $labels.environment }}"
        f"{{{{ else }}}}none for {memory}{{{{ end }}}}. "
        "Anomalies, forecasts and learnt thresholds are not watched meanwhile."
    )
    return AlertingRule(
        alert=name,
        expr=expr,
        for_=settings.sidecar_silent_for,
        severity="warning",
        labels={"component": "sidecar"},
        annotations=alert_annotations(
            name, "The ML sidecar does not score.", description, settings, per_api=False
        ),
    )


def watchdog(settings: Settings) -> AlertingRule:
    """Return the alert that always fires; whoever stops hearing it knows that alerts no longer get through."""
    name = "Watchdog"
    return AlertingRule(
        alert=name,
        expr="vector(1)",
        severity="none",
        labels={"component": "pipeline"},
        annotations=alert_annotations(
            name,
            "Alerts get through.",
            "This alert always fires. Have something outside notice when it stops arriving.",
            settings,
            per_api=False,
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules: tuple[Rule, ...] = (
        *(alerts_active(severity) for severity in COUNTED_SEVERITIES),
        sidecar_silent(settings),
        watchdog(settings),
    )
    return Group("pipeline", rules, settings.interval, settings.series_limit)
