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
_SHOWN: Final = 5
"""Names that an alert about many APIs lists at most."""


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


def _down_by_themselves(matchers: str = "") -> str:
    """Return the APIs that are down, without those whose parent is: they count with the parent."""
    down = f'{ALERTS}{{alertname="{DOWN}"{matchers}}}'
    return f'group {BY_API} ({down}) unless {ON_API} {ALERTS}{{alertname="{PARENT_DOWN}"}}'


def _names(query: str) -> str:
    """Return template text that lists the first few APIs by name; `%q` in the query stands for the alert's environment."""
    quoted = query.replace('"', '\\"')
    return (
        f'{{{{ $apis := printf "{quoted}" $labels.environment | query | sortByLabel "api_name" }}}}'
        f"{{{{ if gt (len $apis) {_SHOWN} }}}}, among them{{{{ else if $apis }}}}:{{{{ end }}}}"
        f"{{{{ range $i, $api := $apis }}}}{{{{ if lt $i {_SHOWN} }}}}"
        "{{ if $i }},{{ end }} {{ $api.Labels.api_name }}{{ end }}{{ end }}"
    )


def many_down(settings: Settings) -> AlertingRule:
    """Return the alert for many APIs down at once."""
    return alert(
        MANY_DOWN,
        settings,
        expr=_many(_down_by_themselves(), raw.REQUESTS.name, settings),
        for_=settings.many_for,
        severity="critical",
        kind="symptom",
        component="api",
        per_api=False,
        board=OVERVIEW,
        summary="Many APIs are down at once.",
        description=(
            "{{ $labels.environment }}: expected APIs to fail independently, seen {{ $value }} down at once"
            f"{_names(_down_by_themselves(',environment=%q'))}. "
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
