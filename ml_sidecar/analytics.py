"""The public Python face: ask the models from a script or a notebook, with what the sidecar itself uses.

    from ml_sidecar import detect_api_anomalies
    for result in await detect_api_anomalies():
        print(result.api_name, result.anomaly_score, result.reason)

It reads the same Prometheus (PROMETHEUS_URL) and the same models (MODELS_DIR) as the running sidecar, and leaves the
sidecar's journal of episodes alone.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml_sidecar.config import Config, load_config
from ml_sidecar.contract import BOUNDS, MODEL_NAMES, SUCCESS_RATE, THRESHOLD_SEVERITIES
from ml_sidecar.engine import Engine
from ml_sidecar.episodes import severity_of
from ml_sidecar.errors import NotTrainedError, UnknownApiError
from ml_sidecar.events import EventLog
from ml_sidecar.exporter import PrometheusExporter
from ml_sidecar.features import Entity, Window
from ml_sidecar.reader import PrometheusReader, reader_of
from ml_sidecar.results import Thresholds
from ml_sidecar.store import ModelStore
from ml_sidecar.thresholds import ThresholdOptimizer
from ml_sidecar.training import GRID, excluded_rows, read_history, train

_HOUR = 3600.0
_FRESH = 15.0
"""Seconds for which the last look is asked again instead of Prometheus."""


@dataclass(frozen=True, slots=True)
class AnomalyResult:
    """How unusual one API is now.

    Attributes:
        api_name: the API.
        environment: its environment.
        timestamp: the instant judged, aware.
        anomaly_score: 0 to 1, higher is worse.
        is_anomaly: whether an episode is open.
        severity: low below 0.7, medium from 0.7, high from 0.9.
        feature: the feature that contributes most.
        value: its present value, in its unit.
        contributions: share of the score by feature; sums to 1.
        reason: one sentence.
    """

    api_name: str
    environment: str
    timestamp: datetime
    anomaly_score: float
    is_anomaly: bool
    severity: Literal["low", "medium", "high"]
    feature: str
    value: float
    contributions: Mapping[str, float]
    reason: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """A forecast of one feature of one API.

    Attributes:
        timestamp: the time forecast, aware.
        api_name: the API.
        metric: the feature.
        predicted_value: in the feature's unit (percent for success_rate).
        confidence: probability, 0 to 1, that the truth is within the smallest deviation worth an alarm.
        lower: lower end of the 90 % interval.
        upper: upper end of the 90 % interval.
    """

    timestamp: datetime
    api_name: str
    metric: str
    predicted_value: float
    confidence: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model as far as it has got.

    Attributes:
        name: one of contract.MODEL_NAMES.
        last_trained: aware time, None if it never was.
        training_samples: rows it learnt from.
        accuracy: 0 to 1 on held-out data, NaN if it is not known.
    """

    name: str
    last_trained: datetime | None
    training_samples: int
    accuracy: float


