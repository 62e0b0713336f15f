"""What proves an alert: when it fires and what it says, when it does not, and how promtool is asked.

A proof is written in literals; only what every promtool file repeats is filled in. A proof runs against its one rule out
of the committed files, so that it stays small enough to be repeated for every mutation of that rule.
"""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from alert_rules.generate import PROVISIONING
from demo.tools import tool

RULES: Final = PROVISIONING / "prometheus" / "rules"
API: Final = {"api_name": "a", "environment": "e"}

Series = Mapping[str, str]
"""Promtool's values by series, in which `{a` stands for the API a in the environment e, and `{e` for that environment."""


@dataclass(frozen=True)
class Fires:
    """A case in which the alert fires.

    Attributes:
        series: What is measured.
        before: The last evaluation before it fires, of which `for` is the reason.
        at: The first evaluation at which it fires, or a later one.
        says: The description.
        labels: Labels beyond those of the rule.
    """

    series: Series
    before: str
    at: str
    says: str
    labels: Mapping[str, str] = field(default_factory=lambda: API)


@dataclass(frozen=True)
class Quiet:
    """A case in which nothing fires, at any of the times."""

    series: Series
    at: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """All cases of one alert in one severity.

    Attributes:
        alert: Its name.
        severity: Its severity.
        labels: The rule's own labels beside the severity.
        summary: Its summary.
        fires: When it fires.
        healthy: When nothing is wrong.
        just_below: When hardly anything is missing.
        also: What else it has to stand: samples missing, stale, not a number, counters reset, held and released.
        interval: Between two evaluations, in promtool's words.
        board: The dashboard to which it leads; that of one API in depth where none is named.
    """

    alert: str
    severity: str
    labels: Mapping[str, str]
    summary: str
    fires: tuple[Fires, ...]
    healthy: tuple[Quiet, ...]
    just_below: tuple[Quiet, ...]
    also: tuple[Quiet | Fires, ...] = ()
    interval: str = "15s"
    board: str = ""

    @property
    def id(self) -> str:
        """Name and severity."""
        return f"{self.alert}-{self.severity}"

    def rule(self) -> dict[str, Any]:
        """The committed rule."""
        return copy.deepcopy(committed()[self.alert, self.severity])

    def tests(self, rule_file: str, *, annotations: bool = True) -> str:
        """The content of a promtool file."""
        cases = (*self.fires, *self.healthy, *self.just_below, *self.also)
        content = {
            "rule_files": [rule_file],
            "evaluation_interval": self.interval,
            "tests": [self._case(case, annotations=annotations) for case in cases],
        }
        return yaml.safe_dump(content, allow_unicode=True)

    def _case(self, case: Fires | Quiet, *, annotations: bool) -> dict[str, Any]:
        series = [{"series": _written_out(name), "values": values} for name, values in case.series.items()]
        quiet = case.at if isinstance(case, Quiet) else (case.before,)
        checks = [{"eval_time": at, "alertname": self.alert, "exp_alerts": []} for at in quiet if at]
        if isinstance(case, Fires):
            expected = self._expected(case)
            if not annotations:
                del expected["exp_annotations"]
            checks.append({"eval_time": case.at, "alertname": self.alert, "exp_alerts": [expected]})
        return {"interval": self.interval, "input_series": series, "alert_rule_test": checks}

    def _expected(self, case: Fires) -> dict[str, Any]:
        of = case.labels
        in_depth = f"rapidapi_api?var-environment={of.get('environment')}&var-api_name={of.get('api_name')}"
        return {
            "exp_labels": {"severity": self.severity, **self.labels, **case.labels},
            "exp_annotations": {
                "summary": self.summary,
                "description": case.says,
                "runbook_url": f"docs/runbook.md#{self.alert.lower()}",
                "dashboard_url": f"http://localhost:3000/d/{self.board or in_depth}",
            },
        }


def _written_out(name: str) -> str:
    name = re.sub(r"\{a(?=[,}])", '{api_name="a",environment="e"', name)
    return re.sub(r"\{e(?=[,}])", '{environment="e"', name)


def committed() -> dict[tuple[str, str], dict[str, Any]]:
    """Every alerting rule in the committed files by name and severity."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    found[rule["alert"], rule["labels"]["severity"]] = rule
    return found


def failed(proof: Proof, variants: Iterable[Mapping[str, Any]], folder: Path) -> list[str]:
    """Return promtool's complaints about each variant of the proof's rule, in order; empty where there is none.

    A variant without annotations is not asked for any: their templates take most of promtool's time.
    """
    files = []
    for number, rule in enumerate(variants):
        group = {"name": "proof", "rules": [dict(rule)]}
        (folder / f"{number}.rules.yml").write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
        files.append(folder / f"{number}.test.yml")
        tests = proof.tests(f"{number}.rules.yml", annotations="annotations" in rule)
        files[-1].write_text(tests, encoding="utf-8")
    told = subprocess.run(
        [tool("promtool"), "test", "rules", *files], capture_output=True, text=True, check=False
    )
    passed = ["SUCCESS" in part for part in told.stdout.split("Unit Testing:")[1:]]
    complaints = iter(told.stderr.split("  FAILED:\n")[1:])
    return ["" if ok else next(complaints) for ok in passed]
