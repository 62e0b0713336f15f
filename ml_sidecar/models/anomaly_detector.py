"""The anomaly detector: what is unusual for this API, at this hour, and how often was it ever so?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.errors import NotEnoughDataError, NotTrainedError
from ml_sidecar.features import Entity, Feature, Mask, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.anomaly.accuracy import ACCURACY, balanced_accuracy
from ml_sidecar.models.anomaly.calibration import QUIET
from ml_sidecar.models.anomaly.grid import Grid
from ml_sidecar.models.anomaly.looks import moment
from ml_sidecar.models.anomaly.memory import WARM_ROWS
from ml_sidecar.models.anomaly.walker import Walker
from ml_sidecar.results import ModelCard, Scores


class AnomalyDetector:
    """Scores every API against its own past; the same for one live row and for years of replay.

    Six families of causal views look at each feature, an Isolation Forest at all features of an API together; each is
    calibrated to E, the expected number of such peaks a week on that API's own past. What is slow (profiles, spreads,
    calibrations, the forest) is renewed at block boundaries of about six hours and frozen in between.

    Args:
        features: the features, in the column order of every window.
        step: seconds between grid rows.
        local_time: time zone of each API.
        look_interval: seconds between the provisional looks of `score`; that many more must not cost more alarms.
        budget: false episodes per API and week at which accuracy is measured; changes no score.
        seed: seed of every random choice.
    """

    name = "anomaly_detector"

    def __init__(
        self,
        features: Sequence[Feature],
        step: float = 300.0,
        *,
        local_time: LocalTime | None = None,
        look_interval: float = 15.0,
        budget: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.features = tuple(features)
        self.local_time = local_time or LocalTime()
        self.step = step
        self.look_interval = look_interval
        self.budget = budget
        self.seed = seed
        self._card: ModelCard | None = None
        self._walker: Walker | None = None

    # ------------------------------------------------------------------ the public face

    @property
    def clock(self) -> float:
        """Time of the last grid row that entered the state; -inf before the first."""
        walker = self._walker
        return -np.inf if walker is None else float(walker.grid.times(np.array(walker.next - 1)))

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The APIs known, in the order in which they appeared."""
        return () if self._walker is None else self._walker.entities

    def fit(self, window: Window, excluded: Mask | None = None) -> None:
        """Learn from history: walk over it from scratch, and measure accuracy on its last day.

        Args:
            window: history on the grid.
            excluded: (T, A), True where the API was known to be bad and must not be learnt as normal.

        Raises:
            NotEnoughDataError: the window holds next to nothing.
        """
        rows = window.rows
        if rows < WARM_ROWS:
            raise NotEnoughDataError(rows, WARM_ROWS)
        self._walker, self._card = None, None
        accuracy, details = balanced_accuracy(self, window, excluded)
        self._card = ModelCard(
            name=self.name,
            algorithm="IsolationForest",
            trained_at=window.end,
            span=(window.start, window.end),
            samples=rows,
            accuracy=accuracy,
            accuracy_definition=ACCURACY,
            details={**details, "apis": len(self.entities)},
        )

    def describe(self) -> ModelCard:
        """The model's card.

        Raises:
            NotTrainedError: it was never fitted.
        """
        if self._card is None:
            raise NotTrainedError(
                "the anomaly detector was never fitted; call fit or wait for the first training"
            )
        return self._card

    def walk(self, window: Window, excluded: Mask | None = None) -> Scores:
        """Score each row with the state before it, then let it enter the state.

        Args:
            window: rows after `clock`; rows missing in between count as absent. New APIs may appear.
            excluded: (T, A), True where a value must not be learnt as normal; it is scored all the same.

        Returns:
            Scores of the window's rows and entities. E is 1000 ("quiet") while an API cannot be judged yet.

        Raises:
            ValueError: the window does not start after `clock`, or has other features or another step.
        """
        self._check(window)
        hidden = np.zeros(window.values.shape[:2], dtype=bool) if excluded is None else excluded
        walker = self._begun(window)
        first = walker.grid.index(window.start)
        if first < walker.next:
            raise ValueError(f"the window starts at {window.start}, the state is already at {self.clock}")
        walker.know(window.entities)
        walker.be_silent(first)
        place = {entity: i for i, entity in enumerate(walker.entities)}
        column = np.array([place[entity] for entity in window.entities], dtype=np.intp)
        values = np.full((len(window.values), len(walker.entities), len(self.features)), np.nan)
        values[:, column] = window.values
        masked = np.zeros(values.shape[:2], dtype=bool)
        masked[:, column] = hidden
        pieces = walker.walk(values, masked)
        return _of(_joined(pieces, self._nothing()), column, window.entities)

    def score(self, instant: Window) -> Scores:
        """Score provisional values between two grid points; changes nothing.

        A look between two grid points is compared with what there was whole steps before it. Looking often finds more peaks
        than the grid does, so E of a look is as many times that of a row: 5 times at 15 s in 5 min, twice for what is gross.

        Args:
            instant: rows to be scored each by itself as what comes next after `clock`. APIs that no walk has met get
                E = 1000.

        Raises:
            ValueError: other features.
        """
        self._check(instant, stepwise=False)
        walker = self._begun(instant)
        known = {entity: i for i, entity in enumerate(walker.entities)}
        mine = [i for i, entity in enumerate(instant.entities) if entity in known]
        column = np.array([known[instant.entities[i]] for i in mine], dtype=np.intp)
        rows = []
        before = walker.grid.times(np.array(walker.next - 1))
        for value, since in zip(instant.values, (instant.times - before) / self.step, strict=True):
            full = np.full((1, len(walker.entities), len(self.features)), np.nan)
            full[0, column] = value[mine]
            when = moment(float(since), self.look_interval / self.step)
            rows.append(walker.judge(full, walker.next, when).scores)
        met = tuple(instant.entities[i] for i in mine)
        found = _of(_joined(rows, self._nothing()), column, met)
        return replace(_spread_over(found, instant, mine), times=instant.times, entities=instant.entities)

    def _begun(self, window: Window) -> Walker:
        """The state, beginning with the window where there is none yet."""
        if self._walker is None:
            grid = Grid(self.step, window.start % self.step)
            self._walker = Walker(grid, self.features, self.local_time, grid.index(window.start), self.seed)
        return self._walker

    def _check(self, window: Window, *, stepwise: bool = True) -> None:
        names = tuple(f.name for f in self.features)
        if window.features != names:
            raise ValueError(f"the window has the features {window.features}, the detector {names}")
        if stepwise and abs(window.step - self.step) > 1e-6 * self.step:
            raise ValueError(f"the window has a step of {window.step} s, the detector one of {self.step} s")

    def _nothing(self) -> Scores:
        names = tuple(f.name for f in self.features)
        none = np.empty((0, len(self.entities), len(names)))
        quiet = np.empty((0, len(self.entities)))
        return Scores(np.empty(0), self.entities, names, quiet, none, none, none, none, none)


