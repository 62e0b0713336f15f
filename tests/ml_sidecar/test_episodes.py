"""Episodes: opened on evidence, closed soon after recovery, counted once, remembered through restarts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker, severity_of
from ml_sidecar.features import Entity
from ml_sidecar.results import Scores, budget_of, threshold_of

A, B = Entity("a", "test"), Entity("b", "test")
QUIET, BAD, WORSE, NEAR = 100.0, 0.2, 0.001, 0.3


def looks(
    expected: Sequence[float] | Sequence[Sequence[float]], step: float = 15.0, start: float = 0.0
) -> Scores:
    """Looks at one or two APIs with these E, the first feature at fault."""
    e = np.array(expected, dtype=float)
    e = e[:, None] if e.ndim == 1 else e
    wide = np.zeros((*e.shape, 2))
    share = np.where([True, False], 1.0, 0.0) + wide
    times = start + step * np.arange(len(e))
    return Scores(times, (A, B)[: e.shape[1]], ("x", "y"), e, share, wide, wide, wide, wide)


def kinds(events: Sequence[EpisodeEvent]) -> list[str]:
    """What happened, in order."""
    return [event.kind for event in events]


def test_two_dense_looks_in_a_row_open_an_episode_one_does_not() -> None:
    """A single odd scrape is no evidence."""
    tracker = EpisodeTracker()
    assert tracker.update(looks([QUIET, BAD, QUIET, BAD, QUIET])) == ()
    events = tracker.update(looks([BAD, BAD], start=75))
    assert kinds(events) == ["opened"]
    assert events[0].time == 90


def test_on_the_grid_one_row_opens() -> None:
    """A row of five minutes is evidence enough."""
    events = EpisodeTracker().update(looks([QUIET, BAD, QUIET], step=300))
    assert kinds(events) == ["opened", "closed"]


def test_a_six_minute_incident_is_one_episode_that_closes_five_minutes_after_it() -> None:
    """Opened within the first looks, closed minutes after recovery, counted once in the severity it reached."""
    tracker = EpisodeTracker()
    observed = tracker.observe(looks([QUIET] * 4 + [BAD] * 12 + [WORSE] * 12 + [QUIET] * 60))
    first, last = observed.events
    assert (first.kind, first.time, first.severity, first.top_feature) == ("opened", 75.0, "medium", "x")
    assert (last.kind, last.counts, last.severity) == ("closed", True, "high")
    assert 300 <= last.time - 27 * 15 <= 330
    assert observed.is_anomaly[:, 0].sum() == (last.time - first.time) / 15
    assert tracker.totals == {(A, "high"): 1}


def test_flapping_is_one_episode_and_counted_once() -> None:
    """Coming back within the hour reopens the same episode."""
    tracker = EpisodeTracker()
    wave = ([BAD] * 8 + [QUIET] * 40) * 5
    events = tracker.update(looks(wave))
    assert kinds(events) == ["opened", "closed"] * 5
    assert [event.counts for event in events] == [True, True] + [False] * 8
    assert sum(tracker.totals.values()) == 1
    assert len({event.opened_at for event in events}) == 1


def test_after_a_quiet_hour_it_is_a_new_episode() -> None:
    """Two incidents two hours apart are two."""
    tracker = EpisodeTracker()
    tracker.update(looks([BAD, QUIET] + [QUIET] * 23 + [BAD, QUIET, QUIET], step=300))
    assert sum(tracker.totals.values()) == 2
    assert len(tracker.episodes_since(0.0)) == 2


def test_hysteresis_holds_what_only_just_falls_below_the_threshold() -> None:
    """E a little above the budget does not close."""
    tracker = EpisodeTracker()
    events = tracker.update(looks([BAD] + [NEAR] * 10, step=300))
    assert kinds(events) == ["opened"]
    assert tracker.is_open((A, B)).tolist() == [True, False]


def test_what_lasts_six_hours_is_adopted_and_then_silent() -> None:
    """A lasting change is told once, however long it lasts."""
    tracker = EpisodeTracker()
    events = tracker.update(looks([BAD] * 200 + [QUIET] * 20 + [BAD, QUIET], step=300))
    assert kinds(events) == ["opened", "closed", "opened", "closed"]
    assert events[1].adopted
    assert events[1].time - events[0].time == pytest.approx(6 * 3600, abs=301)
    assert not events[3].adopted


def test_an_api_that_vanishes_closes_its_episode() -> None:
    """No score is no evidence of an anomaly."""
    events = EpisodeTracker().update(looks([BAD, np.nan, np.nan], step=300))
    assert kinds(events) == ["opened", "closed"]


def test_an_api_that_is_no_longer_asked_about_closes_after_ten_minutes() -> None:
    """A look at others says nothing about it, a lasting silence does."""
    tracker = EpisodeTracker()
    tracker.update(looks([[QUIET, BAD]] * 3))
    assert tracker.is_open((A, B)).tolist() == [False, True]
    assert tracker.update(looks([QUIET] * 36, start=45)) == ()
    assert kinds(tracker.update(looks([QUIET] * 5, start=600))) == ["closed"]


def test_a_restart_forgets_no_episode_and_counts_none_twice() -> None:
    """State survives as plain JSON; looks already taken in are ignored."""
    both = [[BAD, QUIET]] * 10 + [[QUIET, QUIET]] * 40
    whole = EpisodeTracker()
    expected = whole.update(looks(both))
    before = EpisodeTracker()
    first = before.update(looks(both[:20]))
    after = EpisodeTracker.from_state(json.loads(json.dumps(before.to_state())))
    assert after.is_open((A, B)).tolist() == before.is_open((A, B)).tolist()
    rest = after.update(looks(both))
    assert [*first, *rest] == list(expected)
    assert after.totals == whole.totals
    assert after.last_time == whole.last_time


def test_the_budget_used_counts_episodes_of_the_last_week() -> None:
    """One episode of two APIs, a quarter of one allowed each: twice the budget."""
    tracker = EpisodeTracker()
    assert tracker.budget_used(0.0) == 0.0
    tracker.update(looks([[QUIET, QUIET], [BAD, QUIET], [QUIET, QUIET]], step=300))
    assert tracker.budget_used(600.0) == pytest.approx(1 / (2 * budget_of(0.7)))
    assert tracker.budget_used(8 * 86400.0) == 0.0


def test_severity_follows_the_score() -> None:
    """Low below 0.7, medium from there, high from 0.9."""
    assert [severity_of(score) for score in (0.0, 0.69, 0.7, 0.89, 0.9, 1.0)] == [
        "low",
        "low",
        "medium",
        "medium",
        "high",
        "high",
    ]


def test_a_larger_budget_opens_earlier() -> None:
    """The threshold is the user's."""
    assert kinds(EpisodeTracker(threshold_of(1.0)).update(looks([QUIET, 0.9], step=300))) == ["opened"]
    assert EpisodeTracker(threshold_of(0.25)).update(looks([QUIET, 0.9], step=300)) == ()
