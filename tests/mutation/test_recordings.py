"""Whoever shifts a window or a guard of a recording rule, or what joins an alert's conditions, breaks a unit test."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from alert_rules.generate import PROVISIONING
from demo.tools import tool

RULE_TESTS = Path(__file__).parents[1] / "rules"
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
    ("slo", "+ 0.99", "+ 0.999"),
    ("slo", '{status="error"}[1h]', '{status="error"}[30m]'),
    ("slo_slow", '{status="error"}[5m]', "[5m]"),
    ("slo_slow", "slot5m[1d]", "slot5m[2h]"),
    ("slo_slow", "1 - api", "api"),
    ("slo_slow", " / 8640", " / 9000"),
    ("slo_slow", ">= 144", ">= 145"),
    ("slo_slow", ">= 432", ">= 431"),
]


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
    shutil.copy(RULE_TESTS / name, test)
    tested = subprocess.run([tool("promtool"), "test", "rules", test], capture_output=True, check=False)
    assert tested.returncode != 0
