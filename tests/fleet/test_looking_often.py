"""Looking every 15 s costs no more false alarms than looking every five minutes."""

from __future__ import annotations

import pytest

from benchmarks.faults import Range, look
from benchmarks.looks import luck
from demo.law import DAY
from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker

pytestmark = pytest.mark.xdist_group("fleet")  # one walk for all of them

DAYS = 2.0
OFTEN = 0.127
"""Four false episodes per API and week, so that two days tell something."""


@pytest.mark.slow
def test_looking_every_15_seconds_opens_as_many_episodes_as_the_grid(ranged: Range) -> None:
    """Two healthy days of twelve APIs seen both ways differ by no more than two Poisson counts do."""
    end = ranged.begin + DAYS * DAY
    on_grid = EpisodeTracker(OFTEN).update(ranged.detector().walk(ranged.fleet.grid(ranged.begin, end)))
    tracker, by_looks = EpisodeTracker(OFTEN), list[EpisodeEvent]()
    for scores in look(ranged.detector(), ranged.fleet, ranged.begin + 15.0, end):
        by_looks += tracker.update(scores)
    counts = [sum(e.kind == "opened" and e.counts for e in events) for events in (on_grid, by_looks)]
    assert min(counts) > 0
    assert luck(*counts) > 0.01, counts
