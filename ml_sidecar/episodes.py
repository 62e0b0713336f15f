"""From scores to episodes: what opens, lasts, closes and is counted once.

An episode opens when E <= B, the promised number of false episodes per API and week; where looks are less than a minute
apart, on the second such look in a row. It stays open while E <= 1.5 B and closes five minutes after it last was. If it
comes back within an hour (three steps) it is the same episode: it opens again but is not counted again. What lasts six
hours is adopted: the episode closes and nothing is said until it has been quiet for an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.contract import SEVERITIES
from ml_sidecar.features import Array, Entity, Mask
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


_FIELDS: Mapping[str, Any] = {
    "phase": _IDLE,
    "opened": np.nan,
    "last": -np.inf,
    "agreed": False,
    "peak": np.inf,
    "top": 0,
    "counted": False,
}


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
        self._state: dict[str, NDArray[Any]] = {name: np.full(0, fill) for name, fill in _FIELDS.items()}
        self._looked = -np.inf
        self._astir = False
        self._watching = False
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
        column = self._columns(scores.entities)
        self._features = scores.features
        expected = np.where(np.isfinite(scores.expected_per_week), scores.expected_per_week, np.inf)
        # While nothing is open, only what may open or resume an episode needs a look.
        warm = np.asarray((expected <= HYSTERESIS * self.budget).any(axis=1))
        high = np.asarray((expected <= self.budget).any(axis=1))
        tops = np.argmax(np.where(np.isnan(scores.contributions), 0.0, scores.contributions), axis=2)
        flags = np.zeros(expected.shape, dtype=bool)
        events: list[EpisodeEvent] = []
        for i, time in enumerate(scores.times.tolist()):
            if time <= self._looked:
                continue
            if high[i] or self._watching or (warm[i] and self._astir):
                full = np.full(len(self._entities), np.nan)
                full[column] = expected[i]
                top = np.zeros(len(self._entities), dtype=np.intp)
                if warm[i]:
                    top[column] = tops[i]
                events += self._look(time, full, top)
                flags[i] = self._state["phase"][column] == _OPEN
            self._looked = time
        return Observed(flags, tuple(events))

    def is_open(self, entities: Sequence[Entity]) -> Mask:
        """True for each API with an open episode, shape (A,)."""
        phase = self._state["phase"]
        found = [entity in self._place and phase[self._place[entity]] == _OPEN for entity in entities]
        return np.array(found, dtype=bool)

    def episodes_since(self, time: float) -> tuple[tuple[float, Entity], ...]:
        """Episodes that began at or after a time, at most a week back: when, and which API."""
        return tuple(pair for pair in self._begun if pair[0] >= time)

    def budget_used(self, now: float, budget: float | None = None) -> float:
        """Episodes of the last seven days divided by what the budget allows for the APIs known; 0 without APIs.

        Args:
            now: seconds since the epoch.
            budget: promised false episodes per API and week; the tracker's own unless given.
        """
        promise = (self.budget if budget is None else budget) * len(self._entities)
        return len(self.episodes_since(now - WEEK)) / promise if promise > 0 else 0.0

    # ------------------------------------------------------------------ one look

    def _look(self, time: float, expected: Array, top: NDArray[np.intp]) -> list[EpisodeEvent]:
        s = self._state
        dense = time - self._looked < DENSE
        missed = np.isnan(expected)
        warm, high = expected <= HYSTERESIS * self.budget, expected <= self.budget
        over = (s["phase"] >= _PAUSED) & (time - s["last"] > self.rejoin)
        s["phase"][over] = _IDLE
        agreed = warm & (s["agreed"] | (not dense))
        begins = (s["phase"] == _IDLE) & high & agreed
        resumes = (s["phase"] == _PAUSED) & agreed
        s["opened"][begins], s["peak"][begins], s["counted"][begins] = time, np.inf, False
        s["phase"][begins | resumes] = _OPEN
        s["last"][warm & (s["phase"] != _IDLE)] = time
        s["agreed"] = np.where(missed, s["agreed"], warm & ((s["phase"] != _IDLE) | high))
        worse = (s["phase"] == _OPEN) & (expected < s["peak"])
        s["peak"][worse], s["top"][worse] = expected[worse], top[worse]
        events = [
            self._event("opened", i, time, counts=bool(begins[i]))
            for i in np.flatnonzero(begins | resumes).tolist()
        ]
        self._remember(time, np.flatnonzero(begins))
        wait = np.where(missed, self.patience, CLOSE_AFTER)
        lasting = ~missed & (s["phase"] == _OPEN) & (time - s["opened"] > self.longest)
        healed = (s["phase"] == _OPEN) & ~warm & (time - s["last"] >= wait) & ~lasting
        closes = [
            self._event("closed", i, time, counts=not s["counted"][i], adopted=bool(lasting[i]))
            for i in np.flatnonzero(lasting | healed).tolist()
        ]
        for event in closes:
            if event.counts:
                key = (event.entity, event.severity)
                self.totals[key] = self.totals.get(key, 0) + 1
        s["counted"][lasting | healed] = True
        s["phase"][lasting], s["phase"][healed] = _ADOPTED, _PAUSED
        self._watching = bool((s["phase"] == _OPEN).any() or s["agreed"].any())
        self._astir = self._watching or bool(s["phase"].any())
        return events + closes

    def _event(
        self, kind: Literal["opened", "closed"], i: int, time: float, *, counts: bool, adopted: bool = False
    ) -> EpisodeEvent:
        score = float(score_of(self._state["peak"][i]))
        return EpisodeEvent(
            kind=kind,
            entity=self._entities[i],
            time=time,
            opened_at=float(self._state["opened"][i]),
            score=score,
            severity=severity_of(score),
            top_feature=self._features[int(self._state["top"][i])],
            counts=counts,
            adopted=adopted,
        )

    def _remember(self, time: float, begun: Sequence[int] | NDArray[np.intp]) -> None:
        if len(begun):
            self._begun = [pair for pair in self._begun if pair[0] > time - WEEK]
            self._begun += [(time, self._entities[i]) for i in begun]

    def _columns(self, entities: tuple[Entity, ...]) -> NDArray[np.intp]:
        new = [entity for entity in dict.fromkeys(entities) if entity not in self._place]
        for entity in new:
            self._place[entity] = len(self._place)
        self._entities += tuple(new)
        for name, fill in _FIELDS.items():
            self._state[name] = np.concatenate([self._state[name], np.full(len(new), fill)])
        return np.array([self._place[entity] for entity in entities], dtype=np.intp)

    # ------------------------------------------------------------------ on disk

    def to_state(self) -> dict[str, Any]:
        """All that must survive a restart, as plain JSON values."""
        return {
            "looked": _plain(self._looked),
            "features": list(self._features),
            "apis": [
                [*self._entities[i], *(_plain(self._state[name][i].item()) for name in _FIELDS)]
                for i in np.flatnonzero((self._state["phase"] != _IDLE) | self._state["agreed"])
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
        tracker._columns(tuple(Entity(*row[:2]) for row in rows))
        for k, (name, fill) in enumerate(_FIELDS.items()):
            column = [_special(row[2 + k], fill) for row in rows]
            tracker._state[name][:] = column
        tracker._astir = tracker._watching = bool(rows)
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
