"""How much history a training reads."""

from __future__ import annotations

import pytest

from ml_sidecar.config import load_config
from ml_sidecar.training import history_hours


@pytest.mark.parametrize(
    ("apis", "hours"), [(0, 840.0), (12, 840.0), (248, 840.0), (500, 416.6667), (10_000, 168.0)]
)
def test_small_fleets_learn_from_five_weeks_and_large_ones_from_one(apis: int, hours: float) -> None:
    """The weekly rhythm is learnt where it can be afforded, and never less than the fine window is read."""
    assert history_hours(load_config(variables={}), apis) == pytest.approx(hours, rel=1e-4)
