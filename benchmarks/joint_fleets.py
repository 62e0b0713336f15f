"""Simulated fleets in which features of an API hang together, and incidents in which they stop doing so.

Eight APIs, 28 days at 5 minutes, five incidents of four hours for each after a fortnight. But for `alone`, each feature by
itself behaves in an incident as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from ml_sidecar.features import Array, Direction, Entity, Feature, Mask, Window

STEP, DAY, WEEK = 300.0, 86400.0, 604800.0
START = 1_789_948_800.0
"""2026-09-21T00:00:00Z, a Monday."""
APIS, DAYS, LEARN_DAYS = 8, 28, 14
ROWS = round(DAYS * DAY / STEP)
INCIDENTS = 5
"""For each API."""
RAMP, LENGTH = 12, 48
LATENCY = Feature("response_time", direction=Direction.ABOVE, minimum=0, smallest_deviation=0.005)
ERRORS = Feature("error_rate", direction=Direction.ABOVE, minimum=0, maximum=100, smallest_deviation=1.0)
REQUESTS = Feature("requests_per_minute", minimum=0, smallest_deviation=0.5, smallest_deviation_ratio=0.1)
HITS = Feature("cache_hits", minimum=0, maximum=100, smallest_deviation=2.0)
SIX = tuple(Feature(f"feature_{i}") for i in range(6))
FOUR = SIX[:4]


@dataclass(frozen=True)
class Fleet:
    """A simulated fleet; incidents (T, A) are True while one lasts; laws (A,) name how the features of an API relate."""

    window: Window
    features: tuple[Feature, ...]
    incidents: Mask
    laws: tuple[str, ...]


def load(seed: int, memory: float) -> Fleet:
    """Response time follows the load, and then a load drawn anew from the same law.

    It rises with load, or is high with little and with much (`bent`).

    Args:
        seed: of every draw.
        memory: share of the load's deviation that is left after a row.
    """
    rng = np.random.default_rng(seed)
    near, anew = _wander(rng, memory, (APIS,)), _wander(rng, memory, (APIS,))
    shape, incidents = _incidents(rng)
    felt = np.sqrt(1 - shape) * near + np.sqrt(shape) * anew
    wave = np.sin(2 * np.pi * np.arange(ROWS)[:, None] * STEP / DAY + rng.uniform(0, 6, APIS))
    requests = rng.poisson(3000 * np.exp(0.3 * wave + 0.15 * near)) / 5
    slowness = np.where(np.arange(APIS) % 2 == 0, 0.15 * felt, 0.12 * felt**2)
    latency = 0.2 * np.exp(0.1 * wave + slowness + 0.03 * rng.normal(size=near.shape))
    values = np.stack([latency, _errors(rng), requests], axis=2)
    return _fleet(values, (LATENCY, ERRORS, REQUESTS), incidents, ("rising", "bent"))


def crowd(seed: int) -> Fleet:
    """Six features follow two loads, each in its own proportion; in an incident one of them follows others."""
    rng = np.random.default_rng(seed)
    near, anew = _wander(rng, 0.97, (APIS, 2)), _wander(rng, 0.97, (APIS, 2))
    shape, incidents = _incidents(rng)
    share = rng.normal(size=(APIS, len(SIX), 2))
    share /= np.linalg.norm(share, axis=2, keepdims=True)
    usual, other = ((x[:, :, None] * share).sum(axis=3) for x in (near, anew))
    hit = _one_each(incidents, len(SIX)) * shape[..., None]
    values = np.sqrt(1 - hit) * usual + np.sqrt(hit) * other + 0.3 * rng.normal(size=usual.shape)
    return _fleet(100 + 10 * values, SIX, incidents, ("crowd",))


def modes(seed: int) -> Fleet:
    """Load and cache are each in one of two modes for hours; latency is high if one of them is, and then if both or none."""
    rng = np.random.default_rng(seed)
    busy, warm = _modes(rng), _modes(rng)
    _, incidents = _incidents(rng)
    noise = rng.normal(size=(3, ROWS, APIS))
    requests = rng.poisson(3000 * np.exp(0.3 * busy + 0.1 * noise[0])) / 5
    hits = np.clip(80 + 6 * warm + 2 * noise[1], 0, 100)
    latency = 0.2 * np.exp(0.3 * np.where(incidents, -1, 1) * busy * warm + 0.1 * noise[2])
    values = np.stack([latency, _errors(rng), requests, hits], axis=2)
    return _fleet(values, (LATENCY, ERRORS, REQUESTS, HITS), incidents, ("modes",))


def alone(seed: int) -> Fleet:
    """Four features that have nothing to do with each other; in an incident one of them jumps by five deviations."""
    rng = np.random.default_rng(seed)
    values = _wander(rng, 0.8, (APIS, len(FOUR)))
    _, incidents = _incidents(rng)
    return _fleet(100 + 10 * (values + 5 * _one_each(incidents, len(FOUR))), FOUR, incidents, ("alone",))


FLEETS: Mapping[str, Callable[[int], Fleet]] = {
    "load wanders over hours": partial(load, memory=0.97),
    "load changes from minute to minute": partial(load, memory=0.0),
    "six features, two loads": crowd,
    "either, not both": modes,
    "one feature alone": alone,
}


def _fleet(values: Array, features: tuple[Feature, ...], incidents: Mask, laws: tuple[str, ...]) -> Fleet:
    mine = tuple(laws[i % len(laws)] for i in range(APIS))
    entities = tuple(Entity(f"{law} {i}", "simulated") for i, law in enumerate(mine))
    window = Window(START, STEP, entities, tuple(f.name for f in features), values)
    return Fleet(window, features, incidents, mine)


def _errors(rng: np.random.Generator) -> Array:
    return np.asarray(100 * rng.binomial(300, 0.002, (ROWS, APIS)) / 300)


def _wander(rng: np.random.Generator, memory: float, shape: tuple[int, ...]) -> Array:
    """First-order autoregressive noise of standard deviation 1."""
    shocks = rng.normal(size=(ROWS, *shape)) * np.sqrt(1 - memory**2)
    for i in range(1, ROWS):
        shocks[i] += memory * shocks[i - 1]
    return np.asarray(shocks)


def _modes(rng: np.random.Generator) -> Array:
    """1 or -1, for three hours on average."""
    changes = rng.random((ROWS, APIS)) < STEP / (3 * 3600)
    return np.where((np.cumsum(changes, axis=0) + rng.integers(0, 2, APIS)) % 2 == 1, 1.0, -1.0)


def _incidents(rng: np.random.Generator) -> tuple[Array, Mask]:
    """How far an incident has unfolded (0 to 1), and whether one is under way."""
    first, each = round(LEARN_DAYS * DAY / STEP), round((DAYS - LEARN_DAYS) * DAY / STEP / INCIDENTS)
    begin = (
        first + each * np.arange(INCIDENTS)[:, None] + rng.integers(0, each - 2 * LENGTH, (INCIDENTS, APIS))
    )
    shape = np.zeros((ROWS, APIS))
    one = np.clip(np.minimum(np.arange(LENGTH), np.arange(LENGTH)[::-1]) / RAMP, 0, 1)
    for api in range(APIS):
        for start in begin[:, api].tolist():
            shape[start : start + LENGTH, api] = one
    return shape, shape > 0


def _one_each(incidents: Mask, features: int) -> Mask:
    """(T, A, F), True for one feature in each incident, another in each."""
    begun = np.diff(incidents, axis=0, prepend=False) & incidents
    which = (np.cumsum(begun, axis=0) + np.arange(APIS)) % features
    return np.asarray((which[..., None] == np.arange(features)) & incidents[..., None])
