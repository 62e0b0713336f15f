"""One training run: read history, fit, validate on data the fit has not seen, store, and promote if no worse.

It runs in a process of its own (`rapidapi-ml train`), so that scoring never waits for it and survives its crash.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from ml_sidecar.config import Config
from ml_sidecar.errors import NotEnoughDataError, StoreError
from ml_sidecar.features import Mask, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.models.base import Model
from ml_sidecar.models.pattern_clusterer import PatternClusterer
from ml_sidecar.models.performance_predictor import PerformancePredictor
from ml_sidecar.reader import PrometheusReader
from ml_sidecar.results import ModelCard
from ml_sidecar.store import LoadedModels, ModelStore
from ml_sidecar.thresholds import ThresholdOptimizer

GRID = 300.0
"""Seconds between two rows of the grid on which the models' state advances."""
SEED = 0
MOST_SAMPLES = 10_000_000
"""Samples beyond which history is cut to the fine window; 80 MB as an array."""
_TOLERANCE = 0.05
"""Accuracy by which a candidate may fall behind the model in service: about the noise of one held-out day."""


def grid_floor(moment: float) -> float:
    """Last grid time at or before a moment, seconds since the epoch."""
    return math.floor(moment / GRID) * GRID


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training run did.

    Attributes:
        version: id of the stored version.
        promoted: whether it is in service now.
        reason: why it was not promoted, empty if it was.
        samples: rows learnt from.
        apis: number of APIs.
        seconds: time it took.
        accuracy: held-out accuracy by model name, None where it could not be measured.
    """

    version: str
    promoted: bool
    reason: str
    samples: int
    apis: int
    seconds: float
    accuracy: dict[str, float | None]

    def to_json(self) -> str:
        """One line, for the process that waits for this one."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TrainingResult:
        """Inverse of `to_json`."""
        return cls(**json.loads(text))


class Models(NamedTuple):
    """The models of one version."""

    detector: AnomalyDetector
    predictor: PerformancePredictor
    clusterer: PatternClusterer

    def by_name(self) -> dict[str, Model]:
        """The same by their names."""
        return {model.name: model for model in self}


def new_models(config: Config) -> Models:
    """Untrained models."""
    local = LocalTime(config.file.time_zone, config.file.time_zones)
    detector = AnomalyDetector(
        config.features,
        GRID,
        local_time=local,
        look_interval=config.env.prometheus_export_interval,
        budget=config.env.budget,
        seed=SEED,
    )
    predictor = PerformancePredictor(
        config.forecast_features, config.file.horizons, GRID, local_time=local, seed=SEED
    )
    clusterer = PatternClusterer(config.features, GRID, local_time=local, seed=SEED)
    return Models(detector, predictor, clusterer)


def history_hours(config: Config, apis: int) -> float:
    """Hours of history to learn from.

    PROMETHEUS_METRICS_RETENTION_HOURS at least. Up to ML_PROFILE_HOURS, in which every hour of the week lies several
    times, where that is no more than ten million samples: five weeks of 250 APIs at the default four features.
    """
    fine, longest = config.env.prometheus_metrics_retention_hours, config.env.ml_profile_hours
    affordable = MOST_SAMPLES / max(1, apis * len(config.features)) * GRID / 3600.0
    return max(fine, min(longest, affordable))


def read_history(config: Config, reader: PrometheusReader, now: float) -> Window:
    """The history to learn from, up to the last grid time.

    Raises:
        ReaderError: it could not be read.
    """
    end = grid_floor(now)
    hours = history_hours(config, len(reader.instant(now).entities))
    return reader.history(end - hours * 3600.0, end, GRID)


def excluded_rows(config: Config, reader: PrometheusReader, window: Window) -> Mask:
    """Rows not to be learnt as normal: spans declared in the file and spans of `training_exclude` alerts.

    Returns:
        (T, A), True where the row is left out.
    """
    mask = reader.excluded(window) if window.values.size else np.zeros(window.values.shape[:2], bool)
    times = window.times
    for span in config.file.excluded_spans:
        rows = (times >= span.start.timestamp()) & (times <= span.end.timestamp())
        columns = np.array([span.api_name in (None, entity.api_name) for entity in window.entities], bool)
        mask |= rows[:, None] & columns[None, :]
    return mask


def train(config: Config, reader: PrometheusReader, store: ModelStore, now: float) -> TrainingResult:
    """Train all models on the history before `now` and put them into service if they are no worse.

    Raises:
        NotEnoughDataError: the history is shorter than ML_MIN_TRAINING_SAMPLES rows.
        ReaderError: the history could not be read.
        StoreError: the models could not be written.
    """
    began = time.monotonic()
    window = read_history(config, reader, now)
    if window.rows < config.env.ml_min_training_samples:
        raise NotEnoughDataError(window.rows, config.env.ml_min_training_samples)
    excluded = excluded_rows(config, reader, window)
    models = new_models(config)
    for model in models:
        model.fit(window, excluded)
    former = _in_service(store)
    if former is not None:
        models.clusterer.inherit_names(former.models["pattern_clusterer"])
    cards = {model.name: model.describe() for model in models}
    optimizer = ThresholdOptimizer(config.features, GRID, budget=config.env.budget)
    thresholds = optimizer.fit(window, excluded)
    version = store.save({**models.by_name(), optimizer.name: thresholds}, cards, config.public(), now)
    reason = "" if former is None else _why_worse(cards, former.cards)
    if not reason:
        store.promote(version)
    accuracy = {name: None if math.isnan(card.accuracy) else card.accuracy for name, card in cards.items()}
    seconds = time.monotonic() - began
    return TrainingResult(version, not reason, reason, window.rows, len(window.entities), seconds, accuracy)


def _in_service(store: ModelStore) -> LoadedModels | None:
    """The version in service; None where it can no longer be used, since anything beats it."""
    if store.current() is None:
        return None
    try:
        return store.load()
    except StoreError:
        return None


def _why_worse(candidate: Mapping[str, ModelCard], current: Mapping[str, ModelCard]) -> str:
    for name, card in candidate.items():
        former = current.get(name)
        if former is not None and card.accuracy < former.accuracy - _TOLERANCE:
            return f"{name}: accuracy {card.accuracy:.2f} after {former.accuracy:.2f}"
    return ""
