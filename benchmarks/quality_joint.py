"""What the joint views are worth: `python -m benchmarks.quality_joint`.

The labelled public series have one feature each, where nothing can be odd together. So fleets are simulated in which
response time follows the load, and incidents in which it stops doing so for four hours: it then follows a load drawn
anew from the same law. Each feature by itself behaves as ever, hence what is found without joint views is chance. In
half of the APIs response time rises with load, in the other half it is high with little and with much load, which no
correlation shows. Load wanders over hours, or changes from minute to minute.

Printed as JSON: share of incidents found while they last and false episodes per API-week, with and without each joint
view.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from benchmarks.quality_run import CONTRAST, CORES, FOREST, without
from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker
from ml_sidecar.features import Array, Direction, Entity, Feature, Mask, Window
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.results import Scores, threshold_of

STEP, DAY, WEEK = 300.0, 86400.0, 604800.0
START = 1_789_948_800.0
"""2026-09-21T00:00:00Z, a Monday."""
APIS, DAYS, LEARN_DAYS = 8, 28, 14
INCIDENTS = 5
"""For each API."""
RAMP, LENGTH = 12, 48
SEEDS = (1, 2)
BUDGETS = (0.25, 1.0)
LAWS = ("rising", "bent")
FLEETS = {"wanders over hours": 0.97, "changes from minute to minute": 0.0}
"""How load varies, and the share of it that is left five minutes later."""
FEATURES = (
    Feature("response_time", direction=Direction.ABOVE, minimum=0, smallest_deviation=0.005),
    Feature("error_rate", direction=Direction.ABOVE, minimum=0, maximum=100, smallest_deviation=1.0),
    Feature("requests_per_minute", minimum=0, smallest_deviation=0.5, smallest_deviation_ratio=0.1),
)
VARIANTS = ((), (FOREST,), (CONTRAST,), (FOREST, CONTRAST))


@dataclass(frozen=True)
class Fleet:
    """A simulated fleet; incidents (T, A) are True while one lasts; the law of an API is that of its number's parity."""

    window: Window
    incidents: Mask


def fleet(seed: int, memory: float) -> Fleet:
    """Draw a fleet whose load keeps a share of its deviation from one row to the next."""
    rng = np.random.default_rng(seed)
    rows = round(DAYS * DAY / STEP)
    load, anew = _wander(rng, rows, memory), _wander(rng, rows, memory)
    shape, incidents = _incidents(rng, rows)
    felt = np.sqrt(1 - shape) * load + np.sqrt(shape) * anew
    wave = np.sin(2 * np.pi * np.arange(rows)[:, None] * STEP / DAY + rng.uniform(0, 6, APIS))
    requests = rng.poisson(3000 * np.exp(0.3 * wave + 0.15 * load)) / 5
    slowness = np.where(np.arange(APIS) % 2 == 0, 0.15 * felt, 0.12 * felt**2)
    latency = 0.2 * np.exp(0.1 * wave + slowness + 0.03 * rng.normal(size=(rows, APIS)))
    errors = 100 * rng.binomial(300, 0.002, (rows, APIS)) / 300
    entities = tuple(Entity(f"{LAWS[i % 2]} {i}", "simulated") for i in range(APIS))
    values = np.stack([latency, errors, requests], axis=2)
    return Fleet(Window(START, STEP, entities, tuple(f.name for f in FEATURES), values), incidents)


def _wander(rng: np.random.Generator, rows: int, memory: float) -> Array:
    """First-order autoregressive noise of standard deviation 1."""
    shocks = rng.normal(size=(rows, APIS)) * np.sqrt(1 - memory**2)
    for i in range(1, rows):
        shocks[i] += memory * shocks[i - 1]
    return np.asarray(shocks)


