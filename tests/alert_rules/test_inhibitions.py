"""What silences what: by logic over all alerts, and before a running Alertmanager."""

from __future__ import annotations

import itertools
import re

from alert_rules.generate import groups
from alert_rules.inhibitions import INHIBITIONS, Inhibition
from alert_rules.model import AlertingRule
from collector.contract import API_LABELS

Labels = dict[str, str]


def _alerts() -> list[Labels]:
    """The labels of every alert, of an API called x in the environment e where it concerns one."""
    return [
        {"alertname": rule.alert, "severity": rule.severity, **rule.labels}
        | ({"api_name": "x"} if "$labels.api_name" in rule.annotations["description"] else {})
        | ({"environment": "e"} if rule.alert != "Watchdog" else {})
        for group in groups()
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    ]


def _matches(matchers: tuple[str, ...], labels: Labels) -> bool:
    for matcher in matchers:
        parsed = re.fullmatch(r'(\w+)(=~|!=|=)"(.*)"', matcher)
        assert parsed, matcher
        name, operator, wanted = parsed.groups()
        value = labels.get(name, "")
        found = bool(re.fullmatch(wanted, value)) if operator == "=~" else value == wanted
        if found == (operator == "!="):
            return False
    return True


def _silences(inhibition: Inhibition, source: Labels, target: Labels) -> bool:
    return _matches(inhibition.source, source) and _matches(inhibition.target, target)


def _pairs() -> set[tuple[str, str, tuple[str, ...]]]:
    return {
        (source["alertname"], target["alertname"], inhibition.equal)
        for inhibition in INHIBITIONS
        for source, target in itertools.product(_alerts(), repeat=2)
        if _silences(inhibition, source, target)
    }


def test_an_outage_silences_its_own_symptoms() -> None:
    """Whoever knows that an API is down need not be told that it is slow, unusual and failing."""
    assert ("RapidAPIDown", "RapidAPIAnomaly", API_LABELS) in _pairs()
    assert ("RapidAPIDown", "RapidAPISuccessRateLow", API_LABELS) in _pairs()


def test_a_silent_sidecar_silences_what_it_said() -> None:
    """Alerts that rest on the sidecar are no news while it does not score."""
    assert ("MLSidecarSilent", "RapidAPIAnomaly", ("environment",)) in _pairs()
