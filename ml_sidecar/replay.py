"""Replay: the same models, carried over a past that is read from a file or from Prometheus.

A row's answer depends on that row and on rows before it in the file, on nothing after: a file cut after row k gives the
same first k rows, bit for bit. Hence what is decided while reading is decided from rows already read: the step from
the first 24 rows, the API a row belongs to, and whether it comes in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker, severity_of
from ml_sidecar.errors import ReplayError
from ml_sidecar.features import Array, Direction, Entity, Feature, Mask, Window
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.models.base import AnomalyModel
from ml_sidecar.models.performance_predictor import PerformancePredictor
from ml_sidecar.replay_table import Session, Table, rank_within, read_table, sessions, step_of
from ml_sidecar.results import Scores

CHUNK_DAYS = 30.0
"""So much time is replayed at once; it bounds memory and changes no answer."""
ENVIRONMENT = "replay"
FORECAST_COLUMNS = ("issued_at", "target", "entity", "feature", "predicted", "lower", "upper", "confidence")


@dataclass(frozen=True, slots=True)
class Walked:
    """What replay of a window gave.

    Attributes:
        scores: of every row.
        is_anomaly: (T, A), True while an episode is open.
        events: episodes that opened and closed, oldest first.
    """

    scores: Scores
    is_anomaly: Mask
    events: tuple[EpisodeEvent, ...]


def replay_window(
    detector: AnomalyModel, tracker: EpisodeTracker, window: Window, excluded: Mask | None = None
) -> Walked:
    """Carry a detector and a tracker over a window, one look per row.

    Args:
        detector: its state must lie before the window.
        tracker: likewise.
        window: the past on the detector's grid.
        excluded: (T, A), True where a value must not be learnt as normal.
    """
    scores = detector.walk(window, excluded)
    observed = tracker.observe(scores)
    return Walked(scores, observed.is_anomaly, observed.events)


@dataclass(frozen=True, slots=True)
class Answers:
    """What is written about each row of the file; arrays over its rows, (rows,) or (rows, F).

    `is_anomaly` is (K, rows), for the K thresholds replayed.
    """

    score: Array
    is_anomaly: Mask
    top: NDArray[np.intp]
    expected: Array
    lower: Array
    upper: Array

    @classmethod
    def blank(cls, rows: int, features: int, thresholds: int = 1) -> Answers:
        """Nothing said yet."""
        wide = (rows, features)
        return cls(
            np.zeros(rows),
            np.zeros((thresholds, rows), dtype=bool),
            np.zeros(rows, dtype=np.intp),
            np.full(wide, np.nan),
            np.full(wide, np.nan),
            np.full(wide, np.nan),
        )

    def note(
        self,
        rows: NDArray[np.intp],
        scores: Scores,
        flags: Sequence[Mask],
        time: NDArray[np.intp],
        api: NDArray[np.intp],
    ) -> None:
        """Write down what was said about file rows: place (time, api) of what was walked."""
        self.score[rows] = np.nan_to_num(scores.score[time, api])
        for mine, flag in zip(self.is_anomaly, flags, strict=True):
            mine[rows] = flag[time, api]
        self.top[rows] = np.argmax(np.nan_to_num(scores.contributions[time, api]), axis=1)
        for mine, theirs in (
            (self.expected, scores.expected),
            (self.lower, scores.lower),
            (self.upper, scores.upper),
        ):
            mine[rows] = theirs[time, api]


class SessionReplay:
    """Replays the rows of one session: the last row of a slot enters the state, earlier ones are provisional looks.

    Args:
        table: the file.
        session: rows that are replayed together.
        features: what is known about the columns.
        thresholds: scores from which on an episode opens, each followed by itself.
    """

    def __init__(
        self, table: Table, session: Session, features: Sequence[Feature], thresholds: Sequence[float]
    ) -> None:
        self.rows = np.array(session.rows, dtype=np.intp)
        self.owners = table.entities[self.rows]
        self.step = step_of(table.times[self.rows], self.owners)
        self.features = tuple(features)
        self.values = table.values[self.rows]
        times = np.maximum.accumulate(table.times[self.rows])
        self.phase = float(times[0] % self.step)
        self.slots = np.round((times - self.phase) / self.step).astype(np.int64)
        names = list(dict.fromkeys(self.owners.tolist()))
        self.entities = tuple(Entity(name, ENVIRONMENT) for name in names)
        place = {name: i for i, name in enumerate(names)}
        self.apis = np.array([place[owner] for owner in self.owners], dtype=np.intp)
        self.detector = AnomalyDetector(features, self.step, look_interval=self.step)
        self.trackers = [EpisodeTracker(threshold, step=self.step) for threshold in thresholds]

    def run(self, answers: Answers) -> None:
        """Replay all rows."""
        earlier = rank_within(self.slots, self.apis)
        last = np.ones(len(self.rows), dtype=bool)
        key = self.slots * len(self.entities) + self.apis
        order = np.argsort(key, kind="stable")
        last[order[:-1]] = key[order[:-1]] != key[order[1:]]
        crowded = np.unique(self.slots[~last])
        begin = 0
        for end in [*(np.searchsorted(self.slots, crowded)).tolist(), len(self.rows)]:
            self._walk(np.flatnonzero(last[begin:end]) + begin, answers)
            if end < len(self.rows):
                stop = int(np.searchsorted(self.slots, self.slots[end], side="right"))
                self._walk_crowded(np.arange(end, stop), earlier, last, answers)
                begin = stop

    def window(self) -> Window:
        """All rows on the grid, the last one of a slot where there are several."""
        first, last = int(self.slots[0]), int(self.slots[-1])
        values = np.full((last - first + 1, len(self.entities), len(self.features)), np.nan)
        values[self.slots - first, self.apis] = self.values
        return Window(self._time(self.slots[0]), self.step, self.entities, self._names, values)

    def _walk(self, rows: NDArray[np.intp], answers: Answers, shift: float = 0.0) -> None:
        """Rows of which none shares its slot and API with another."""
        chunk = max(1, round(CHUNK_DAYS * 86400 / self.step))
        while len(rows):
            first = self.slots[rows[0]]
            count = int(np.searchsorted(self.slots[rows], first + chunk))
            mine, rows = rows[:count], rows[count:]
            at = self.slots[mine] - first
            values = np.full((int(at[-1]) + 1, len(self.entities), len(self.features)), np.nan)
            values[at, self.apis[mine]] = self.values[mine]
            window = Window(self._time(first), self.step, self.entities, self._names, values)
            scores = self.detector.walk(window)
            answers.note(self.rows[mine], scores, self._watched(scores, shift), at, self.apis[mine])

    def _walk_crowded(
        self, rows: NDArray[np.intp], rank: NDArray[np.intp], last: Mask, answers: Answers
    ) -> None:
        """The rows of one slot in which an API has several."""
        start = self._time(self.slots[rows[0]])
        nothing = np.empty((0, len(self.entities), len(self.features)))
        self.detector.walk(Window(start, self.step, self.entities, self._names, nothing))
        for k in range(int(rank[rows[~last[rows]]].max()) + 1):
            mine = rows[(rank[rows] == k) & ~last[rows]]
            entities = tuple(self.entities[api] for api in self.apis[mine])
            scores = self.detector.score(
                Window(start, self.step, entities, self._names, self.values[mine][None])
            )
            flags = self._watched(scores, _shift(k, self.step))
            answers.note(self.rows[mine], scores, flags, np.zeros(len(mine), np.intp), np.arange(len(mine)))
        finals = rows[last[rows]]
        self._walk(finals, answers, _shift(int(rank[finals].max()), self.step))

    def _watched(self, scores: Scores, shift: float) -> list[Mask]:
        looks = replace(scores, times=scores.times + shift)
        return [tracker.observe(looks).is_anomaly for tracker in self.trackers]

    def _time(self, slot: np.int64) -> float:
        return float(self.phase + slot * self.step)

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features)


def _shift(rank: int, step: float) -> float:
    """When in its slot the k-th look was, whatever comes after it: at 0, 1/4, 3/8, ... of the step."""
    return 0.5 * step * (1.0 - 0.5**rank)


def features_of(names: Sequence[str], directions: Mapping[str, str]) -> tuple[Feature, ...]:
    """Features by column name, bad on both sides unless told otherwise.

    Raises:
        ReplayError: a direction names no feature, or is none of above, below, both.
    """
    unknown = [name for name in directions if name not in names]
    if unknown:
        raise ReplayError(
            f"--direction names {', '.join(unknown)}, which is not among --features {', '.join(names)}"
        )
    found = []
    for name in names:
        side = directions.get(name, Direction.BOTH.value)
        if side not in set(Direction):
            raise ReplayError(f"--direction {name}={side}: choose one of {', '.join(Direction)}")
        found.append(Feature(name, direction=Direction(side)))
    return tuple(found)


def replay_csv(
    path: Path,
    scores_out: Path,
    *,
    entity_column: str | None = None,
    timestamp_column: str = "timestamp",
    features: Sequence[str] = ("value",),
    directions: Mapping[str, str] | None = None,
    threshold: float = 0.7,
    forecasts_out: Path | None = None,
    horizons: Sequence[float] = (3600.0, 7200.0, 10800.0),
) -> None:
    """Replay a CSV file and write one scored row per input row, in order.

    Columns written: the entity column (if there is one), timestamp, anomaly_score, is_anomaly (1 while an episode is
    open), severity, top_feature, and `<feature>_expected`, `<feature>_lower`, `<feature>_upper`.

    Args:
        path: the file: a timestamp column (ISO 8601 or epoch seconds) and a numeric column per feature; any sampling
            interval, gaps and empty cells allowed.
        scores_out: the file to write.
        entity_column: names the API of a row; one API where there is none.
        timestamp_column: its name.
        features: feature columns.
        directions: bad side by feature: above, below, both; both where left out.
        threshold: score from which on an episode opens.
        forecasts_out: write forecasts here too.
        horizons: of the forecasts, seconds.

    Raises:
        ReplayError: the file or an option is wrong.
    """
    known = features_of(features, directions or {})
    table = read_table(path, known, entity_column=entity_column, timestamp_column=timestamp_column)
    answers, replays = replay_table(table, known, (threshold,))
    write_scores(scores_out, table, answers, known, entity_column)
    if forecasts_out is not None:
        parts = [forecast_rows(replay.window(), known, horizons) for replay in replays]
        pd.concat(parts).to_csv(forecasts_out, index=False)


def replay_table(
    table: Table, features: Sequence[Feature], thresholds: Sequence[float]
) -> tuple[Answers, list[SessionReplay]]:
    """Replay a file that has been read."""
    answers = Answers.blank(len(table.times), len(features), len(thresholds))
    found = sessions(table.times, table.entities)
    replays = [SessionReplay(table, session, features, thresholds) for session in found]
    for replay in replays:
        replay.run(answers)
    return answers, replays


def forecast_rows(window: Window, features: Sequence[Feature], horizons: Sequence[float]) -> pd.DataFrame:
    """The forecasts of each origin, made from what was known then, one row per API, feature and horizon.

    Columns: issued_at and target (epoch seconds), entity, feature, predicted, lower, upper, confidence.
    """
    predictor = PerformancePredictor(features, horizons, window.step)
    shape = (len(window.entities), len(features), len(horizons))
    names = np.array([entity.api_name for entity in window.entities], dtype=object)[:, None, None]
    titles = np.array([f.name for f in features], dtype=object)[:, None]
    wide = {"entity": np.broadcast_to(names, shape), "feature": np.broadcast_to(titles, shape)}
    parts = []
    for issued in predictor.replay(window):
        target = np.broadcast_to(issued.issued_at + np.array(issued.horizons), shape)
        columns = {"issued_at": np.full(shape, issued.issued_at), "target": target, **wide}
        columns |= {name: getattr(issued, name) for name in ("predicted", "lower", "upper", "confidence")}
        table = pd.DataFrame({name: column.ravel() for name, column in columns.items()})
        parts.append(table[np.isfinite(issued.predicted.ravel())])
    return pd.concat(parts) if parts else pd.DataFrame(columns=FORECAST_COLUMNS)


def write_scores(
    path: Path, table: Table, answers: Answers, features: Sequence[Feature], entity_column: str | None
) -> None:
    """Write what was said about each row."""
    names = np.array([f.name for f in features], dtype=object)
    columns: dict[str, Any] = {} if entity_column is None else {entity_column: table.entities}
    columns["timestamp"] = table.stamps
    columns["anomaly_score"] = answers.score
    columns["is_anomaly"] = answers.is_anomaly[0].astype(np.int64)
    columns["severity"] = [severity_of(score) for score in answers.score.tolist()]
    columns["top_feature"] = names[answers.top]
    for k, name in enumerate(names):
        columns[f"{name}_expected"] = answers.expected[:, k]
        columns[f"{name}_lower"] = answers.lower[:, k]
        columns[f"{name}_upper"] = answers.upper[:, k]
    pd.DataFrame(columns).to_csv(path, index=False)
