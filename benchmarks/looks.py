"""Looking every 15 s against every 5 min: the same simulated weeks, as many episodes? `python -m benchmarks.looks`.

Prints a table of the episodes that both ways of looking open, by promise, and at the default promise by API and feature. What is
promised holds for both; they may differ by a fifth, or by what two Poisson counts differ. A look costs about 2 CPU-ms
for 12 APIs, so four weeks take five to six minutes.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from scipy.stats import binom

from benchmarks.faults import Range, look
from demo.fleet import FLEET
from demo.law import DAY, WEEK
from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker
from ml_sidecar.results import threshold_of

PROMISES = (0.25, 1.0, 4.0)
Counts = Mapping[float, Counter[str]]
"""Episodes by API and feature, for each promise."""


def compare(year: int, days: float) -> tuple[Counts, Counts]:
    """Episodes without an incident, after four weeks of learning: seen on the grid, and seen by looks."""
    ranged = Range(year, after=days * DAY)
    end = ranged.begin + days * DAY
    grid, looks = _trackers(), _trackers()
    on_grid = ranged.detector().walk(ranged.fleet.grid(ranged.begin, end))
    by_grid = {promise: tracker.update(on_grid) for promise, tracker in grid.items()}
    by_looks: dict[float, list[EpisodeEvent]] = {promise: [] for promise in PROMISES}
    for scores in look(ranged.detector(), ranged.fleet, ranged.begin + 15.0, end):
        for promise, tracker in looks.items():
            by_looks[promise] += tracker.update(scores)
    return _begun(by_grid), _begun(by_looks)


def _trackers() -> dict[float, EpisodeTracker]:
    return {promise: EpisodeTracker(threshold_of(promise)) for promise in PROMISES}


def _begun(events: Mapping[float, Sequence[EpisodeEvent]]) -> Counts:
    """Episodes by API and by the feature they name."""
    return {
        promise: Counter(
            f"{event.entity.api_name} {event.top_feature}"
            for event in some
            if event.kind == "opened" and event.counts
        )
        for promise, some in events.items()
    }


def luck(one: int, other: int) -> float:
    """Probability that two Poisson counts of one rate differ by so much or more."""
    return min(1.0, 2.0 * float(binom.cdf(min(one, other), one + other, 0.5)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=28.0)
    parser.add_argument("--years", type=int, default=1, help="how many independent spans")
    parser.add_argument("--first", type=int, default=0, help="which span to begin with")
    options = parser.parse_args()
    grid = {promise: Counter[str]() for promise in PROMISES}
    looks = {promise: Counter[str]() for promise in PROMISES}
    begun = time.process_time()
    for year in range(options.first, options.first + options.years):
        on_grid, by_looks = compare(year, options.days)
        for promise in PROMISES:
            grid[promise] += on_grid[promise]
            looks[promise] += by_looks[promise]
    weeks = len(FLEET) * options.years * options.days * DAY / WEEK
    default = PROMISES[0]
    names = sorted({*grid[default], *looks[default]})
    lines = [f"{'API, feature, at a promise of 0.25':44} {'5 min':>6} {'15 s':>6}"]
    lines += [f"{name:44} {grid[default][name]:6} {looks[default][name]:6}" for name in names]
    for promise in PROMISES:
        one, other = grid[promise].total(), looks[promise].total()
        lines.append(
            f"{f'all at {promise:g} per API and week':44} {one:6} {other:6}  luck {luck(one, other):.2f}"
        )
    lines.append(f"{weeks:.0f} API-weeks, {time.process_time() - begun:.0f} CPU-s")
    print("\n".join(lines))  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
