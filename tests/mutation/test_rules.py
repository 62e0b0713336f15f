"""Whoever shifts a limit, drops a `for` or renames a metric breaks a test: each such change is made here, and must fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.rules.proof import Proof, failed
from tests.rules.proofs import PROOFS

SHIFT: Final = 1.2
"""Limits are shifted by a fifth in either direction, small whole numbers by one."""
_NUMBER: Final = re.compile(r"(?<![\w.:])-?\d+(?:\.\d+)?(?![\w.:])")
_NO_NUMBER: Final = re.compile(r'"(?:\\.|[^"\\])*"|\[[^]]*\]|\{[^}]*\}|offset \w+')


def _shifted(text: str) -> tuple[str, str]:
    value = float(text)
    if value.is_integer() and abs(value) < 1 / (SHIFT - 1):
        return f"{value + 1:g}", f"{value - 1:g}"
    return f"{value * SHIFT:.10g}", f"{value / SHIFT:.10g}"


def _numbers(expr: str) -> Iterator[re.Match[str]]:
    """Yield each number of an expression that is no part of a name, a string or a duration, and no bare `0 *`."""
    blank = _NO_NUMBER.sub(lambda match: "_" * len(match[0]), expr)
    for found in _NUMBER.finditer(blank):
        if not blank[found.start() :].startswith("0 *"):
            yield found


def mutations(rule: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every mutation of a rule by what it does, without what the alert says."""
    rule = {key: value for key, value in rule.items() if key != "annotations"}
    found = {
        f"without {key}": {k: v for k, v in rule.items() if k != key}
        for key in ("for", "keep_firing_for")
        if key in rule
    }
    for number in _numbers(rule["expr"]):
        for value in _shifted(number[0]):
            expr = rule["expr"][: number.start()] + value + rule["expr"][number.end() :]
            found[f"{number[0]} at {number.start()} becomes {value}"] = {**rule, "expr": expr}
    return found


def test_every_number_is_found() -> None:
    """Names, strings, selectors and windows keep their digits; limits do not."""
    expr = 'a:b5:c{x="6"} > 14.4 * 0.01 and rate(y_7[5m] offset 1d) < -5\nor 0 * z + 90 >= 0'
    assert [match[0] for match in _numbers(expr)] == ["14.4", "0.01", "-5", "90", "0"]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.id)
def test_no_mutation_of_an_alert_survives(proof: Proof, tmp_path: Path) -> None:
    """Each limit, raised or lowered, and each `for` or `keep_firing_for`, dropped, makes a proof fail."""
    changed = mutations(proof.rule())
    verdicts = failed(proof, changed.values(), tmp_path)
    assert [what for what, verdict in zip(changed, verdicts, strict=True) if not verdict] == []
