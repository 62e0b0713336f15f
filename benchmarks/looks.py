"""Looking every 15 s against every 5 min: the same simulated weeks, the same episodes? `python -m benchmarks.looks`.

Prints a table of the episodes that both ways of looking open, by API and feature. What is promised holds for both; they may differ
by a fifth. A look costs about 1.2 CPU-ms for 12 APIs, so four weeks take three to four minutes.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence

from benchmarks.faults import Range, look
from demo.fleet import FLEET
from demo.law import DAY, WEEK
from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker


def compare(year: int, days: float) -> tuple[Counter[str], Counter[str]]:
    """Episodes by API and feature, without an incident, after four weeks of learning: seen on the grid, and seen by looks."""
    ranged = Range(year, after=days * DAY)
    end = ranged.begin + days * DAY
    grid, looks = EpisodeTracker(ranged.threshold), EpisodeTracker(ranged.threshold)
    on_grid = grid.update(ranged.detector().walk(ranged.fleet.grid(ranged.begin, end)))
    by_looks: list[EpisodeEvent] = []
    for scores in look(ranged.detector(), ranged.fleet, ranged.begin + 15.0, end):
        by_looks += looks.update(scores)
    return _begun(on_grid), _begun(by_looks)


def _begun(events: Sequence[EpisodeEvent]) -> Counter[str]:
    """Episodes by API and by the feature they name."""
    begun = [event for event in events if event.kind == "opened" and event.counts]
    return Counter(f"{event.entity.api_name} {event.top_feature}" for event in begun)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=28.0)
    parser.add_argument("--years", type=int, default=1, help="how many independent spans")
    options = parser.parse_args()
    grid, looks = Counter[str](), Counter[str]()
    begun = time.process_time()
    for year in range(options.years):
        on_grid, by_looks = compare(year, options.days)
        grid, looks = grid + on_grid, looks + by_looks
    weeks = len(FLEET) * options.years * options.days * DAY / WEEK
    lines = [f"{'API, feature':44} {'5 min':>6} {'15 s':>6}"]
    lines += [f"{name:44} {grid[name]:6} {looks[name]:6}" for name in sorted({*grid, *looks})]
    lines.append(f"{'all':44} {grid.total():6} {looks.total():6}")
    lines.append(f"{'per API and week':44} {grid.total() / weeks:6.3f} {looks.total() / weeks:6.3f}")
    lines.append(f"{weeks:.0f} API-weeks, {time.process_time() - begun:.0f} CPU-s")
    print("\n".join(lines))  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
