"""Which faults of a simulated fleet the detector finds, how soon, and whether it names the right feature.

Every API of the fleet is struck at once by the same fault, at several times of the week, after four weeks without one.
Outcomes are judged by the sidecar's own detector and episode tracker: a look every 15 s against a state that advances
on the grid. Drifts, which take hours, are judged on the grid alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from demo.faults import Fault
from demo.history import GRID_SECONDS, SCRAPE_SECONDS
from demo.incidents import Kind
from demo.law import DAY, HOUR, WEEK
from demo.simulate import MONDAY, SimulatedFleet, apis
from ml_sidecar.config import load_config
from ml_sidecar.contract import ERROR_RATE, RESPONSE_TIME, SUCCESS_RATE
from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker
from ml_sidecar.features import Feature
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.results import Scores
from ml_sidecar.training import new_models

LEARNT = 28 * DAY
LIMIT = 120.0
"""Seconds in which an outage, errors and a latency step are to be found."""
PATIENCE = 1800.0
"""Seconds after which a fault counts as missed."""
_BEFORE = 600.0
"""Seconds before a fault in which an episode must not be under way."""
_STAGGER = 18 * HOUR + 37 * 60 + 40.0
"""Between two trials: another time of day, of the week, and another place between two grid rows."""
TELLING = {
    Kind.OUTAGE: {SUCCESS_RATE, ERROR_RATE},
    Kind.QUOTA: {SUCCESS_RATE, ERROR_RATE},
    Kind.ERRORS: {SUCCESS_RATE, ERROR_RATE},
    Kind.LATENCY: {RESPONSE_TIME},
    Kind.DRIFT: {RESPONSE_TIME},
}
"""Features of which each names the fault rightly; success and error rate say the same thing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one fault of one API.

    Attributes:
        api_name: the API.
        kind: what went wrong.
        size: of the fault, as in `demo.faults.Fault`.
        limit: seconds in which it was to be found.
        delay: seconds until an episode opened, inf where none did.
        top_feature: what the episode named, empty where there was none.
    """

    api_name: str
    kind: Kind
    size: float
    limit: float
    delay: float
    top_feature: str

    @property
    def in_time(self) -> bool:
        """Whether it was found within the limit."""
        return self.delay <= self.limit

    @property
    def named(self) -> bool:
        """Whether the right feature was named."""
        return self.top_feature in TELLING[self.kind]


class Range:
    """A fleet and a detector that has seen four weeks of it, to be struck by faults.

    Args:
        year: which year of simulated time; another year is another fate.
        count: number of APIs.
        after: seconds beyond the four weeks for which there are values.

    Attributes:
        past: scores of the four weeks.
    """

    def __init__(self, year: int = 0, count: int = 12, after: float = 3 * WEEK) -> None:
        config = load_config(None)
        self.features: tuple[Feature, ...] = config.features
        self.threshold = config.env.threshold
        start = MONDAY + year * 52 * WEEK
        self.begin = start + LEARNT
        self.fleet = SimulatedFleet(apis(count), start, self.begin + after, (f.name for f in config.features))
        self._detector = new_models(config).detector
        self.past: Scores = self._detector.walk(self.fleet.grid(start, self.begin - GRID_SECONDS))

    def detector(self) -> AnomalyDetector:
        """The detector as it is after the four weeks; a copy, to be carried on."""
        return copy.deepcopy(self._detector)

    def trials(
        self, sizes: Sequence[tuple[Kind, float]], times: int, within: float = PATIENCE
    ) -> Iterator[Outcome]:
        """Strike with each fault at several times, none of which the detector remembers afterwards.

        Args:
            sizes: kinds and sizes of faults.
            times: number of times at which each strikes.
            within: seconds after which a fault counts as missed.
        """
        detector = self.detector()
        for k in range(times):
            start = self.begin + HOUR + k * _STAGGER
            self._walk_to(detector, start - _BEFORE)
            for kind, size in sizes:
                if kind is Kind.DRIFT:
                    yield from self._drift(copy.deepcopy(detector), start, size)
                else:
                    yield from self._strike(copy.deepcopy(detector), kind, start, size, within)

    def returns(self, times: int, silent: float = HOUR) -> tuple[int, int]:
        """Let every API fall silent for a while, several times.

        Returns:
            The number of silences, and the number of episodes that opened during or within an hour after one.
        """
        detector, opened = self.detector(), 0
        for k in range(times):
            start = self.begin + HOUR + k * _STAGGER
            faults = [Fault(api.name, Kind.SILENCE, start, silent) for api in self.fleet.apis]
            tracker = EpisodeTracker(self.threshold)
            self._walk_to(detector, start)
            for scores in look(copy.deepcopy(detector), self.fleet, start, start + silent + HOUR, faults):
                opened += sum(event.kind == "opened" and event.counts for event in tracker.update(scores))
        return times * len(self.fleet.apis), opened

    def _walk_to(self, detector: AnomalyDetector, time: float) -> None:
        detector.walk(self.fleet.grid(detector.clock + GRID_SECONDS, _row_before(time)))

    def _strike(
        self, detector: AnomalyDetector, kind: Kind, start: float, size: float, within: float
    ) -> list[Outcome]:
        faults = [Fault(api.name, kind, start, within, size) for api in self.fleet.apis]
        tracker = EpisodeTracker(self.threshold)
        events: list[EpisodeEvent] = []
        for scores in look(detector, self.fleet, start - _BEFORE, start + within, faults):
            events += tracker.update(scores)
        return self._outcomes(events, faults, dict.fromkeys((f.api_name for f in faults), LIMIT))

    def _drift(self, detector: AnomalyDetector, start: float, slope: float) -> list[Outcome]:
        """A drift is to be found before it has doubled the smallest deviation worth an alarm."""
        limits = self._doubled(start, slope)
        within = 1.5 * max(limits.values())
        faults = [Fault(api.name, Kind.DRIFT, start, within, slope) for api in self.fleet.apis]
        window = self.fleet.grid(detector.clock + GRID_SECONDS, _row_before(start + within), faults)
        events = EpisodeTracker(self.threshold).update(detector.walk(window))
        return self._outcomes(events, faults, limits)

    def _doubled(self, start: float, slope: float) -> dict[str, float]:
        """Seconds until the response time has moved by twice the smallest deviation worth an alarm, by API."""
        [k] = [k for k, feature in enumerate(self.features) if feature.name == RESPONSE_TIME]
        last = _row_before(start)
        usual = np.median(self.fleet.grid(last - DAY, last).values[:, :, k], axis=0)
        hours = 2 * self.features[k].worth_alarm(usual) / (slope * usual)
        return {api.name: HOUR * float(h) for api, h in zip(self.fleet.apis, hours, strict=True)}

    @staticmethod
    def _outcomes(
        events: Sequence[EpisodeEvent], faults: Sequence[Fault], limits: dict[str, float]
    ) -> list[Outcome]:
        """Leaves out APIs of which an episode was under way when the fault struck."""
        opened = [event for event in events if event.kind == "opened"]
        early = {event.entity.api_name for event in opened if event.time < faults[0].start}
        found = {event.entity.api_name: event for event in reversed(opened)}
        return [
            Outcome(
                fault.api_name,
                fault.kind,
                fault.size,
                limits[fault.api_name],
                event.time - fault.start if event else math.inf,
                event.top_feature if event else "",
            )
            for fault in faults
            if fault.api_name not in early
            for event in [found.get(fault.api_name)]
        ]


def look(
    detector: AnomalyDetector, fleet: SimulatedFleet, first: float, last: float, faults: Sequence[Fault] = ()
) -> Iterator[Scores]:
    """Look every 15 s as the sidecar does: each look is judged by a state that knows earlier grid rows only.

    Args:
        detector: its state must lie before `first`; it advances.
        fleet: what is looked at.
        first: Unix time of the first look.
        last: Unix time of the last look, at most.
        faults: what goes wrong meanwhile.
    """
    looks = fleet.looks(first, first + (last - first) // SCRAPE_SECONDS * SCRAPE_SECONDS, faults)
    row = _row_before(first)
    while row < last:
        if detector.clock < row:
            detector.walk(fleet.grid(detector.clock + GRID_SECONDS, row, faults))
        mine = looks.between(row + 1.0, row + GRID_SECONDS)
        if len(mine.values):
            yield detector.score(mine)
        row += GRID_SECONDS


def _row_before(time: float) -> float:
    """Last grid time strictly before an instant."""
    return math.ceil(time / GRID_SECONDS) * GRID_SECONDS - GRID_SECONDS
