"""Alert rules that people add while everything runs."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import requests
import yaml

from alert_rules.annotations import alert_annotations
from alert_rules.errors import InvalidRuleError, ReloadRefusedError
from alert_rules.expressions import sidecar_is_fresh
from alert_rules.generate import PROVISIONING, RULES
from alert_rules.metrics import resolve
from alert_rules.model import AlertingRule, Severity
from alert_rules.promtool import check_rules
from alert_rules.settings import DEFAULT, Settings, duration
from alert_rules.writer import to_yaml, write_atomically

FILE_NAME: Final = "custom.yml"
OPERATORS: Final = (">", ">=", "<", "<=", "==", "!=")
DEFAULT_PROMETHEUS_URL: Final = "http://localhost:9090"
_SOURCE: Final = "calls of add_custom_alert_rule"
_GENERATOR: Final = "alert_rules.alert_manager"
_FOR: Final = 60
_TIMEOUT: Final = 15
_LIFECYCLE_OFF: Final = (403, 404, 405)
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class CustomRuleResult:
    """What became of a custom rule.

    Attributes:
        name: The alert's name.
        expr: The PromQL that Prometheus evaluates.
        path: The file it stands in.
        replaced: Whether a rule of this name was there before.
        validated: Whether promtool has checked it; False only where there is no promtool.
        reloaded: Whether Prometheus has it in service already.
        message: One sentence for people.
    """

    name: str
    expr: str
    path: Path
    replaced: bool
    validated: bool
    reloaded: bool
    message: str


class AlertManager:
    """Adds alert rules to a running Prometheus.

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
        self._lock = threading.Lock()

    async def add_custom_alert_rule(
        self, name: str, metric: str, threshold: float, operator: str, severity: Severity, description: str
    ) -> CustomRuleResult:
        """Add an alert that fires where `metric operator threshold` holds for a minute; replace one of the same name.

        Args:
            name: Any text, spaces and accents included.
            metric: A feature, a metric of the contracts, `ml_anomaly`, `performance_trend`, or any PromQL.
            threshold: In the metric's unit: percent, seconds, or a score from 0 to 1.
            operator: One of `OPERATORS`.
            severity: `critical`, `warning`, `info` or `none`.
            description: One sentence that says what the alert means.

        Raises:
            InvalidRuleError: If an argument is not valid, or promtool refuses the rule.
            ReloadRefusedError: If Prometheus does not take the rules; the former file is back in place then.
        """
        rule = self._rule(name, metric, threshold, operator, severity, description)
        return await asyncio.to_thread(self._add, rule)

    def _rule(
        self, name: str, metric: str, threshold: float, operator: str, severity: Severity, description: str
    ) -> AlertingRule:
        if not name.strip():
            raise InvalidRuleError("name", "is empty")
        if operator not in OPERATORS:
            raise InvalidRuleError("operator", f"{operator!r} is none of {', '.join(OPERATORS)}")
        if severity not in get_args(Severity):
            raise InvalidRuleError("severity", f"{severity!r} is none of {', '.join(get_args(Severity))}")
        if not math.isfinite(threshold):
            raise InvalidRuleError("threshold", f"{threshold} is not a finite number")
        resolved = resolve(metric)
        expr = f"{resolved.expr} {operator} {threshold!r}"
        if resolved.needs_sidecar:
            expr += f"\nand {sidecar_is_fresh(self._settings)}"
        return AlertingRule(
            alert=name,
            expr=expr,
            severity=severity,
            for_=_FOR,
            labels={"component": "custom"},
            annotations=_annotations(description, operator, threshold, self._settings),
        )

    def _add(self, rule: AlertingRule) -> CustomRuleResult:
        directory = self._rules_dir or Path(os.environ.get("RULES_DIR", PROVISIONING / RULES))
        if not directory.is_dir():
            raise InvalidRuleError(
                "RULES_DIR", f"{directory} is not a folder; name the one that Prometheus reads"
            )
        path = directory / FILE_NAME
        with self._lock:
            former = path.read_text(encoding="utf-8") if path.exists() else None
            rules = _parse(former, path)
            kept = [other for other in rules if other.get("alert") != rule.alert]
            text = self._text([*kept, rule.as_mapping()])
            validated = check_rules(text)
            write_atomically(path, text)
            reloaded, note = self._reload(path, former)
        return CustomRuleResult(
            name=rule.alert,
            expr=rule.expr,
            path=path,
            replaced=len(kept) < len(rules),
            validated=validated,
            reloaded=reloaded,
            message=f"{rule.alert!r} is written to {path}; {note}",
        )

    def _text(self, rules: list[dict[str, Any]]) -> str:
        group = {
            "name": "custom",
            "interval": duration(self._settings.interval),
            "limit": self._settings.series_limit,
            "rules": rules,
        }
        return to_yaml({"groups": [group]}, source=_SOURCE, generator=_GENERATOR)

    def _reload(self, path: Path, former: str | None) -> tuple[bool, str]:
        """Tell Prometheus; where it refuses, put the former file back, for its next restart would fail on ours."""
        url = self._prometheus_url or os.environ.get("PROMETHEUS_URL", DEFAULT_PROMETHEUS_URL)
        try:
            answer = requests.post(f"{url.rstrip('/')}/-/reload", timeout=_TIMEOUT)
        except requests.RequestException as error:
            return False, f"{url} cannot be reached ({type(error).__name__}) and will read it when it starts"
        if answer.status_code == _OK:
            return True, f"{url} has it in service"
        if answer.status_code in _LIFECYCLE_OFF:
            return (
                False,
                f"{url} does not allow reloads (--web.enable-lifecycle); restart it, or send it a SIGHUP",
            )
        if former is None:
            path.unlink()
        else:
            write_atomically(path, former)
        raise ReloadRefusedError(url, f"HTTP {answer.status_code}: {answer.text.strip()}")


def _annotations(description: str, operator: str, threshold: float, settings: Settings) -> dict[str, str]:
    seen = (
        f"{description} {{{{ with $labels.api_name }}}}{{{{ . }}}}: {{{{ end }}}}"
        f'seen {{{{ $value | printf "%.4g" }}}}, the rule asks for {operator} {threshold:g}.'
    )
    return alert_annotations("custom-rules", description, seen, settings, per_api=False)


def _parse(text: str | None, path: Path) -> list[dict[str, Any]]:
    if text is None:
        return []
    try:
        rules: list[dict[str, Any]] = yaml.safe_load(text)["groups"][0]["rules"]
    except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        problem = f"{path} is not a file of rules any more ({error}); repair or remove it"
        raise InvalidRuleError(FILE_NAME, problem) from error
    return rules
