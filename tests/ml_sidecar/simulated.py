"""Simulated APIs for the tests of the detector: four features, each API with its own temper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml_sidecar.features import Array, Direction, Entity, Feature, Window
from ml_sidecar.models.anomaly_detector import AnomalyDetector

STEP, DAY = 300.0, 86400.0
MONDAY = 1_789_948_800.0
"""2026-09-21T00:00:00Z."""
SUCCESS = Feature(
    "success_rate", direction=Direction.BELOW, minimum=0, maximum=100, smallest_deviation=1.0, unit="percent"
)
LATENCY = Feature(
    "response_time",
    direction=Direction.ABOVE,
    minimum=0,
    smallest_deviation=0.02,
    smallest_deviation_ratio=0.1,
    unit="seconds",
    title="response time",
)
ERRORS = Feature(
    "error_rate", direction=Direction.ABOVE, minimum=0, maximum=100, smallest_deviation=1.0, unit="percent"
)
REQUESTS = Feature("requests_per_minute", minimum=0, smallest_deviation=0.5, smallest_deviation_ratio=0.2)
FEATURES = (SUCCESS, LATENCY, ERRORS, REQUESTS)


def entities(count: int) -> tuple[Entity, ...]:
    """So many APIs."""
    return tuple(Entity(f"api{i}", "test") for i in range(count))


def fleet(days: float, apis: int = 3, seed: int = 0) -> Window:
    """A fleet without incidents: flat, daily and noisier APIs, with rare errors."""
    rng = np.random.default_rng(seed)
    rows = round(days * DAY / STEP)
    clock = np.arange(rows) * STEP
    values = np.empty((rows, apis, 4))
    for a in range(apis):
        wave = (0.0, 0.4, 0.7)[a % 3] * np.sin(2 * np.pi * clock / DAY + rng.uniform(0, 6))
        requests = rng.poisson(300 * (1 + wave)) / 5
        wrong = (
            rng.binomial((requests * 5).astype(int) + 1, (0.0, 0.0005, 0.003)[a % 3])
            / (requests * 5 + 1)
            * 100
        )
        latency = 0.2 * (1 + 0.3 * wave) * rng.lognormal(0, (0.05, 0.1, 0.2)[a % 3], rows)
        values[:, a] = np.column_stack([100 - wrong, latency, wrong, requests])
    return window(values, FEATURES)


def window(values: Array, features: Sequence[Feature], start: float = MONDAY, step: float = STEP) -> Window:
    """Values (T, A, F) as a window of APIs named api0, api1, ..."""
    return Window(start, step, entities(values.shape[1]), tuple(f.name for f in features), values)


def single(values: Array, step: float = STEP, feature: Feature | None = None) -> Window:
    """One API with one feature."""
    return window(np.asarray(values, float)[:, None, None], (feature or Feature("x"),), step=step)


def after(past: Window, values: Array) -> Window:
    """What is seen at the row that follows a window, (A, F)."""
    return Window(
        past.end + past.step, past.step, past.entities, past.features, np.asarray(values, float)[None]
    )


def walked(past: Window, features: Sequence[Feature] = FEATURES, **options: float) -> AnomalyDetector:
    """A detector that knows a window."""
    detector = AnomalyDetector(features, past.step, **{"look_interval": past.step, **options})  # type: ignore[arg-type] # floats pass for all of them
    detector.walk(past)
    return detector