class MLAnalytics:
    """Detection, forecasts, thresholds and upkeep, on the models in service.

    Args:
        config: all settings.
        reader: where values come from.
        store: where models come from.
        now: clock, seconds since the epoch.
    """

    def __init__(
        self,
        config: Config,
        reader: PrometheusReader,
        store: ModelStore,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._reader = reader
        self._store = store
        self._now = now
        self._lock = asyncio.Lock()
        self._engine = Engine(
            config, reader, store, EventLog(logging.getLogger("ml.analytics"), now), journal=False
        )

    # ------------------------------------------------------------------ what is known

    @property
    def models(self) -> dict[str, ModelState]:
        """All models by name, untrained ones included."""
        version = self._store.current()
        cards = self._store.load(version).cards if version is not None else {}
        return {
            name: ModelState(name, _aware(cards[name].trained_at), cards[name].samples, cards[name].accuracy)
            if name in cards
            else ModelState(name, None, 0, math.nan)
            for name in MODEL_NAMES
        }

    @property
    def historical_data(self) -> pd.DataFrame:
        """History on the grid, one row per time and API: timestamp, api_name, environment, one column a feature."""
        return _as_frame(read_history(self._config, self._reader, self._now()))

    # ------------------------------------------------------------------ coroutines

    async def detect_api_anomalies(self, api_name: str | None = None) -> list[AnomalyResult]:
        """How unusual each API is now, or the one named.

        Raises:
            NotTrainedError: there is no model yet.
            UnknownApiError: no API of that name reports.
            ReaderError: Prometheus could not be read.
        """
        await self._refresh()
        found = self._results()
        if api_name is None:
            return found
        chosen = [result for result in found if result.api_name == api_name]
        if not chosen:
            raise UnknownApiError(api_name, [result.api_name for result in found])
        return chosen

    async def predict_api_performance(
        self, api_name: str, hours_ahead: int = 3, metric: str = SUCCESS_RATE
    ) -> list[Prediction]:
        """Forecasts of one API, nearest first, up to `hours_ahead` hours.

        Raises:
            ValueError: no forecast reaches that far, or the feature is not forecast.
            NotTrainedError: there is no model yet.
            UnknownApiError: there is no such API.
        """
        farthest = int(max(self._config.file.horizons) // _HOUR)
        if not 1 <= hours_ahead <= farthest:
            raise ValueError(f"hours_ahead is {hours_ahead}; forecasts reach 1 to {farthest} hours ahead")
        names = [feature.name for feature in self._config.forecast_features]
        if metric not in names:
            raise ValueError(f"{metric!r} is not forecast; forecast features are {', '.join(names)}")
        await self._refresh()
        return self._predictions(api_name, hours_ahead * _HOUR, metric)

    async def optimize_system_thresholds(self) -> dict[str, Any]:
        """Learn the alert thresholds anew from the history and put them into service.

        Returns:
            `optimized_thresholds` (by API, feature, severity and bound), `expected_alerts_per_week` (by API, feature
            and severity), `training_samples`, `version`.

        Raises:
            NotTrainedError: there is no model to put them beside yet.
            ReaderError: Prometheus could not be read.
        """
        async with self._lock:
            return await asyncio.to_thread(self._optimize)

    async def auto_maintenance(self) -> dict[str, Any]:
        """Train if training is due (thresholds are part of it), else do nothing.

        Returns:
            `models_trained`, `thresholds_optimized`, `version`, `reason`.

        Raises:
            NotEnoughDataError: training is due and the history is too short.
            ReaderError: Prometheus could not be read.
        """
        age = self._now() - min(
            (state.last_trained.timestamp() if state.last_trained else 0.0) for state in self.models.values()
        )
        due = age >= self._config.env.ml_training_interval_hours * _HOUR
        if not due:
            reason = f"models are {age / _HOUR:.1f} h old, training is due after {self._config.env.ml_training_interval_hours:g} h"
            return {
                "models_trained": False,
                "thresholds_optimized": False,
                "version": self._store.current(),
                "reason": reason,
            }
        async with self._lock:
            result = await asyncio.to_thread(train, self._config, self._reader, self._store, self._now())
        done = result.promoted
        reason = result.reason or f"trained on {result.samples} rows of {result.apis} APIs"
        return {
            "models_trained": done,
            "thresholds_optimized": done,
            "version": result.version,
            "reason": reason,
        }

    # ------------------------------------------------------------------ behind them

    async def _refresh(self) -> None:
        async with self._lock:
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        now = self._now() - 2.0
        engine = self._engine
        stale = engine.service is None or engine.service.version != self._store.current()
        if stale and not engine.load(now):
            raise NotTrainedError("no model is trained yet; start the sidecar or call auto_maintenance()")
        if engine.last is None or now - engine.last.time > _FRESH:
            engine.look(now)

    def _results(self) -> list[AnomalyResult]:
        look = self._engine.last
        if look is None:
            return []
        scores = look.scores
        return [
            self._result(i, entity)
            for i, entity in enumerate(scores.entities)
            if np.isfinite(scores.expected_per_week[0, i])
        ]

    def _result(self, column: int, entity: Entity) -> AnomalyResult:
        look = self._engine.last
        assert look is not None  # noqa: S101 - _results() has looked
        scores = look.scores
        shares = scores.contributions[0, column]
        top = int(np.nanargmax(shares))
        score = float(scores.score[0, column])
        return AnomalyResult(
            api_name=entity.api_name,
            environment=entity.environment,
            timestamp=_aware(look.time),
            anomaly_score=score,
            is_anomaly=bool(look.is_open[column]),
            severity=severity_of(score),
            feature=scores.features[top],
            value=float(scores.value[0, column, top]),
            contributions=dict(zip(scores.features, shares.tolist(), strict=True)),
            reason=self._engine.reason(scores, entity),
        )

    def _predictions(self, api_name: str, reach: float, metric: str) -> list[Prediction]:
        grid = self._engine.grid
        if grid is None:
            raise NotTrainedError("no model is trained yet")
        forecasts = grid.forecasts
        f = forecasts.features.index(metric)
        columns = [i for i, entity in enumerate(forecasts.entities) if entity.api_name == api_name]
        if not columns:
            raise UnknownApiError(api_name, [entity.api_name for entity in forecasts.entities])
        return [
            Prediction(
                timestamp=_aware(forecasts.issued_at + horizon),
                api_name=api_name,
                metric=metric,
                predicted_value=float(forecasts.predicted[i, f, h]),
                confidence=float(forecasts.confidence[i, f, h]),
                lower=float(forecasts.lower[i, f, h]),
                upper=float(forecasts.upper[i, f, h]),
            )
            for i in columns
            for h, horizon in enumerate(forecasts.horizons)
            if horizon <= reach
        ]

    def _optimize(self) -> dict[str, Any]:
        version = self._store.current()
        if version is None:
            raise NotTrainedError("no model is trained yet; start the sidecar or call auto_maintenance()")
        loaded = self._store.load(version)
        window = read_history(self._config, self._reader, self._now())
        optimizer = ThresholdOptimizer(self._config.features, GRID, budget=self._config.env.budget)
        thresholds = optimizer.fit(window, excluded_rows(self._config, self._reader, window))
        models = {**loaded.models, optimizer.name: thresholds}
        version = self._store.save(models, loaded.cards, self._config.public(), self._now())
        self._store.promote(version)
        return {**_thresholds_as_dict(thresholds), "training_samples": window.rows, "version": version}


def _aware(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def _thresholds_as_dict(thresholds: Thresholds) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    costs: dict[str, Any] = {}
    for i, entity in enumerate(thresholds.entities):
        for f, feature in enumerate(thresholds.features):
            for s, severity in enumerate(THRESHOLD_SEVERITIES):
                for bound, table in zip(BOUNDS, (thresholds.lower, thresholds.upper), strict=True):
                    if np.isfinite(table[i, f, s]):
                        api = limits.setdefault(entity.api_name, {}).setdefault(feature, {})
                        api.setdefault(severity, {})[bound] = float(table[i, f, s])
                cost = costs.setdefault(entity.api_name, {}).setdefault(feature, {})
                cost[severity] = float(thresholds.expected_alerts_per_week[i, f, s])
    return {"optimized_thresholds": limits, "expected_alerts_per_week": costs}


def _as_frame(window: Window) -> pd.DataFrame:
    count, apis = window.values.shape[:2]
    frame = pd.DataFrame(window.values.reshape(count * apis, -1), columns=list(window.features))
    frame.insert(0, "timestamp", pd.to_datetime(np.repeat(window.times, apis), unit="s", utc=True))
    frame.insert(1, "api_name", [entity.api_name for entity in window.entities] * count)
    frame.insert(2, "environment", [entity.environment for entity in window.entities] * count)
    return frame.dropna(subset=list(window.features), how="all", ignore_index=True)


# ---------------------------------------------------------------------- the default instances


@lru_cache(maxsize=1)
def get_ml_analytics() -> MLAnalytics:
    """The analytics of this process, configured from the environment."""
    config = load_config()
    return MLAnalytics(config, reader_of(config), ModelStore(config.env.models_dir))


@lru_cache(maxsize=1)
def get_prometheus_exporter() -> PrometheusExporter:
    """An exporter of this process; its `.metrics` describe everything the sidecar exposes, by name."""
    config = load_config()
    return PrometheusExporter(
        config.env.environment, max_series=config.file.max_series, groups=config.file.export
    )


async def detect_api_anomalies(api_name: str | None = None) -> list[AnomalyResult]:
    """See `MLAnalytics.detect_api_anomalies`."""
    return await get_ml_analytics().detect_api_anomalies(api_name)


async def predict_api_performance(
    api_name: str, hours_ahead: int = 3, metric: str = SUCCESS_RATE
) -> list[Prediction]:
    """See `MLAnalytics.predict_api_performance`."""
    return await get_ml_analytics().predict_api_performance(api_name, hours_ahead, metric)


async def optimize_system_thresholds() -> dict[str, Any]:
    """See `MLAnalytics.optimize_system_thresholds`."""
    return await get_ml_analytics().optimize_system_thresholds()
