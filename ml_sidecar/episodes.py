"""From scores to episodes: what opens, lasts, closes and is counted once.

An episode opens when E <= B, the promised number of false episodes per API and week; where looks are less than a minute
apart, on the second such look in a row. It stays open while E <= 1.5 B and closes five minutes after it last was. If it
comes back within an hour (three steps) it is the same episode: it opens again but is not counted again. What lasts six
hours is adopted: the episode closes and nothing is said until it has been quiet for an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from ml_sidecar.contract import SEVERITIES
from ml_sidecar.features import Array, Entity, Mask
from ml_sidecar.models.anomaly.arrays import zeroed
from ml_sidecar.results import Scores, budget_of, score_of

HOUR, WEEK = 3600.0, 604800.0
HYSTERESIS = 1.5
MOST_BUDGET = 4.0
"""Beyond so many a week nearly silent rows would count as peaks."""
CLOSE_AFTER = 300.0
REJOIN = HOUR
LONGEST = 6 * HOUR
DENSE = 60.0
"""Looks closer than this must agree twice before an episode opens."""
SEVERITY_FROM = (0.0, 0.7, 0.9)
"""Score from which on an episode is low, medium, high."""

Severity = Literal["low", "medium", "high"]

_IDLE, _OPEN, _PAUSED, _ADOPTED = range(4)


def severity_of(score: float) -> Severity:
    """Severity of a score: low below 0.7, medium from 0.7, high from 0.9."""
    return SEVERITIES[max(0, int(np.searchsorted(SEVERITY_FROM, score, side="right")) - 1)]


@dataclass(frozen=True, slots=True)
class EpisodeEvent:
    """An episode opened or closed.

    Attributes:
        kind: "opened" or "closed".
        entity: the API.
        time: when, seconds since the epoch.
        opened_at: when the episode began.
        score: at opening the present score, at closing the highest.
        severity: of that score.
        top_feature: the feature that contributed most then.
        counts: on closing, True once per episode: it is to be counted now. On opening, False if an episode resumes.
        adopted: True if it closed because the change lasted and is the new normal.
    """

    kind: Literal["opened", "closed"]
    entity: Entity
    time: float
    opened_at: float
    score: float
    severity: Severity
    top_feature: str
    counts: bool
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """What the tracker says about T looks at A APIs: (T, A) flags, True while an episode is open, and events."""

    is_anomaly: Mask
    events: tuple[EpisodeEvent, ...]


@dataclass(slots=True)
class _Course:
    """Where one API stands: plain numbers, since a look concerns the few APIs at which anything is astir."""

    phase: int = _IDLE
    opened: float = np.nan
    last: float = -np.inf
    agreed: bool = False
    peak: float = np.inf
    top: int = 0
    counted: bool = False


_FIELDS = {field.name: field.default for field in fields(_Course)}


class EpisodeTracker:
    """Follows the episodes of every API, live and in replay.

    Args:
        threshold: score from which on an episode opens; 0.7 promises 0.25 false episodes per API and week.
        step: seconds between grid rows; gaps are at least three of them.
    """

    def __init__(self, threshold: float = 0.7, *, step: float = 300.0) -> None:
        self.budget = min(budget_of(threshold), MOST_BUDGET)
        self.rejoin = max(REJOIN, 3 * step)
        self.longest = max(LONGEST, 6 * step)
        self.patience = max(2 * CLOSE_AFTER, 2 * step)
        self._entities: tuple[Entity, ...] = ()
        self._place: dict[Entity, int] = {}
        self._courses: list[_Course] = []
        self._followed: set[int] = set()
        self._looked = -np.inf
        self._begun: list[tuple[float, Entity]] = []
        self.totals: dict[tuple[Entity, Severity], int] = {}
        """Episodes counted so far, by API and severity."""
        self._features: tuple[str, ...] = ()

    @property
    def last_time(self) -> float:
        """Time of the last look taken in; -inf before the first."""
        return self._looked

    def update(self, scores: Scores) -> tuple[EpisodeEvent, ...]:
        """Take in looks, oldest first, and say what opened and closed; as `observe`."""
        return self.observe(scores).events

    def observe(self, scores: Scores) -> Observed:
        """Take in looks, oldest first.

        Args:
            scores: T looks at A APIs; looks not later than the last one are ignored, so that nothing counts twice. An
                API that is not among them is not judged by them; its episode closes after ten minutes (two steps).
        """
        apis = self._numbers(scores.entities)
        self._features = scores.features
        expected = np.where(np.isfinite(scores.expected_per_week), scores.expected_per_week, np.inf)
        warm = self._warm(expected, scores.contributions, apis)
        flags = np.zeros(expected.shape, dtype=bool)
        events: list[EpisodeEvent] = []
        if warm or self._followed:
            column = {api: i for i, api in enumerate(apis)}
            for i, time in enumerate(scores.times.tolist()):
                # While nothing is followed, only what may open or resume an episode needs a look.
                if time > self._looked and (i in warm or self._followed):
                    events += self._look(time, warm.get(i, {}), column)
                    flags[i, [column[api] for api in self._open() if api in column]] = True
                self._looked = max(self._looked, time)
        elif len(scores.times):
            self._looked = max(self._looked, float(scores.times.max()))
        return Observed(flags, tuple(events))

    def _warm(
        self, expected: Array, contributions: Array, apis: Sequence[int]
    ) -> dict[int, dict[int, tuple[float, int]]]:
        """E and strongest feature of all that keeps an episode open, by row and API."""
        rows, columns = np.nonzero(expected <= HYSTERESIS * self.budget)
        tops = np.argmax(zeroed(contributions[rows, columns]), axis=1).tolist()
        found: dict[int, dict[int, tuple[float, int]]] = {}
        each = zip(rows.tolist(), columns.tolist(), expected[rows, columns].tolist(), tops, strict=True)
        for row, column, value, top in each:
            found.setdefault(row, {})[apis[column]] = (value, top)
        return found

    def _open(self) -> list[int]:
        return [api for api in self._followed if self._courses[api].phase == _OPEN]

    def is_open(self, entities: Sequence[Entity]) -> Mask:
        """True for each API with an open episode, shape (A,)."""
        found = set(self._open())
        return np.array([self._place.get(entity) in found for entity in entities], dtype=bool)

    def episodes_since(self, time: float) -> tuple[tuple[float, Entity], ...]:
        """Episodes that began at or after a time, at most a week back: when, and which API."""
        return tuple(pair for pair in self._begun if pair[0] >= time)

    def budget_used(
        self,
        now: float,
        budget: float | None = None,
        apis: int | None = None,
        excused: Callable[[float, Entity], bool] = lambda _time, _entity: False,
    ) -> float:
        """Episodes of the last seven days divided by what the budget allows; 0 without APIs.

        Args:
            now: seconds since the epoch.
            budget: promised false episodes per API and week; the tracker's own unless given.
            apis: number of APIs watched; those known to the tracker unless given.
            excused: whether an episode of that beginning and API was no false alarm, and does not count.
        """
        promise = self.budget if budget is None else budget
        allowed = promise * (len(self._entities) if apis is None else apis)
        count = sum(not excused(begun, entity) for begun, entity in self.episodes_since(now - WEEK))
        return count / allowed if allowed > 0 else 0.0

    # ------------------------------------------------------------------ one look

    def _look(
        self, time: float, warm: Mapping[int, tuple[float, int]], seen: Container[int]
    ) -> list[EpisodeEvent]:
        """One look at the APIs that are followed or warm; one that was not seen is not judged."""
        events: list[EpisodeEvent] = []
        dense = time - self._looked < DENSE
        for api in sorted(self._followed | warm.keys()):
            course = self._courses[api]
            expected, top = warm.get(api, (np.inf, 0))
            missed = api not in seen
            events += self._begin(api, course, time, expected, top, dense=dense, missed=missed)
            events += self._end(api, course, time, warm=api in warm, missed=missed)
            if course.phase == _OPEN or course.agreed:
                self._followed.add(api)
            else:
                self._followed.discard(api)
        return sorted(events, key=lambda event: event.kind == "closed")

    def _over(self, course: _Course, time: float) -> bool:
        """True if an episode has been closed for so long that what comes next is another one."""
        return course.phase in {_PAUSED, _ADOPTED} and time - course.last > self.rejoin

    def _begin(
        self, api: int, course: _Course, time: float, expected: float, top: int, *, dense: bool, missed: bool
    ) -> list[EpisodeEvent]:
        warm, high = expected <= HYSTERESIS * self.budget, expected <= self.budget
        if self._over(course, time):
            course.phase = _IDLE
        agreed = warm and (course.agreed or not dense)
        begins = agreed and high and course.phase == _IDLE
        opens = begins or (agreed and course.phase == _PAUSED)
        if begins:
            course.opened, course.peak, course.counted = time, np.inf, False
            self._begun = [pair for pair in self._begun if pair[0] > time - WEEK]
            self._begun.append((time, self._entities[api]))
        if opens:
            course.phase = _OPEN
        if warm and course.phase != _IDLE:
            course.last = time
        if not missed:
            course.agreed = warm and (course.phase != _IDLE or high)
        if course.phase == _OPEN and expected < course.peak:
            course.peak, course.top = expected, top
        return [self._event("opened", api, time, counts=begins)] if opens else []

    def _end(self, api: int, course: _Course, time: float, *, warm: bool, missed: bool) -> list[EpisodeEvent]:
        if course.phase != _OPEN:
            return []
        wait = self.patience if missed else CLOSE_AFTER
        lasting = not missed and time - course.opened > self.longest
        if not lasting and (warm or time - course.last < wait):
            return []
        event = self._event("closed", api, time, counts=not course.counted, adopted=lasting)
        if event.counts:
            key = (event.entity, event.severity)
            self.totals[key] = self.totals.get(key, 0) + 1
        course.counted = True
        course.phase = _ADOPTED if lasting else _PAUSED
        return [event]

    def _event(
        self, kind: Literal["opened", "closed"], api: int, time: float, *, counts: bool, adopted: bool = False
    ) -> EpisodeEvent:
        course = self._courses[api]
        score = float(score_of(np.array(course.peak)))
        return EpisodeEvent(
            kind=kind,
            entity=self._entities[api],
            time=time,
            opened_at=course.opened,
            score=score,
            severity=severity_of(score),
            top_feature=self._features[course.top],
            counts=counts,
            adopted=adopted,
        )

    def _numbers(self, entities: tuple[Entity, ...]) -> list[int]:
        """The number of each API, new ones included."""
        new = [entity for entity in dict.fromkeys(entities) if entity not in self._place]
        for entity in new:
            self._place[entity] = len(self._place)
        self._entities += tuple(new)
        self._courses += [_Course() for _ in new]
        return [self._place[entity] for entity in entities]

    # ------------------------------------------------------------------ on disk

    def to_state(self) -> dict[str, Any]:
        """All that must survive a restart, as plain JSON values."""
        return {
            "looked": _plain(self._looked),
            "features": list(self._features),
            "apis": [
                [*entity, *(_plain(getattr(course, name)) for name in _FIELDS)]
                for entity, course in zip(self._entities, self._courses, strict=True)
                if (course.phase != _IDLE and not self._over(course, self._looked)) or course.agreed
            ],
            "begun": [[time, *entity] for time, entity in self._begun],
            "totals": [[*entity, severity, n] for (entity, severity), n in self.totals.items()],
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], threshold: float = 0.7, *, step: float = 300.0
    ) -> EpisodeTracker:
        """The tracker as it was when `to_state` was called; looks it has taken in are ignored from now on."""
        tracker = cls(threshold, step=step)
        rows = state["apis"]
        for i, row in zip(tracker._numbers(tuple(Entity(*row[:2]) for row in rows)), rows, strict=True):
            values = zip(row[2:], _FIELDS.values(), strict=True)
            tracker._courses[i] = _Course(*(_special(value, fill) for value, fill in values))
        tracker._followed = set(range(len(rows)))
        tracker._looked = _special(state["looked"], -np.inf)
        tracker._features = tuple(state["features"])
        tracker._begun = [(row[0], Entity(*row[1:])) for row in state["begun"]]
        tracker.totals = {(Entity(*row[:2]), row[2]): row[3] for row in state["totals"]}
        return tracker


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of the state
    """JSON has no infinities: absent instead."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _special(value: Any, fill: Any) -> Any:  # noqa: ANN401 - any field of the state
    return fill if value is None else value