def _incidents(rng: np.random.Generator, rows: int) -> tuple[Array, Mask]:
    """How far an incident has unfolded (0 to 1), and whether one is under way."""
    first, each = round(LEARN_DAYS * DAY / STEP), round((DAYS - LEARN_DAYS) * DAY / STEP / INCIDENTS)
    begin = (
        first + each * np.arange(INCIDENTS)[:, None] + rng.integers(0, each - 2 * LENGTH, (INCIDENTS, APIS))
    )
    shape = np.zeros((rows, APIS))
    one = np.clip(np.minimum(np.arange(LENGTH), np.arange(LENGTH)[::-1]) / RAMP, 0, 1)
    for api in range(APIS):
        for start in begin[:, api].tolist():
            shape[start : start + LENGTH, api] = one
    return shape, shape > 0


def judged(seed: int, memory: float, silent: Sequence[str]) -> dict[str, Any]:
    """Counts of one fleet scored by a detector with parts of it silent."""
    drawn = fleet(seed, memory)
    with without(*silent):
        scores = AnomalyDetector(FEATURES, STEP, look_interval=STEP).walk(drawn.window)
    result: dict[str, Any] = {"in_band": _in_band(scores, drawn.incidents)}
    for budget in BUDGETS:
        seen = EpisodeTracker(threshold_of(budget), step=STEP).observe(scores)
        opened = [event for event in seen.events if event.kind == "opened" and event.counts]
        result[str(budget)] = _counts(seen.is_anomaly, opened, drawn)
    return result


def _in_band(scores: Scores, incidents: Mask) -> float:
    """Share of the rows of incidents in which every feature lies within its band."""
    inside = np.asarray(((scores.value >= scores.lower) & (scores.value <= scores.upper)).all(axis=2))
    return float(inside[incidents].mean())


def _counts(alarm: Mask, opened: Sequence[EpisodeEvent], drawn: Fleet) -> dict[str, Any]:
    """Incidents found by law, false episodes and API-weeks, after the days of learning."""
    found = {law: [0, 0] for law in LAWS}
    for api in range(APIS):
        tally = found[LAWS[api % 2]]
        for start, end in _spans(drawn.incidents[:, api]):
            tally[0] += bool(alarm[start:end, api].any())
            tally[1] += 1
    place = {entity: api for api, entity in enumerate(drawn.window.entities)}
    rows = [(round((event.opened_at - START) / STEP), place[event.entity]) for event in opened]
    learn = round(LEARN_DAYS * DAY / STEP)
    false = sum(row >= learn and not drawn.incidents[row - RAMP : row + 1, api].any() for row, api in rows)
    return {"found": found, "false": false, "weeks": APIS * (DAYS - LEARN_DAYS) * DAY / WEEK}


def _spans(flags: Mask) -> list[tuple[int, int]]:
    """Runs of True as (first, last + 1)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def measure(seeds: Sequence[int] = SEEDS) -> list[dict[str, Any]]:
    """Figures of every fleet and variant, pooled over the seeds."""
    cases = [(name, silent) for name in FLEETS for silent in VARIANTS]
    jobs = [(seed, FLEETS[name], silent) for name, silent in cases for seed in seeds]
    done = Parallel(n_jobs=CORES)(delayed(judged)(*job) for job in jobs)
    parts = [done[i : i + len(seeds)] for i in range(0, len(done), len(seeds))]
    return [_pooled(*case, each) for case, each in zip(cases, parts, strict=True)]


def _pooled(name: str, silent: Sequence[str], each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "fleet": name,
        "without": list(silent),
        "in_band": round(float(np.mean([one["in_band"] for one in each])), 3),
    }
    for budget in map(str, BUDGETS):
        parts = [one[budget] for one in each]
        found = {law: np.sum([part["found"][law] for part in parts], axis=0) for law in LAWS}
        figures[budget] = {
            "incidents": int(sum(pair[1] for pair in found.values())),
            **{law: round(float(pair[0] / pair[1]), 3) for law, pair in found.items()},
            "false_per_week": round(
                sum(part["false"] for part in parts) / sum(part["weeks"] for part in parts), 3
            ),
        }
    return figures


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))  # noqa: T201 - a command's output
