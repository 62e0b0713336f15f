"""No statement of the conventions is forgotten: each has a test with its number, or a reason why it has none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.conventions.exemptions import WHOLE_RULE, load

STATEMENTS: Final = {"A": 10, "C": 24, "D": 28, "M": 13, "P": 10, "R": 24, "T": 6}
"""Letter to how many statements it has: Alertmanager, compose, dashboards, metrics, provisioning, rules, tests of rules."""
IDS: Final = [f"{letter}{number}" for letter, count in STATEMENTS.items() for number in range(1, count + 1)]
TESTS: Final = Path(__file__).parents[1]


def covered() -> set[str]:
    """Return the statements that tests name: `test_d1_…` is about D1."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    return {found.upper() for found in re.findall(r"def test_([a-z]\d+)_", text)}


@pytest.mark.parametrize("statement", IDS)
def test_every_statement_is_tested_or_left_out_with_a_reason(statement: str) -> None:
    """Either a test bears the statement's number or the exemptions say why there is none, never both."""
    assert (statement in covered()) != (WHOLE_RULE in load().get(statement, {}))


def test_exemptions_are_from_statements_that_exist() -> None:
    """A mistyped number exempts nothing."""
    assert set(load()) <= {*IDS, "names"}
