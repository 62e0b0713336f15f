"""Statements T1 to T6 about the tests of the rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from alert_rules.generate import groups
from alert_rules.model import RecordingRule
from tests.conventions.exemptions import hold
from tests.rules.proof import Fires, Quiet, committed
from tests.rules.proofs import PROOFS

RULE_TESTS: Final = Path(__file__).parents[1] / "rules"


def _cases() -> list[Fires | Quiet]:
    return [
        case for proof in PROOFS for case in (*proof.fires, *proof.healthy, *proof.just_below, *proof.also)
    ]


def _values() -> list[str]:
    """Return the values of every series in any test of a rule."""
    written = [
        series["values"]
        for path in RULE_TESTS.glob("*.test.yml")
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for series in case["input_series"]
    ]
    return [str(values) for values in written] + [
        values for case in _cases() for values in case.series.values()
    ]


def _promql_tests() -> list[dict[str, Any]]:
    return [
        check
        for path in RULE_TESTS.glob("*.test.yml")
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for check in case.get("promql_expr_test", [])
    ]


def test_t1_alerts_are_seen_before_and_after_their_time() -> None:
    """Each proof shows the alert quiet until its `for` is over, firing then, and quiet where all is well."""
    for proof in PROOFS:
        assert any(case.before for case in proof.fires), proof.id
        assert all(case.says and proof.summary for case in proof.fires), proof.id
        assert proof.healthy, proof.id
        assert proof.just_below, proof.id


def test_t2_no_alert_is_without_a_proof() -> None:
    """Every alert in every severity is proven."""
    unproven = committed().keys() - {(proof.alert, proof.severity) for proof in PROOFS}
    hold("T2", ((alert, "no proof of its own") for alert, _ in unproven))


def test_t3_what_goes_wrong_with_samples_is_tested() -> None:
    """Missing samples, stale ones, values that are no number, and counters that begin anew each occur."""
    values = _values()
    assert any(re.search(r"(^|\s)_", text) for text in values)
    assert any("stale" in text for text in values)
    assert any("NaN" in text for text in values)
    assert any(re.search(r"100\+1x20 0\+1x40", text) for text in values), "a counter that begins at 0 again"


def test_t4_each_alert_is_mutated() -> None:
    """Limits and durations of every alert are shifted in tests/mutation, each of which must break a proof."""
    text = (RULE_TESTS.parent / "mutation" / "test_rules.py").read_text(encoding="utf-8")
    assert 'parametrize("proof", PROOFS' in text


def test_t5_expectations_are_literals() -> None:
    """No proof takes a limit or a text from the code that it proves."""
    for path in [*(RULE_TESTS / "proofs").glob("*.py"), RULE_TESTS / "proof.py"]:
        imported = re.findall(
            r"^from (alert_rules\S*) import (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert {module for module, _ in imported} <= {"alert_rules.generate"}, path
        assert all(names == "PROVISIONING" for _, names in imported), path


def test_t6_recorded_values_are_worked_out_by_hand() -> None:
    """Each recording rule is compared with a value that stands in a test."""
    compared = " ".join(
        f"{check['expr']} {' '.join(str(sample['labels']) for sample in check['exp_samples'])}"
        for check in _promql_tests()
        if check["exp_samples"]
    )
    recorded = {rule.record for group in groups() for rule in group.rules if isinstance(rule, RecordingRule)}
    assert {name for name in recorded if name not in compared} == set()
