"""Causes that many alerts have in common: a parent that is down, many APIs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.annotations import API, OVERVIEW, alert
from alert_rules.expressions import BY_API, DOWN, ON_API, not_after_outage, sidecar_is_fresh
from alert_rules.foreign import ALERTS
from alert_rules.model import AlertingRule, Group
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings

PARENT_DOWN: Final = "RapidAPIParentDown"
MANY_DOWN: Final = "RapidAPIManyDown"
MANY_ANOMALOUS: Final = "RapidAPIManyAnomalous"
_DOWN: Final = f'{ALERTS}{{alertname="{DOWN}"}}'
"""Pending ones too: what silences others must be there before they fire."""


def parent_down(settings: Settings) -> AlertingRule:
    """Return the alert that silences an API while another one is down that it depends on; it is sent to nobody."""
    parents = f'label_replace({_DOWN}, "parent", "$1", "api_name", "(.*)")'
    return alert(
        PARENT_DOWN,
        settings,
        expr=f"group by (api_name, environment, parent) ({raw.PARENT_INFO.name} and on (parent, environment) {parents}) == 1",
        hold=settings.hold,
        severity="none",
        kind="inhibitor",
        component="api",
        summary="An API depends on one that is down.",
        description=(
            f"{API} depends on {{{{ $labels.parent }}}}: expected it to answer, seen it down. Alerts of this API are held back."
        ),
    )


def _many(these: str, of: str, settings: Settings) -> str:
    count = f"count by (environment) ({these})"
    total = f"count by (environment) (group {BY_API} ({of}))"
    return (
        f"{count} >= {settings.many}\n"
        f"and on (environment) {count} / on (environment) {total} >= {settings.many_share:g}"
    )


def many_down(settings: Settings) -> AlertingRule:
    """Return the alert for many APIs down at once; those whose parent is down count with the parent."""
    explained = f'{ALERTS}{{alertname="{PARENT_DOWN}"}}'
    return alert(
        MANY_DOWN,
        settings,
        expr=_many(f"group {BY_API} ({_DOWN}) unless {ON_API} {explained}", raw.REQUESTS.name, settings),
        for_=settings.many_for,
        severity="critical",
        kind="symptom",
        component="api",
        per_api=False,
        board=OVERVIEW,
        summary="Many APIs are down at once.",
        description=(
            "{{ $labels.environment }}: expected APIs to fail independently, seen {{ $value }} down at once. "
            "Look for what they share: network, DNS, proxy, the collector's host."
        ),
    )


def many_anomalous(settings: Settings) -> AlertingRule:
    """Return the alert for many open episodes at once: a shared cause, or a fault of the model."""
    these = f"max {BY_API} ({ml.ANOMALY.name}) > 0 {not_after_outage(settings)}"
    return alert(
        MANY_ANOMALOUS,
        settings,
        expr=f"{_many(these, ml.ANOMALY.name, settings)}\nand {sidecar_is_fresh(settings)}",
        for_=settings.many_anomalous_for,
        hold=settings.hold,
        severity="warning",
        kind="sign",
        component="ml",
        per_api=False,
        board=OVERVIEW,
        summary="Many APIs behave unusually at once.",
        description=(
            "{{ $labels.environment }}: expected anomalies of APIs to be independent, seen {{ $value }} at once. "
            "They have a cause in common, or the model is at fault."
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group; whose parent is down comes first, for the next rule reads it."""
    rules = (parent_down(settings), many_down(settings), many_anomalous(settings))
    return Group("shared", rules, settings.interval, settings.series_limit)
