"""Seasons are lived in the API's own time zone."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from ml_sidecar.errors import ConfigError
from ml_sidecar.features import Entity
from ml_sidecar.localtime import LocalTime

LISBON, HOME = Entity("lisbon", "test"), Entity("home", "test")


def at(text: str) -> float:
    """Seconds since the epoch of a UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_daylight_saving_moves_the_local_hour() -> None:
    """The clock change shifts local time for the API that lives through it and for no other."""
    times = np.array([at("2026-10-25T00:30:00"), at("2026-10-25T01:30:00")])
    local = LocalTime("UTC", {"lisbon": "Europe/Lisbon"}).local(times, [LISBON, HOME])
    hours = (local % 86400) / 3600
    np.testing.assert_allclose(hours, [[1.5, 0.5], [1.5, 1.5]])


def test_weekday_arithmetic_holds() -> None:
    """2026-11-22 is a Sunday."""
    local = LocalTime().local(np.array([at("2026-11-22T12:00:00")]), [HOME])
    assert (local // 86400 + 3) % 7 == 6


def test_unknown_zone_is_refused() -> None:
    """A misspelt zone is named together with the field it stands in."""
    with pytest.raises(ConfigError) as caught:
        LocalTime("UTC", {"lisbon": "Europe/Lisboa"})
    assert str(caught.value) == (
        "time zone: time_zones.lisbon: 'Europe/Lisboa' is no IANA time zone such as Europe/Lisbon"
    )


def test_no_apis_give_no_columns() -> None:
    """Before the first API reports there is nothing to place in time."""
    assert LocalTime().local(np.array([0.0]), []).shape == (1, 0)
