"""Results as families of samples, one function a kind of result. NaN is no sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.contract import (
    ANOMALIES,
    ANOMALY,
    ANOMALY_SCORE,
    BOUNDS,
    BREACH_PROBABILITY,
    CONTRIBUTION,
    EXPECTED,
    EXPECTED_LOWER,
    EXPECTED_UPPER,
    MODEL_ACCURACY,
    MODEL_INFO,
    MODEL_SAMPLES,
    MODEL_TRAINED,
    PATTERN,
    PREDICTED,
    PREDICTED_LOWER,
    PREDICTED_UPPER,
    PREDICTION_CONFIDENCE,
    SEVERITIES,
    THRESHOLD,
    THRESHOLD_ALERTS,
    THRESHOLD_CHANGES,
    THRESHOLD_SEVERITIES,
    TREND,
    Metric,
)
from ml_sidecar.exposition import Family, Labels, api_labels
from ml_sidecar.features import Array, Entity, Mask
from ml_sidecar.results import Forecasts, ModelCard, Patterns, Scores, Thresholds


def per_api(
    metric: Metric, entities: tuple[Entity, ...], values: Array, *label_values: Sequence[str]
) -> Family:
    """Family of a per-API metric.

    Args:
        metric: which one.
        entities: the A APIs.
        values: (A,), and one further axis for each of the metric's own labels.
        label_values: the values of each of these labels.
    """
    return Family(metric, api_labels(entities, metric.labels, tuple(product(*label_values))), values)


def gauge(metric: Metric, environment: str, value: float) -> Family:
    """Family of one sample, for a metric that belongs to no API."""
    return Family(metric, Labels(metric.label_names, ((environment,),)), np.array([value]))


def by_label(metric: Metric, environment: str, values: Mapping[str, float]) -> Family:
    """Family of a metric that belongs to no API and has one label of its own: a sample for each key."""
    extra = tuple((key,) for key in values)
    return Family(
        metric, Labels(metric.label_names, ((environment,),), extra), np.array(list(values.values()), float)
    )


def score_families(scores: Scores, is_open: Mask) -> list[Family]:
    """Scores of the last row, episodes, contributions and what was expected.

    Args:
        scores: (T, A, ...), T at least 1.
        is_open: (A,), whether an episode of the API is open.
    """
    score = scores.score[-1]
    reports = ~np.isnan(score)
    entities, features = scores.entities, scores.features
    families = [
        per_api(ANOMALY_SCORE, entities, score),
        per_api(ANOMALY, entities, np.where(reports, is_open.astype(np.float64), np.nan)),
    ]
    for metric, values in (
        (CONTRIBUTION, scores.contributions),
        (EXPECTED, scores.expected),
        (EXPECTED_LOWER, scores.lower),
        (EXPECTED_UPPER, scores.upper),
    ):
        families.append(per_api(metric, entities, np.where(reports[:, None], values[-1], np.nan), features))
    return families


def anomaly_counter_families(entities: tuple[Entity, ...], counts: Array | NDArray[np.int64]) -> list[Family]:
    """Closed episodes, `counts` (A, 3) by severity low, medium, high."""
    return [per_api(ANOMALIES, entities, np.asarray(counts, np.float64), SEVERITIES)]


def forecast_families(forecasts: Forecasts) -> list[Family]:
    """Forecasts with their intervals, confidence and probability of a breach."""
    horizons = [horizon_label(seconds) for seconds in forecasts.horizons]
    return [
        per_api(metric, forecasts.entities, values, forecasts.features, horizons)
        for metric, values in (
            (PREDICTED, forecasts.predicted),
            (PREDICTED_LOWER, forecasts.lower),
            (PREDICTED_UPPER, forecasts.upper),
            (PREDICTION_CONFIDENCE, forecasts.confidence),
            (BREACH_PROBABILITY, forecasts.breach_probability),
        )
    ]


def horizon_label(seconds: float) -> str:
    """Value of the label `horizon`: 1h, 90m, 45s."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"


def threshold_families(thresholds: Thresholds) -> list[Family]:
    """Learnt thresholds and what they would have cost."""
    entities, features = thresholds.entities, thresholds.features
    limits = np.stack([thresholds.lower, thresholds.upper], axis=-1)
    cost = thresholds.expected_alerts_per_week
    return [
        per_api(THRESHOLD, entities, limits, features, THRESHOLD_SEVERITIES, BOUNDS),
        per_api(THRESHOLD_ALERTS, entities, cost, features, THRESHOLD_SEVERITIES),
    ]


def threshold_change_families(
    entities: tuple[Entity, ...], features: Sequence[str], counts: Array | NDArray[np.int64]
) -> list[Family]:
    """Changes of thresholds so far, `counts` (A, F)."""
    return [per_api(THRESHOLD_CHANGES, entities, np.asarray(counts, np.float64), features)]


def trend_families(entities: tuple[Entity, ...], features: Sequence[str], slopes: Array) -> list[Family]:
    """Trends, `slopes` (A, F) in the feature's unit per day."""
    return [per_api(TREND, entities, slopes, features)]


def pattern_families(patterns: Patterns) -> list[Family]:
    """1 for the pattern that each API shows; nothing where it is unknown."""
    shows = patterns.assigned[:, None] == np.arange(len(patterns.names))
    return [per_api(PATTERN, patterns.entities, np.where(shows, 1.0, np.nan), patterns.names)]


def model_families(environment: str, cards: Mapping[str, ModelCard], version: str) -> list[Family]:
    """What is known about the models in service; an accuracy that could not be measured is absent."""
    rows = tuple((card.name, version, card.algorithm) for card in cards.values())
    info = Family(
        MODEL_INFO, Labels(MODEL_INFO.label_names, ((environment,),), rows), np.ones((1, len(rows)))
    )
    figures = {
        MODEL_ACCURACY: {name: card.accuracy for name, card in cards.items()},
        MODEL_SAMPLES: {name: float(card.samples) for name, card in cards.items()},
        MODEL_TRAINED: {name: card.trained_at for name, card in cards.items()},
    }
    return [info, *(by_label(metric, environment, values) for metric, values in figures.items())]
