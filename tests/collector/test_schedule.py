"""The schedule: spread, aligned, never twice, never caught up."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.schedule import next_slot, offset, run_every


def test_offsets_spread_over_the_interval() -> None:
    """A thousand APIs are probed evenly over the interval, not in one burst."""
    tenths = Counter(int(offset(f"api-{number}", 15.0) / 1.5) for number in range(1000))
    assert sorted(tenths) == list(range(10))
    assert 70 < min(tenths.values()) <= max(tenths.values()) < 130


def test_offset_survives_a_restart() -> None:
    """An API keeps its place in every process and version, so that a restart costs no extra probe."""
    assert offset("Wetter ☀", 60.0) == pytest.approx(44.60128990336958)


@given(
    now=st.floats(0, 4e9),
    interval=st.floats(0.05, 604800),
    name=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_next_slot_is_near_and_aligned(now: float, interval: float, name: str) -> None:
    """The next slot is at most an interval away, and lies on the API's own grid."""
    shift = offset(name, interval)
    assert 0 <= shift < interval
    slot = next_slot(now, interval, shift)
    assert now - 1e-5 <= slot <= now + interval + 1e-5
    turns = (slot - shift) / interval
    assert turns == pytest.approx(round(turns), abs=1e-4 / interval + 1e-6)


@given(now=st.floats(0, 4e9), interval=st.floats(0.05, 604800), early=st.floats(0, 0.4))
def test_an_early_timer_does_not_probe_twice(now: float, interval: float, early: float) -> None:
    """A timer that fires a little early does not get the same slot again."""
    slot = next_slot(now, interval, 0)
    again = next_slot(slot - early * interval, interval, 0, previous=slot)
    assert again == pytest.approx(slot + interval)


class Clock:
    """Wall time that passes only where somebody waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("collector.schedule.time.time", lambda: self.now)
        monkeypatch.setattr("collector.schedule.asyncio.sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


async def starts(clock: Clock, takes: list[float]) -> tuple[list[float], list[int]]:
    """Return when an action of these durations is started, with an interval of 10 s and a shift of 3 s, and what is missed."""
    times: list[float] = []
    missed: list[int] = []

    async def action() -> None:
        times.append(clock.now)
        if len(times) > len(takes):
            raise asyncio.CancelledError
        clock.now += takes[len(times) - 1]

    with pytest.raises(asyncio.CancelledError):
        await run_every(10.0, 3.0, action, missed.append)
    return times, missed


async def test_missed_slots_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that outlasts its interval is followed by the next slot to come, not by a burst, and what is skipped counted."""
    expected = ([1003.0, 1013.0, 1043.0, 1053.0], [2])
    assert await starts(Clock(monkeypatch), [1.0, 25.0, 1.0]) == expected


async def test_a_clock_set_back_costs_at_most_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wall clock is set back by an hour, probing goes on within two intervals."""
    assert await starts(Clock(monkeypatch), [1.0, -3600.0]) == ([1003.0, 1013.0, -2577.0], [])
