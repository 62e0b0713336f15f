"""Recording rules, alerting rules and groups as typed values; nothing here knows what they are about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from alert_rules.settings import duration

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity = Literal["critical", "warning", "info", "none"]
Kind = Literal["symptom", "sign", "cause", "health", "note", "inhibitor", "heartbeat"]
"""What an alert tells, which decides what silences it: a symptom is felt by whoever uses the API, a sign is what the
models see in it, a cause explains symptoms to come, health is the monitoring's own, a note asks for nothing, an inhibitor
speaks to Alertmanager alone, the heartbeat always comes."""


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """One series name and the expression that fills it."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_mapping(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        rule: dict[str, Any] = {"record": self.record, "expr": self.expr}
        return rule | ({"labels": dict(self.labels)} if self.labels else {})


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """One alert. Durations are in seconds; `hold` is Prometheus' `keep_firing_for`."""

    alert: str
    expr: str
    severity: Severity
    annotations: Mapping[str, str]
    for_: int = 0
    hold: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def as_mapping(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        rule: dict[str, Any] = {"alert": self.alert, "expr": self.expr}
        if self.for_:
            rule["for"] = duration(self.for_)
        if self.hold:
            rule["keep_firing_for"] = duration(self.hold)
        rule["labels"] = {"severity": self.severity, **self.labels}
        rule["annotations"] = dict(self.annotations)
        return rule


Rule = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after the other, every `interval` seconds; one file each."""

    name: str
    rules: tuple[Rule, ...]
    interval: int
    limit: int

    def as_mapping(self) -> dict[str, Any]:
        """Return the content of a rule file that holds this group alone."""
        group = {
            "name": self.name,
            "interval": duration(self.interval),
            "limit": self.limit,
            "rules": [rule.as_mapping() for rule in self.rules],
        }
        return {"groups": [group]}
