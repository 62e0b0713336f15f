"""Walk through the history in Prometheus as if it were now, and hold the promise against what came."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from scipy.stats import chi2

from ml_sidecar.config import Config
from ml_sidecar.episodes import WEEK, EpisodeEvent, EpisodeTracker
from ml_sidecar.features import Window
from ml_sidecar.reader import PrometheusReader
from ml_sidecar.results import Scores
from ml_sidecar.training import GRID, excluded_rows, grid_floor, new_models

_WARM_DAYS = 1.0
"""An API is judged against itself once it has a day of rows; that day is not counted."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the walk found.

    Attributes:
        scores: of every grid row, each from earlier rows only.
        episodes: that opened after the first day, oldest first.
        api_weeks: weeks of data judged, summed over APIs.
        promised: episodes per API and week that the threshold promises.
    """

    scores: Scores
    episodes: tuple[EpisodeEvent, ...]
    api_weeks: float
    promised: float

    @property
    def per_week(self) -> float:
        """Episodes per API and week."""
        return len(self.episodes) / self.api_weeks if self.api_weeks else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate, episodes being a Poisson count (Garwood 1936), per API and week."""
        count, weeks = len(self.episodes), self.api_weeks
        low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
        return float(low / weeks), float(chi2.ppf(0.975, 2 * count + 2) / 2 / weeks)

    def report(self) -> str:
        """The same for people."""
        low, high = self.interval
        by_api = Counter(event.entity.api_name for event in self.episodes)
        lines = [
            f"{len(self.scores.entities)} APIs, {self.api_weeks:.1f} API-weeks judged",
            f"promised {self.promised:.3f} episodes per API and week: {self.promised * self.api_weeks:.1f}",
            f"counted  {self.per_week:.3f} (95 % interval {low:.3f} to {high:.3f}): {len(self.episodes)}",
        ]
        lines += [
            f"  {_time(event.opened_at)}  {event.entity.api_name:24} {event.severity:6} {event.top_feature}"
            for event in self.episodes
        ]
        if by_api:
            lines.append("by API: " + ", ".join(f"{name} {count}" for name, count in by_api.most_common()))
        return "\n".join(lines)


def replay_history(config: Config, reader: PrometheusReader, now: float, hours: float) -> Replayed:
    """Read the last hours of history and walk through them.

    Raises:
        ReaderError: the history could not be read.
    """
    end = grid_floor(now)
    window = reader.history(end - hours * 3600.0, end, GRID)
    scores = new_models(config).detector.walk(window, excluded_rows(config, reader, window))
    tracker = EpisodeTracker(config.env.threshold, step=GRID)
    observed = tracker.observe(scores)
    start = window.start + _WARM_DAYS * 86400.0
    opened = [e for e in observed.events if e.kind == "opened" and e.counts and e.opened_at >= start]
    return Replayed(scores, tuple(opened), _api_weeks(window, start), config.env.budget)


def _api_weeks(window: Window, start: float) -> float:
    seen = np.isfinite(window.values).any(axis=2) & (window.times >= start)[:, None]
    return float(seen.sum()) * window.step / WEEK


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")
