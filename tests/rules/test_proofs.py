"""Each alert fires when it should, says what it should, and is quiet otherwise, at its true durations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.proof import Proof, committed, failed
from tests.rules.proofs import PROOFS


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.id)
def test_an_alert_fires_and_keeps_quiet_as_proven(proof: Proof, tmp_path: Path) -> None:
    """Labels and annotations are exact; nothing fires before its time, on a healthy system, or just below the limit."""
    assert failed(proof, [proof.rule()], tmp_path) == [""]


def test_every_alert_has_its_proof() -> None:
    """No alert is shipped that nobody has seen fire, keep quiet, and keep quiet just below its limit."""
    proven = {
        (proof.alert, proof.severity)
        for proof in PROOFS
        if proof.fires and proof.healthy and proof.just_below
    }
    assert proven == committed().keys() - {("Watchdog", "none")}
    assert len(PROOFS) == len(proven)
