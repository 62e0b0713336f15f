"""What the joint views are worth: `python -m benchmarks.quality_joint`.

The labelled public series have one feature each, where nothing can be odd together. So fleets are simulated
(`benchmarks.joint_fleets`) whose features hang together and for four hours do not, each by itself behaving as ever: what is
found of that without joint views is chance. And one in which a feature jumps alone, which must not be lost among others.

Printed as JSON: share of incidents found while they last and false episodes per API-week, with and without each joint
view.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from benchmarks.joint_fleets import APIS, DAY, DAYS, FLEETS, LEARN_DAYS, RAMP, START, STEP, WEEK, Fleet
from benchmarks.quality_run import CONTRAST, CORES, FOREST, JOINT, without
from ml_sidecar.episodes import EpisodeEvent, EpisodeTracker
from ml_sidecar.features import Mask
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.results import Scores, threshold_of

SEEDS = (101, 102)
BUDGETS = (0.25, 1.0)
VARIANTS = ((), (FOREST,), (CONTRAST,), JOINT)


def judged(name: str, seed: int, silent: Sequence[str]) -> dict[str, Any]:
    """Counts of one fleet scored by a detector with parts of it silent."""
    drawn = FLEETS[name](seed)
    with without(*silent):
        scores = AnomalyDetector(drawn.features, STEP, look_interval=STEP).walk(drawn.window)
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
    found = {law: [0, 0] for law in drawn.laws}
    for api, law in enumerate(drawn.laws):
        for start, end in _spans(drawn.incidents[:, api]):
            found[law][0] += bool(alarm[start:end, api].any())
            found[law][1] += 1
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
    jobs = [(name, seed, silent) for name, silent in cases for seed in seeds]
    done = Parallel(n_jobs=CORES)(delayed(judged)(*job) for job in jobs)
    parts = [done[i : i + len(seeds)] for i in range(0, len(done), len(seeds))]
    return [row for case, each in zip(cases, parts, strict=True) for row in _pooled(*case, each)]


def _pooled(name: str, silent: Sequence[str], each: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each law of a fleet."""
    inside = round(float(np.mean([one["in_band"] for one in each])), 3)
    laws = each[0][str(BUDGETS[0])]["found"]
    rows = [{"fleet": name, "law": law, "without": list(silent), "in_band": inside} for law in laws]
    for row in rows:
        for budget in map(str, BUDGETS):
            parts = [one[budget] for one in each]
            hit, seen = np.sum([part["found"][row["law"]] for part in parts], axis=0)
            false, weeks = (sum(part[key] for part in parts) for key in ("false", "weeks"))
            row[budget] = {
                "found": round(float(hit / seen), 3),
                "incidents": int(seen),
                "false_per_week": round(false / weeks, 3),
            }
    return rows


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))  # noqa: T201 - a command's output
