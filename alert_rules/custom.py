"""Alert rules that people add, list and remove while everything runs."""

from __future__ import annotations

import asyncio
import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alert_rules.custom_rule import CustomRule, Threshold
from alert_rules.errors import InvalidRuleError
from alert_rules.generate import PROVISIONING, RULES, groups
from alert_rules.model import AlertingRule, Severity
from alert_rules.rule_file import RuleFile
from alert_rules.settings import DEFAULT, Settings

DEFAULT_PROMETHEUS_URL: Final = "http://localhost:9090"


@dataclass(frozen=True, slots=True)
class CustomRuleResult:
    """What became of a custom rule.

    Attributes:
        name: The alert's name.
        expr: The PromQL that Prometheus evaluates, or did until now.
        path: The file it stands in, or stood.
        replaced: Whether a rule of this name was there before.
        validated: Whether promtool has checked it; where there is none, Prometheus itself has.
        reloaded: Whether Prometheus has the change in service already.
        message: One sentence for people.
    """

    name: str
    expr: str
    path: Path
    replaced: bool
    validated: bool
    reloaded: bool
    message: str


@dataclass(frozen=True, slots=True)
class ListedRule:
    """A custom rule as it stands in the file."""

    name: str
    severity: str
    expr: str
    description: str


class AlertManager:
    """Adds alert rules to a running Prometheus, lists and removes them.

    Args:
        rules_dir: Folder that Prometheus reads rules from; `RULES_DIR`, or the project's own, by default.
        prometheus_url: Whom to tell; `PROMETHEUS_URL`, or port 9090 of this machine, by default.
        settings: What the built-in rules are made from too.
    """

    def __init__(
        self, rules_dir: Path | None = None, prometheus_url: str | None = None, settings: Settings = DEFAULT
    ) -> None:
        self._rules_dir = rules_dir
        self._prometheus_url = prometheus_url
        self._settings = settings

    async def add_custom_alert_rule(
        self,
        name: str,
        metric: str,
        threshold: Threshold,
        operator: str,
        severity: Severity,
        description: str,
    ) -> CustomRuleResult:
        """Add an alert that fires where `metric operator threshold` holds for a minute; replace one of the same name.

        Args:
            name: Any text, spaces and accents included.
            metric: A feature, a metric of the contracts, `ml_anomaly`, `performance_trend`, or any PromQL.
            threshold: In the metric's unit: percent, seconds, or a score from 0 to 1. `learned` for a feature: what
                the sidecar has learnt for that feature, severity and side, and whatever it learns from now on.
            operator: `>`, `>=`, `<`, `<=`, `==` or `!=`.
            severity: `critical`, `warning`, `info` or `none`.
            description: One sentence that says what the alert means.

        Raises:
            InvalidRuleError: If an argument is not valid, or promtool refuses the rule.
            ReloadRefusedError: If Prometheus does not take the rules; the former file is back in place then.
            UncheckedRulesError: If there is no promtool and Prometheus cannot be asked either; nothing has changed.
        """
        asked = CustomRule(name, metric, threshold, operator, severity, description)
        built_in = {
            rule.alert
            for group in groups(self._settings)
            for rule in group.rules
            if isinstance(rule, AlertingRule)
        }
        return await asyncio.to_thread(self._add, asked.build(self._settings, built_in))

    async def list_custom_alert_rules(self) -> list[ListedRule]:
        """Return the rules that were added, oldest first.

        Raises:
            InvalidRuleError: If somebody has damaged the file.
        """
        return [
            ListedRule(
                rule["alert"], rule["labels"]["severity"], rule["expr"], rule["annotations"]["summary"]
            )
            for rule in await asyncio.to_thread(self._file().read)
        ]

    async def remove_custom_alert_rule(self, name: str) -> CustomRuleResult:
        """Remove a rule that was added.

        Raises:
            InvalidRuleError: If there is no rule of this name.
            ReloadRefusedError: If Prometheus does not take the rules; the former file is back in place then.
            UncheckedRulesError: If there is no promtool and Prometheus cannot be asked either; nothing has changed.
        """
        return await asyncio.to_thread(self._remove, name)

    def _file(self) -> RuleFile:
        directory = self._rules_dir or Path(os.environ.get("RULES_DIR", PROVISIONING / RULES))
        url = self._prometheus_url or os.environ.get("PROMETHEUS_URL", DEFAULT_PROMETHEUS_URL)
        return RuleFile(directory, url, self._settings)

    def _add(self, rule: AlertingRule) -> CustomRuleResult:
        file = self._file()
        with file.locked():
            rules = file.read()
            kept = [other for other in rules if other.get("alert") != rule.alert]
            saved = file.save([*kept, rule.as_mapping()])
        return CustomRuleResult(
            name=rule.alert,
            expr=rule.expr,
            path=file.path,
            replaced=len(kept) < len(rules),
            validated=saved.validated,
            reloaded=saved.reloaded,
            message=f"{rule.alert!r} is written to {file.path}; {saved.note}",
        )

    def _remove(self, name: str) -> CustomRuleResult:
        file = self._file()
        with file.locked():
            rules = {str(rule.get("alert")): rule for rule in file.read()}
            rule = rules.pop(name, None)
            if rule is None:
                near = difflib.get_close_matches(name, rules, n=1) or sorted(rules)
                there = f"; there is {', '.join(map(repr, near))}" if near else ""
                raise InvalidRuleError("name", f"there is no custom rule {name!r} in {file.path}{there}")
            saved = file.save(list(rules.values()))
        return CustomRuleResult(
            name=name,
            expr=rule["expr"],
            path=file.path,
            replaced=False,
            validated=saved.validated,
            reloaded=saved.reloaded,
            message=f"{name!r} is removed from {file.path}; {saved.note}",
        )
