"""What is published each cycle: results of all APIs while they are fresh, and the sidecar's own health always."""

from __future__ import annotations

from ml_sidecar import contract
from ml_sidecar.config import Config
from ml_sidecar.engine import Engine, InService, Look
from ml_sidecar.events import EventLog
from ml_sidecar.exporter import PrometheusExporter
from ml_sidecar.exposition import Family
from ml_sidecar.families import (
    anomaly_counter_families,
    by_label,
    forecast_families,
    gauge,
    model_families,
    pattern_families,
    score_families,
    threshold_change_families,
    threshold_families,
    trend_families,
)
from ml_sidecar.grid import GridResults
from ml_sidecar.reader import PrometheusReader
from ml_sidecar.trainer import Trainer

_OUTCOMES = {"promoted": "trained", "rejected": "training_rejected", "failed": "training_failed"}
"""Event kind behind each training outcome."""


class Publication:
    """Hands results to the exporter; what changes only on the grid is turned into families once per grid row.

    Args:
        config: all settings.
        reader: whose query counts are published.
        exporter: that serves them.
        events: whose counts of trainings are published.
        trainer: whose last training's duration is published.
    """

    def __init__(
        self,
        config: Config,
        reader: PrometheusReader,
        exporter: PrometheusExporter,
        events: EventLog,
        trainer: Trainer,
    ) -> None:
        self._environment = config.env.environment
        self._features = tuple(feature.name for feature in config.features)
        self._reader = reader
        self._exporter = exporter
        self._events = events
        self._trainer = trainer
        self._grid: GridResults | None = None
        self._grid_families: list[Family] = []
        self._last_score: float | None = None

    def publish(self, engine: Engine, look: Look, seconds: float) -> None:
        """Publish one successful cycle that took so many seconds."""
        self._last_score = look.time
        if engine.grid is not None and engine.grid is not self._grid:
            self._grid, self._grid_families = engine.grid, self._of_grid(engine.grid)
        entities = look.entities
        families = [
            *score_families(look.scores, look.is_open),
            *anomaly_counter_families(entities, engine.episode_counts(entities)),
            *threshold_change_families(entities, self._features, engine.changes.counts(entities)),
            *self._grid_families,
            *self._health(engine.service),
            gauge(contract.CYCLE_DURATION, self._environment, seconds),
            gauge(contract.QUERY_DURATION, self._environment, self._reader.last_duration),
            gauge(contract.APIS, self._environment, len(entities)),
        ]
        self._exporter.publish(families, alive=entities)

    def publish_health(self, service: InService | None) -> None:
        """Publish the sidecar's own health alone: what it knew of the APIs is no longer fresh."""
        self._exporter.publish([*self._health(service), gauge(contract.APIS, self._environment, 0)])

    def _of_grid(self, grid: GridResults) -> list[Family]:
        environment = self._environment
        return [
            *forecast_families(grid.forecasts),
            *threshold_families(grid.thresholds),
            *trend_families(grid.entities, self._features, grid.trend),
            *pattern_families(grid.patterns),
            by_label(contract.COVERAGE, environment, grid.coverage),
            by_label(contract.SKILL, environment, grid.skill),
            by_label(contract.DRIFT, environment, grid.drift),
            gauge(contract.BUDGET_USED, environment, grid.budget_used),
        ]

    def _health(self, service: InService | None) -> list[Family]:
        environment, reader = self._environment, self._reader
        trainings = {outcome: float(self._events.counts[kind]) for outcome, kind in _OUTCOMES.items()}
        rejected = {name: float(count) for name, count in reader.rejected_total.items()}
        families = [
            gauge(contract.QUERIES, environment, reader.queries_total),
            gauge(contract.QUERY_FAILURES, environment, reader.failures_total),
            by_label(contract.TRAININGS, environment, trainings),
            gauge(contract.TRAINING_DURATION, environment, self._trainer.seconds),
            by_label(contract.SAMPLES_REJECTED, environment, rejected),
        ]
        if self._last_score is not None:
            families.append(gauge(contract.LAST_SCORE, environment, self._last_score))
        if service is not None:
            families += model_families(environment, service.cards, service.version)
        return families
