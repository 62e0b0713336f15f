"""Replay of labelled series on two cores, with parts of the detector silenced where an ablation asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from benchmarks.score import Array, Flags, Series
from ml_sidecar.features import Feature
from ml_sidecar.models.anomaly import combine
from ml_sidecar.models.anomaly.calibration import QUIET, Calibration
from ml_sidecar.models.anomaly.joint import JointView, Together
from ml_sidecar.models.anomaly.views import FAMILIES
from ml_sidecar.models.anomaly.walker import Walker
from ml_sidecar.replay import replay_table
from ml_sidecar.replay_table import read_table
from ml_sidecar.results import threshold_of

BUDGETS = (0.25, 1.0, 4.0)
FEATURE = Feature("value")
CORES = 2
GROSS = "gross deviations"
FOREST, CONTRAST = "Isolation Forest", "contrasts"
JOINT = (CONTRAST, FOREST)
"""The joint views, in the order of `JointView.expected_per_week`."""


@dataclass(frozen=True)
class Run:
    """What replay gave: scores and open episodes (by promise) by series name, and CPU seconds, of which `renewals` renewed context."""

    scores: dict[str, Array]
    flags: dict[float, dict[str, Flags]]
    cpu: float
    renewals: float = 0.0


@contextmanager
def without(*parts: str) -> Iterator[None]:
    """The detector with parts of it silent: families of views, `GROSS`, `FOREST`, `CONTRAST`.

    The remaining families are averaged as all were, under the same law. Silenced from outside, so that the product has
    no switch that only a benchmark uses.

    Raises:
        ValueError: a part that the detector does not have.
    """
    unknown = set(parts) - {*FAMILIES, GROSS, *JOINT}
    if unknown:
        raise ValueError(f"the detector has no part named {', '.join(sorted(unknown))}")
    left = {name: views for name, views in FAMILIES.items() if name not in parts}
    silent = [JOINT.index(part) for part in parts if part in JOINT]
    changes: list[tuple[Any, str, Any]] = [(combine, "FAMILIES", left)]
    if silent:
        changes.append((JointView, "expected_per_week", _blind(JointView.expected_per_week, silent)))
    if GROSS in parts:
        changes.append((Calibration, "beyond_habit", _never))
    usual = [getattr(owner, name) for owner, name, _ in changes]
    for owner, name, new in changes:
        setattr(owner, name, new)
    try:
        yield
    finally:
        for (owner, name, _), old in zip(changes, usual, strict=True):
            setattr(owner, name, old)


def _blind(judge: Callable[..., Array], silent: Sequence[int]) -> Callable[..., Array]:
    def half_blind(self: JointView, together: Together) -> Array:
        expected = judge(self, together)
        expected[list(silent)] = QUIET
        return expected

    return half_blind


def _never(_: Calibration, height: Array, __: int) -> Array:
    return np.full(height.shape, QUIET)


@contextmanager
def renewing() -> Iterator[list[float]]:
    """CPU seconds of each closing of a block meanwhile: what it leaves to memory, and the context of the next."""
    spent: list[float] = []
    close = Walker._close_block  # noqa: SLF001 - timed from outside, so that the product has no clock of its own

    def timed(self: Walker, start: int) -> None:
        begun = time.process_time()
        close(self, start)
        spent.append(time.process_time() - begun)

    Walker._close_block = timed  # type: ignore[method-assign]  # noqa: SLF001 - see above
    try:
        yield spent
    finally:
        Walker._close_block = close  # type: ignore[method-assign]  # noqa: SLF001 - see above


def replayed(path: Path, silent: Sequence[str] = ()) -> tuple[Array, list[Flags], float, float]:
    """Scores of every row of a file, open episodes at each budget, CPU seconds, and those of renewing context."""
    table = read_table(path, (FEATURE,), entity_column=None, timestamp_column="timestamp")
    begun = time.process_time()
    with without(*silent), renewing() as renewals:
        answers, _ = replay_table(table, (FEATURE,), [threshold_of(budget) for budget in BUDGETS])
    return answers.score, list(answers.is_anomaly), time.process_time() - begun, sum(renewals)


def run(root: Path, series: Sequence[Series], silent: Sequence[str] = ()) -> Run:
    """Replay series, each as an API of its own, with default settings."""
    found = spread(replayed, [(root / f"{s.name}.csv", tuple(silent)) for s in series], [s.n for s in series])
    names = [s.name for s in series]
    by_budget = {
        budget: {name: answer[1][i] for name, answer in zip(names, found, strict=True)}
        for i, budget in enumerate(BUDGETS)
    }
    scores = {name: answer[0] for name, answer in zip(names, found, strict=True)}
    return Run(scores, by_budget, sum(answer[2] for answer in found), sum(answer[3] for answer in found))


def spread(work: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], sizes: Sequence[int]) -> list[Any]:
    """Results of all jobs in their order; the largest begin first, so that both cores end together."""
    order = sorted(range(len(jobs)), key=lambda i: -sizes[i])
    done = Parallel(n_jobs=CORES)(delayed(work)(*jobs[i]) for i in order)
    by_job = dict(zip(order, done, strict=True))
    return [by_job[i] for i in range(len(jobs))]
