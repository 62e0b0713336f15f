"""Alertmanager's inhibition as logic over the labels of all alerts, for tests to ask."""

from __future__ import annotations

import re
from typing import Final

from alert_rules.generate import groups
from alert_rules.inhibitions import INHIBITIONS, Inhibition
from alert_rules.model import AlertingRule

Labels = dict[str, str]

ALERTS: Final = [rule for group in groups() for rule in group.rules if isinstance(rule, AlertingRule)]


def is_of_an_api(rule: AlertingRule) -> bool:
    """Whether the alert carries the labels of one API."""
    return "var-api_name" in rule.annotations["dashboard_url"]


def labels_of(rule: AlertingRule, api_name: str = "x", environment: str = "e") -> Labels:
    """The labels with which the alert arrives; its own kind of problem in that environment, and of that API."""
    labels = {"alertname": rule.alert, "severity": rule.severity, **rule.labels, "environment": environment}
    return labels | ({"api_name": api_name} if is_of_an_api(rule) else {})


def matches(matchers: tuple[str, ...], labels: Labels) -> bool:
    """Whether all matchers agree with the labels; one that is missing is empty."""
    return all(_matches(matcher, labels) for matcher in matchers)


def _matches(matcher: str, labels: Labels) -> bool:
    parsed = re.fullmatch(r'(\w+)(=~|!=|=)"(.*)"', matcher)
    assert parsed, matcher
    name, operator, wanted = parsed.groups()
    value = labels.get(name, "")
    if operator == "=~":
        return re.fullmatch(wanted, value) is not None
    return (value == wanted) == (operator == "=")


def silences(source: Labels, target: Labels) -> Inhibition | None:
    """The inhibition by which one alert silences another, if there is one."""
    for inhibition in INHIBITIONS:
        agrees = all(source.get(label, "") == target.get(label, "") for label in inhibition.equal)
        if agrees and matches(inhibition.source, source) and matches(inhibition.target, target):
            return inhibition
    return None
