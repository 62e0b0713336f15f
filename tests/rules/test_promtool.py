"""Hand-computed values before Prometheus' own unit tests; the alerts' proofs stand beside them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from demo.tools import tool


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.glob("*.test.yml")), ids=lambda path: path.name)
def test_rules_give_the_hand_computed_values(path: Path) -> None:
    """Features have the values, and alerts the times and the wording, that were worked out by hand."""
    tested = subprocess.run(
        [tool("promtool"), "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
