"""The generated rules before Prometheus' own tools, and the tests themselves before mutations."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alert_rules.generate import PROVISIONING, groups
from alert_rules.model import RecordingRule
from demo.tools import tool

HERE = Path(__file__).parent
UNIT_TESTS = sorted(HERE.glob("*.test.yml"))
RULES = PROVISIONING / "prometheus" / "rules"

MUTATIONS = [
    ("availability", "[1m]", "[5m]"),
    ("availability", "\n          and on (api_name, environment) api:rapidapi_api_fresh:5m", ""),
    ("availability", "< on (api_name", "<= on (api_name"),
    ("anomaly", "for: 15s", "for: 2m"),
    ("anomaly", ">= 0.5\n", "> 0.5\n"),
    ("anomaly", "[8m])", "[7m])"),
    ("anomaly", "[8m])", "[10m])"),
    ("availability", "[8m])", "[1m])"),
    ("anomaly", "and on (api_name, environment) rapidapi_ml_anomaly\n", ""),
    ("pipeline", "\n          or on () vector(0)", ""),
    ("features", "+ 30)", "+ 60)"),
    ("features", "+ 30)", "+ 15)"),
    ("features", "<= 75", "< 75"),
    ("features", ">= 19", ">= 17"),
    ("features", ">= 19", ">= 21"),
    ("features", "and count by (api_name, environment) (rapidapi_api_requests_total offset 5m)\n", ""),
    ("features", " and on (job, instance) (up == 1)", ""),
    ("features", " or rapidapi_api_probe_interval_seconds)", ")"),
    ("features_slow", "> 75", "> 74"),
    ("features_slow", "[1h]", "[5m]"),
]


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def _unit_tests() -> list[dict[str, Any]]:
    return [case for path in UNIT_TESTS for case in yaml.safe_load(path.read_text())["tests"]]


def test_promtool_finds_no_fault_in_any_rule() -> None:
    """Prometheus loads every rule file, without a single lint complaint."""
    checked = _run(
        tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *sorted(RULES.glob("*.yml"))
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_accepts_the_configuration() -> None:
    """Prometheus starts with the committed configuration and finds its rules from there."""
    checked = _run(tool("promtool"), "check", "config", PROVISIONING / "prometheus" / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(groups())} rule files found" in checked.stdout


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.name)
def test_rules_give_the_hand_computed_values(path: Path) -> None:
    """Features have the values, and alerts the times and the wording, that were worked out by hand."""
    tested = _run(tool("promtool"), "test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_recorded_series_has_an_expected_value() -> None:
    """Each recording rule is compared with a value worked out by hand."""
    compared = " ".join(
        " ".join([check["expr"], *(sample["labels"] for sample in check["exp_samples"])])
        for case in _unit_tests()
        for check in case.get("promql_expr_test", [])
        if check["exp_samples"]
    )
    recorded = {rule.record for group in groups() for rule in group.rules if isinstance(rule, RecordingRule)}
    assert {name for name in recorded if name not in compared} == set()


@pytest.mark.parametrize(("group", "old", "new"), MUTATIONS)
def test_a_wrong_limit_or_duration_is_noticed(group: str, old: str, new: str, tmp_path: Path) -> None:
    """Whoever shifts a threshold, a window or a `for` in a rule breaks a unit test."""
    rules = tmp_path / "provisioning" / "prometheus" / "rules"
    shutil.copytree(RULES, rules)
    mutated = rules / f"{group}.yml"
    text = mutated.read_text()
    assert old in text
    mutated.write_text(text.replace(old, new))
    name = f"{group.removesuffix('_slow')}.test.yml"
    test = tmp_path / "tests" / "rules" / name
    test.parent.mkdir(parents=True)
    shutil.copy(HERE / name, test)
    assert _run(tool("promtool"), "test", "rules", test).returncode != 0
