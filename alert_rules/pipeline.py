"""How many alerts fire, and does an alert get through at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.annotations import PIPELINE, alert
from alert_rules.model import AlertingRule, Group, RecordingRule
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


def watchdog(settings: Settings) -> AlertingRule:
    """Return the alert that always fires; whoever stops hearing it knows that alerts no longer get through."""
    return alert(
        "Watchdog",
        settings,
        expr="vector(1)",
        severity="none",
        kind="heartbeat",
        component="pipeline",
        per_api=False,
        board=PIPELINE,
        summary="Alerts get through.",
        description="This alert always fires. Have something outside notice when it stops arriving.",
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules: tuple[Rule, ...] = (
        *(alerts_active(severity) for severity in COUNTED_SEVERITIES),
        watchdog(settings),
    )
    return Group("pipeline", rules, settings.interval, settings.series_limit)
