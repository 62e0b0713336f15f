"""What is computed anew on each grid row and not in each cycle: forecasts, trends, patterns, drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_sidecar.drift import population_stability
from ml_sidecar.features import Array, Entity, Feature, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.pattern_clusterer import PatternClusterer
from ml_sidecar.models.performance_predictor import PerformancePredictor
from ml_sidecar.results import Forecasts, Patterns, Thresholds
from ml_sidecar.trend import performance_trend

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class GridResults:
    """Results as of one grid row.

    Attributes:
        time: of the row, seconds since the epoch.
        entities: APIs of `trend`.
        forecasts: with breach probabilities filled in.
        thresholds: in service.
        trend: (A, F), unit per day.
        patterns: of the last day.
        skill: by forecast feature; above 0 is better than the better naive forecast.
        coverage: by forecast feature, share of recent values inside their interval.
        drift: by feature, population stability index; above 0.2 is a drift.
        budget_used: episodes of the last 7 days over what the budget allows.
    """

    time: float
    entities: tuple[Entity, ...]
    forecasts: Forecasts
    thresholds: Thresholds
    trend: Array
    patterns: Patterns
    skill: Mapping[str, float]
    coverage: Mapping[str, float]
    drift: Mapping[str, float]
    budget_used: float


def compute_grid(
    predictor: PerformancePredictor,
    clusterer: PatternClusterer,
    thresholds: Thresholds,
    history: Window,
    features: Sequence[Feature],
    local: LocalTime,
    budget_used: float,
) -> GridResults:
    """Everything that changes with a grid row, from models that have walked up to it."""
    day = history.between(history.end - _DAY + history.step, history.end)
    drift = population_stability(
        day, history.between(history.start, day.start - history.step), tuple(features)
    )
    return GridResults(
        time=history.end,
        entities=history.entities,
        forecasts=predictor.breach_probability(predictor.predict(), thresholds),
        thresholds=thresholds,
        trend=performance_trend(history, local_time=local),
        patterns=clusterer.assign(day),
        skill=predictor.skill,
        coverage=predictor.coverage,
        drift=dict(zip(history.features, drift.tolist(), strict=True)),
        budget_used=budget_used,
    )
