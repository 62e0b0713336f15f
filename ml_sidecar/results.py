"""What the models answer: arrays over APIs, never pandas rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Entity

SCORE_SCALE = 0.583
"""Expected peaks per week at which the score is 0.5; a score of 0.7 is then 0.25 a week."""


def score_of(expected_per_week: Array) -> Array:
    """Score, 0 to 1, higher is worse, of E expected peaks per API and week: 1 / (1 + E / 0.583)."""
    return np.asarray(1.0 / (1.0 + expected_per_week / SCORE_SCALE))


def budget_of(threshold: float) -> float:
    """False episodes per API and week that alerting from this score on promises; inverse of `threshold_of`."""
    return SCORE_SCALE * (1.0 / threshold - 1.0)


def threshold_of(budget: float) -> float:
    """Score from which on alerting promises this many false episodes per API and week."""
    return 1.0 / (1.0 + budget / SCORE_SCALE)


@dataclass(frozen=True, slots=True)
class Scores:
    """Anomaly scores of T instants and A APIs; T is 1 when live.

    Attributes:
        times: (T,), seconds since the epoch.
        entities: the A APIs.
        features: names of the F features.
        expected_per_week: (T, A), expected number of such peaks per API and week on its own past; low is bad.
            NaN where the API reported nothing.
        contributions: (T, A, F), shares of the score, 0 to 1; sum to 1 per API that reported, else NaN.
        value: (T, A, F), what was seen; NaN where absent.
        expected: (T, A, F), what is normal then, in the feature's unit; NaN where not known.
        lower: (T, A, F), lower end of what is normal.
        upper: (T, A, F), upper end of what is normal.
    """

    times: Array
    entities: tuple[Entity, ...]
    features: tuple[str, ...]
    expected_per_week: Array
    contributions: Array
    value: Array
    expected: Array
    lower: Array
    upper: Array

    @property
    def score(self) -> Array:
        """(T, A), 0 to 1, higher is worse; NaN where the API reported nothing."""
        return score_of(self.expected_per_week)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts issued at one time for A APIs, F features, H horizons.

    Attributes:
        issued_at: seconds since the epoch.
        entities: the A APIs.
        features: names of the F forecast features.
        horizons: seconds ahead, (H,).
        predicted: (A, F, H) in the feature's unit; NaN where there is no history to forecast from.
        lower: (A, F, H), lower end of the 90 % interval.
        upper: (A, F, H), upper end of the 90 % interval.
        confidence: (A, F, H), probability that the truth lies within the smallest deviation worth an alarm.
        breach_probability: (A, F, H), probability of being beyond the critical threshold; NaN where there is none.
    """

    issued_at: float
    entities: tuple[Entity, ...]
    features: tuple[str, ...]
    horizons: tuple[float, ...]
    predicted: Array
    lower: Array
    upper: Array
    confidence: Array
    breach_probability: Array


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Learnt alert thresholds of A APIs.

    Attributes:
        entities: the A APIs.
        features: names of the F features.
        lower: (A, F, 2) for warning and critical, in the feature's unit; NaN where that side is not bad.
        upper: (A, F, 2), likewise.
        expected_alerts_per_week: (A, F, 2), what they would have cost on the training window.
    """

    entities: tuple[Entity, ...]
    features: tuple[str, ...]
    lower: Array
    upper: Array
    expected_alerts_per_week: Array


@dataclass(frozen=True, slots=True)
class Patterns:
    """The behaviour pattern each of A APIs shows.

    Attributes:
        entities: the A APIs.
        names: the K patterns in words a person understands.
        assigned: (A,), index into `names`, -1 where unknown.
    """

    entities: tuple[Entity, ...]
    names: tuple[str, ...]
    assigned: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known about a trained model.

    Attributes:
        name: one of contract.MODEL_NAMES.
        algorithm: for example "IsolationForest".
        trained_at: seconds since the epoch.
        span: first and last time of the training data, seconds since the epoch.
        samples: rows it was trained on.
        accuracy: 0 to 1, higher is better, on data that the model had not seen; NaN if it could not be measured.
        accuracy_definition: what that number means, one sentence.
        details: further figures for the card, JSON-serialisable.
    """

    name: str
    algorithm: str
    trained_at: float
    span: tuple[float, float]
    samples: int
    accuracy: float
    accuracy_definition: str
    details: Mapping[str, Any] = field(default_factory=dict)
