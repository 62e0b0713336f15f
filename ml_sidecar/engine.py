"""The models in service and their state, carried along two clocks.

`look` judges what is seen now against a state that knows earlier grid rows only; the state itself advances on the
grid. Everything here is synchronous; whoever calls it decides on which thread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_sidecar.changes import Counts, ThresholdChanges, episode_counts
from ml_sidecar.config import Config
from ml_sidecar.contract import SEVERITIES
from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker, Observed
from ml_sidecar.errors import NotTrainedError, StoreError
from ml_sidecar.events import EventLog
from ml_sidecar.features import Entity, Mask, Window, empty_window
from ml_sidecar.grid import GridResults, compute_grid
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.models.pattern_clusterer import PatternClusterer
from ml_sidecar.models.performance_predictor import PerformancePredictor
from ml_sidecar.reader import PrometheusReader
from ml_sidecar.reasons import reason
from ml_sidecar.results import ModelCard, Scores, Thresholds
from ml_sidecar.store import ModelStore
from ml_sidecar.thresholds import changed_thresholds
from ml_sidecar.training import GRID, excluded_rows

_RECOGNISED = 3600.0
"""Seconds within which an outage must be known as such for its episode not to count as a false alarm."""
_JOURNAL = "episodes"
_JOURNAL_VERSION = 2


@dataclass(frozen=True, slots=True)
class InService:
    """One version of the models, loaded."""

    version: str
    cards: Mapping[str, ModelCard]
    detector: AnomalyDetector
    predictor: PerformancePredictor
    clusterer: PatternClusterer
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Look:
    """What one scoring cycle saw.

    Attributes:
        time: the instant judged, seconds since the epoch.
        scores: of that instant, T = 1.
        is_open: (A,), True where an episode is open.
    """

    time: float
    scores: Scores
    is_open: Mask

    @property
    def entities(self) -> tuple[Entity, ...]:
        """APIs that reported."""
        return self.scores.entities


class Engine:
    """Scores, forecasts and episodes of all APIs, from the models in service.

    Args:
        config: all settings.
        reader: where values come from.
        store: where models come from.
        events: told what happens.
        journal: whether this process owns the journal of episodes. Exactly one does, the sidecar; others look on.
    """

    def __init__(
        self, config: Config, reader: PrometheusReader, store: ModelStore, events: EventLog, *, journal: bool
    ) -> None:
        self._config = config
        self._reader = reader
        self._store = store
        self._events = events
        self._journal = journal
        self._local = LocalTime(config.file.time_zone, config.file.time_zones)
        self.tracker = EpisodeTracker(config.env.threshold)
        self.changes = ThresholdChanges(len(config.features))
        self.history = empty_window(0.0, GRID, (f.name for f in config.features))
        self._known_bad = empty_window(0.0, GRID, ("excluded",))
        self.service: InService | None = None
        self.grid: GridResults | None = None
        self.last: Look | None = None
        self._restored = False

    # ------------------------------------------------------------------ models

    @property
    def in_service(self) -> InService:
        """The models in service.

        Raises:
            NotTrainedError: there are none yet.
        """
        if self.service is None:
            raise NotTrainedError(
                "no model is trained yet; the sidecar trains by itself once there is enough history"
            )
        return self.service

    def load(self, now: float) -> bool:
        """Put the store's current version into service and bring its state up to the present.

        Returns:
            Whether there is a usable version. One that is corrupt or of another library version is reported as an
            event and left alone: the next training replaces it.

        Raises:
            ReaderError: the rows since its training could not be read; nothing has changed then.
        """
        version = self._store.current()
        if version is None:
            return False
        try:
            loaded = self._store.load(version)
        except StoreError as error:
            self._events.add("model_load_failed", str(error))
            return False
        models = loaded.models
        candidate = InService(
            version,
            loaded.cards,
            models["anomaly_detector"],
            models["performance_predictor"],
            models["pattern_clusterer"],
            models["threshold_optimizer"],
        )
        self._bring_up(candidate, now)
        return True

    def _bring_up(self, candidate: InService, now: float) -> None:
        """Walk a version from its training's end to the present, then swap it in."""
        end = _state_time(now)
        history = self._reader.history(
            end - self._config.env.prometheus_metrics_retention_hours * 3600.0, end, GRID
        )
        excluded = excluded_rows(self._config, self._reader, history)
        new = history.between(candidate.detector.clock + GRID, end)
        scores = candidate.detector.walk(new, excluded[len(excluded) - len(new.values) :])
        candidate.predictor.walk(history.between(candidate.predictor.clock + GRID, end))
        if self._restore_journal():
            self._take(self.tracker.observe(scores), scores)
        if self.service is not None:
            changes = changed_thresholds(self.service.thresholds, candidate.thresholds, self._config.features)
            self.changes.add(candidate.thresholds.entities, changes)
        self.history, self._known_bad, self.service = history, _as_window(history, excluded), candidate
        self._on_grid(end)
        self._write_journal()

    # ------------------------------------------------------------------ the two clocks

    def look(self, now: float) -> Look:
        """Judge the values of this instant; advance the state first where the grid has moved on.

        Args:
            now: the instant, seconds since the epoch.

        Raises:
            NotTrainedError: there is no model yet.
            ReaderError: Prometheus could not be read.
        """
        detector = self.in_service.detector
        if detector.clock < _state_time(now):
            self._advance(_state_time(now))
        instant = self._reader.instant(now)
        scores = detector.score(instant)
        observed = self.tracker.observe(scores)
        self._take(observed, scores)
        if observed.events:
            self._write_journal()
        self.last = Look(now, scores, observed.is_anomaly[-1])
        return self.last

    def _advance(self, end: float) -> None:
        """Let the grid rows up to `end` enter the state."""
        service = self.in_service
        rows = self._reader.history(service.detector.clock + GRID, end, GRID)
        excluded = excluded_rows(self._config, self._reader, rows)
        service.detector.walk(rows, excluded)
        service.predictor.walk(rows)
        keep = self._config.env.prometheus_metrics_retention_hours * 3600.0
        self.history = _append(self.history, rows, keep)
        self._known_bad = _append(self._known_bad, _as_window(rows, excluded), keep)
        self._on_grid(end)
        self._write_journal()

    def _on_grid(self, time: float) -> None:
        service = self.in_service
        used = self._budget_used(time)
        self.grid = compute_grid(
            service.predictor,
            service.clusterer,
            service.thresholds,
            self.history,
            self._config.features,
            self._local,
            used,
        )

    def _budget_used(self, time: float) -> float:
        """Episodes of the last seven days over what the budget allows; those that were declared or a known outage apart."""
        apis = len(self.history.entities)
        return self.tracker.budget_used(time, self._config.env.budget, apis, self._was_known_bad)

    def _was_known_bad(self, begun: float, entity: Entity) -> bool:
        known = self._known_bad.between(begun, begun + _RECOGNISED).of([entity])
        return bool((known.values > 0).any())

    def pattern_names(self) -> dict[Entity, str]:
        """The present pattern of each API in words; APIs without one are left out."""
        if self.grid is None:
            return {}
        patterns = self.grid.patterns
        pairs = zip(patterns.entities, patterns.assigned.tolist(), strict=True)
        return {entity: patterns.names[k] for entity, k in pairs if k >= 0}

    # ------------------------------------------------------------------ episodes

    def _take(self, observed: Observed, scores: Scores) -> None:
        """Tell what opened and closed."""
        for event in observed.events:
            self._tell(event, scores)

    def _tell(self, event: EpisodeEvent, scores: Scores) -> None:
        name = event.entity.api_name
        if event.kind == "opened":
            row = int(np.searchsorted(scores.times, event.time))
            self._events.add("anomaly_opened", f"{name}: {self.reason(scores, event.entity, row)}", name)
            return
        minutes = (event.time - event.opened_at) / 60.0
        end = (
            "it has lasted and is taken for the new normal"
            if event.adopted
            else f"over after {minutes:.0f} min"
        )
        self._events.add("anomaly_closed", f"{name}: {end}, severity {event.severity}", name)

    def episode_counts(self, entities: Sequence[Entity]) -> Counts:
        """Closed episodes, (A, 3) by severity."""
        return episode_counts(self.tracker.totals, entities, SEVERITIES)

    def reason(self, scores: Scores, entity: Entity, row: int = -1) -> str:
        """Why the API has its score, one sentence without its name."""
        column = scores.entities.index(entity)
        shares = np.nan_to_num(scores.contributions[row, column])
        top = int(shares.argmax())
        known = (scores.expected, scores.lower, scores.upper)
        middle, lower, upper = (float(array[row, column, top]) for array in known)
        local = float(self._local.local(scores.times[[row]], [entity])[0, 0])
        feature = self._config.features[top]
        return reason(
            feature, float(scores.value[row, column, top]), (middle, lower, upper), local, float(shares[top])
        )

    def _restore_journal(self) -> bool:
        """Read the journal once: open episodes and counts of the process before this one.

        Returns:
            Whether there was a process before this one, whose episodes go on.
        """
        if self._restored:
            return True
        self._restored = True
        try:
            state = self._store.read_state(_JOURNAL)
        except StoreError as error:
            self._events.add("journal_load_failed", str(error))
            return False
        if state is None or state["version"] != _JOURNAL_VERSION:
            return False
        self.tracker = EpisodeTracker.from_state(state["tracker"], self._config.env.threshold)
        self.changes = ThresholdChanges.from_state(state["threshold_changes"], len(self._config.features))
        return True

    def _write_journal(self) -> None:
        if self._journal:
            state: dict[str, Any] = {
                "version": _JOURNAL_VERSION,
                "tracker": self.tracker.to_state(),
                "threshold_changes": self.changes.to_state(),
            }
            self._store.write_state(_JOURNAL, state)


def _state_time(now: float) -> float:
    """Last grid time strictly before an instant: what the state may know when it judges that instant."""
    return math.ceil(now / GRID) * GRID - GRID


def _as_window(rows: Window, excluded: Mask) -> Window:
    """A mask (T, A) as a feature of its own: 1 where the row was known to be bad, else 0."""
    return Window(
        rows.start, rows.step, rows.entities, ("excluded",), excluded[:, :, None].astype(np.float64)
    )


def _append(history: Window, rows: Window, keep: float) -> Window:
    """History with further rows, missing ones as NaN, cut to the last `keep` seconds."""
    entities = tuple(sorted({*history.entities, *rows.entities}))
    end = rows.end
    start = max(history.start, end - keep)
    old = history.of(entities).between(start, end)
    total = round((end - old.start) / GRID) + 1
    values = np.full((total, len(entities), len(history.features)), np.nan)
    values[: len(old.values)] = old.values
    offset = round((rows.start - old.start) / GRID)
    values[offset:] = rows.of(entities).values
    return Window(old.start, GRID, entities, history.features, values)