_PER_ROW = ("expected_per_week", "contributions", "value", "expected", "lower", "upper")


def _joined(pieces: Sequence[Scores], nothing: Scores) -> Scores:
    """The rows of all pieces, one after the other."""
    if not pieces:
        return nothing
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("times", *_PER_ROW)
    }
    return replace(pieces[0], **arrays)


def _of(scores: Scores, column: NDArray[np.intp], entities: Sequence[Entity]) -> Scores:
    """The same rows for some of the APIs."""
    arrays: dict[str, Any] = {name: getattr(scores, name)[:, column] for name in _PER_ROW}
    return replace(scores, entities=tuple(entities), **arrays)


def _spread_over(scores: Scores, instant: Window, mine: Sequence[int]) -> Scores:
    """Scores of the APIs that are known as scores of all that were asked about; the others are quiet."""
    t, apis, features = instant.values.shape
    seen = np.isfinite(instant.values)
    quiet = np.where(seen.any(axis=2), QUIET, np.nan)
    share = np.where(seen, 1.0 / np.maximum(seen.sum(axis=2, keepdims=True), 1), 0.0)
    share = np.where(seen.any(axis=2, keepdims=True), share, np.nan)
    arrays: dict[str, Any] = {
        "expected_per_week": quiet,
        "contributions": share,
        "value": instant.values.copy(),
    }
    arrays |= {name: np.full((t, apis, features), np.nan) for name in ("expected", "lower", "upper")}
    for name, array in arrays.items():
        array[:, mine] = getattr(scores, name)[:, : len(mine)]
    return replace(scores, **arrays)
