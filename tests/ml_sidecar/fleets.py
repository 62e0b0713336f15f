"""Synthetic fleets for the tests of forecasts, thresholds, patterns and trends."""

from __future__ import annotations

import numpy as np

from ml_sidecar.features import Array, Direction, Entity, Feature, Window

STEP = 300.0
DAY_ROWS = 288
START = 1_790_000_100.0 // STEP * STEP

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
)
RATE = Feature(
    "requests_per_minute",
    direction=Direction.BOTH,
    minimum=0,
    smallest_deviation=0.5,
    smallest_deviation_ratio=0.2,
    unit="per_minute",
)
FEATURES = (SUCCESS, LATENCY, RATE)


def entities(count: int) -> tuple[Entity, ...]:
    """So many APIs."""
    return tuple(Entity(f"api{i}", "test") for i in range(count))


def smooth_noise(rng: np.random.Generator, rows: int, columns: int, memory: float = 0.95) -> Array:
    """First-order autoregressive noise of standard deviation 1, (rows, columns)."""
    shocks = rng.normal(size=(rows, columns)) * np.sqrt(1 - memory**2)
    out = np.empty((rows, columns))
    out[0] = rng.normal(size=columns)
    for i in range(1, rows):
        out[i] = memory * out[i - 1] + shocks[i]
    return out


def window(
    values: Array, names: tuple[str, ...] = ("success_rate", "response_time", "requests_per_minute")
) -> Window:
    """A window of values (T, A, F) from START on."""
    return Window(START, STEP, entities(values.shape[1]), names, values)


def fleet(apis: int = 6, days: float = 10, seed: int = 0) -> Window:
    """APIs with a daily rhythm of latency and traffic, stronger in every second one, and failures in every third."""
    rng = np.random.default_rng(seed)
    rows = round(days * DAY_ROWS)
    each = np.arange(apis)
    angle = 2 * np.pi * (START + STEP * np.arange(rows))[:, None] % (2 * np.pi * 86400) / 86400
    strength = np.where(each % 2, 0.5, 0.0)
    wave = 1 + strength * np.sin(angle + each)
    noise = np.exp(0.1 * smooth_noise(rng, rows, apis) + 0.03 * rng.normal(size=(rows, apis)))
    failing = np.where(each % 3 == 2, 0.02, 0.0)
    success = 100 * (1 - rng.binomial(20, np.broadcast_to(failing, (rows, apis))) / 20)
    latency = 0.1 * (1 + each) * wave * noise
    traffic = 4 * wave + 0.1 * rng.normal(size=(rows, apis))
    return window(np.stack([success, latency, traffic], axis=2))
