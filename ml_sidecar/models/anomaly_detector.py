"""The anomaly detector: what is unusual for this API, at this hour, and how often was it ever so?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.errors import NotEnoughDataError, NotTrainedError
from ml_sidecar.features import Array, Entity, Feature, Mask, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.anomaly import combine
from ml_sidecar.models.anomaly.accuracy import ACCURACY, balanced_accuracy
from ml_sidecar.models.anomaly.calibration import QUIET, calibrate
from ml_sidecar.models.anomaly.context import Context
from ml_sidecar.models.anomaly.grid import Grid
from ml_sidecar.models.anomaly.joint import JointView
from ml_sidecar.models.anomaly.memory import WARM_ROWS, Block, Memory
from ml_sidecar.models.anomaly.season import Zones
from ml_sidecar.models.anomaly.views import COLUMNS, Lengths, Look, Recent, gate, look
from ml_sidecar.results import ModelCard, Scores

BAND_PER_WEEK = 2.0
"""Values at the edge of the band are exceeded by so many peaks a week, as far as time of day alone tells."""
_SILENCE_DAYS = 40.0
"""A longer gap is remembered as one of so many days."""


@dataclass(frozen=True)
class _Judged:
    """What a piece of a block came to."""

    look: Look
    heights: Array
    joint_heights: Array
    columns: Array
    scores: Scores


class AnomalyDetector:
    """Scores every API against its own past; the same for one live row and for years of replay.

    Six families of causal views look at each feature, an Isolation Forest at all features of an API together; each is
    calibrated to E, the expected number of such peaks a week on that API's own past. What is slow (profiles, spreads,
    calibrations, the forest) is renewed at block boundaries of about six hours and frozen in between.

    Args:
        features: the features, in the column order of every window.
        step: seconds between grid rows.
        local_time: time zone of each API.
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
        budget: float = 0.25,
        seed: int = 0,
    ) -> None:
        self.features = tuple(features)
        self.local_time = local_time or LocalTime()
        self.step = step
        self.budget = budget
        self.seed = seed
        self._card: ModelCard | None = None
        self._reset(0.0)

    # ------------------------------------------------------------------ the public face

    @property
    def clock(self) -> float:
        """Time of the last grid row that entered the state; -inf before the first."""
        return -np.inf if self._next is None else float(self._grid.times(np.array(self._next - 1)))

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The APIs known, in the order in which they appeared."""
        return self._entities

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
        self._next, self._card = None, None
        self._entities = ()
        accuracy, details = balanced_accuracy(self, window, excluded)
        self._card = ModelCard(
            name=self.name,
            algorithm="IsolationForest",
            trained_at=window.end,
            span=(window.start, window.end),
            samples=rows,
            accuracy=accuracy,
            accuracy_definition=ACCURACY,
            details={**details, "forest_fits": self._joint.fits, "apis": len(self._entities)},
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
        if self._next is None:
            self._reset(window.start % self.step)
            self._next = self._grid.index(window.start)
            self._open_block()
            self._freeze()
        self._know(window.entities)
        column = self._columns(window.entities)
        first = self._grid.index(window.start)
        if first < self._next:
            raise ValueError(f"the window starts at {window.start}, the state is already at {self.clock}")
        self._be_silent(first)
        values = np.full((len(window.values), len(self._entities), len(self.features)), np.nan)
        values[:, column] = window.values
        masked = np.zeros(values.shape[:2], dtype=bool)
        masked[:, column] = hidden
        pieces = [self._advance(values[a:b], masked[a:b]) for a, b in self._pieces(len(values))]
        return _of(_joined(pieces, self._nothing()), column, window.entities)

    def score(self, instant: Window) -> Scores:
        """Score provisional values between two grid points; changes nothing.

        Args:
            instant: rows to be scored each by itself as what comes next after `clock`. APIs that no walk has met get
                E = 1000.

        Raises:
            ValueError: other features.
        """
        self._check(instant, stepwise=False)
        known = {entity: i for i, entity in enumerate(self._entities)}
        mine = [i for i, entity in enumerate(instant.entities) if entity in known]
        column = [known[instant.entities[i]] for i in mine]
        rows = []
        for value in instant.values:
            full = np.full((1, len(self._entities), len(self.features)), np.nan)
            full[0, column] = value[mine]
            rows.append(self._judge(full, self._next or 0).scores)
        met = tuple(instant.entities[i] for i in mine)
        found = _of(_joined(rows, self._nothing()), np.array(column, dtype=np.intp), met)
        return replace(_spread_over(found, instant, mine), times=instant.times, entities=instant.entities)

    # ------------------------------------------------------------------ state

    def _reset(self, phase: float) -> None:
        self._grid = Grid(self.step, phase)
        self._lengths = Lengths.of(self._grid)
        self._entities: tuple[Entity, ...] = ()
        self._zones = Zones.of(self.local_time, (), len(self.features))
        self._memory = Memory(self._grid, self.features)
        self._joint = JointView(self._grid, len(self.features), self.seed)
        self._recent = Recent.empty(self._lengths, 0)
        self._next: int | None = None
        self._context: Context | None = None

    def _check(self, window: Window, *, stepwise: bool = True) -> None:
        names = tuple(f.name for f in self.features)
        if window.features != names:
            raise ValueError(f"the window has the features {window.features}, the detector {names}")
        if stepwise and abs(window.step - self.step) > 1e-6 * self.step:
            raise ValueError(f"the window has a step of {window.step} s, the detector one of {self.step} s")

    def _columns(self, entities: Sequence[Entity]) -> NDArray[np.intp]:
        place = {entity: i for i, entity in enumerate(self._entities)}
        return np.array([place[entity] for entity in entities], dtype=np.intp)

    def _know(self, entities: Sequence[Entity]) -> None:
        """Make room for entities not met before."""
        have = set(self._entities)
        new = tuple(entity for entity in dict.fromkeys(entities) if entity not in have)
        if not new:
            return
        k = len(new) * len(self.features)
        self._entities += new
        self._zones = Zones.of(self.local_time, self._entities, len(self.features))
        self._memory.widen(len(new))
        self._joint.widen(len(new))
        more = Recent.empty(self._lengths, k)
        old = self._recent
        self._recent = Recent(
            np.concatenate([old.rows, more.rows], axis=2),
            np.concatenate([old.held, more.held]),
            np.concatenate([old.age, more.age]),
        )
        self._block.widen(k)
        self._block_joint = np.concatenate(
            [self._block_joint, np.full((len(self._block_joint), len(new)), np.nan)], axis=1
        )
        self._block_columns = np.concatenate(
            [self._block_columns, np.zeros((self._grid.block, len(new), len(self.features) * COLUMNS))],
            axis=1,
        )
        self._block_known = np.concatenate(
            [self._block_known, np.zeros((self._grid.block, len(new)), dtype=bool)], axis=1
        )
        self._freeze()

    def _open_block(self) -> None:
        apis = len(self._entities)
        self._block = Block.empty(self._grid, apis * len(self.features))
        self._block_joint = np.full((self._grid.block, apis), np.nan)
        self._block_columns = np.zeros((self._grid.block, apis, len(self.features) * COLUMNS))
        self._block_known = np.zeros((self._grid.block, apis), dtype=bool)

    def _freeze(self) -> None:
        """Make the context of the present block from what was remembered when it began."""
        start = self._block_start
        self._context = self._memory.context(start, self._zones)
        hours = self._grid.peak * self.step / 3600.0
        self._calibration = calibrate(self._memory.peaks, hours, len(self.features))
        self._joint_calibration = self._joint.calibration()
        self._grown, self._ready = self._memory.ready(start)

    @property
    def _block_start(self) -> int:
        return (self._next or 0) // self._grid.block * self._grid.block

    def _pieces(self, rows: int) -> list[tuple[int, int]]:
        """Row ranges of the next rows, one per block."""
        place = (self._next or 0) % self._grid.block
        edges = [0, *range(self._grid.block - place, rows, self._grid.block), rows]
        return [(a, b) for a, b in pairwise(edges) if b > a]

    def _be_silent(self, until: int) -> None:
        """Rows in which nothing was reported."""
        now = self._next or 0
        far = until - self._grid.rows(24 * _SILENCE_DAYS)
        if far > now:
            self._walk_empty(self._grid.block - now % self._grid.block)
            self._next = max(self._next or 0, far // self._grid.block * self._grid.block)
            self._freeze()
        self._walk_empty(until - (self._next or 0))

    def _walk_empty(self, rows: int) -> None:
        empty = (self._grid.block, len(self._entities), len(self.features))
        for a, b in self._pieces(rows):
            self._advance(np.full((b - a, *empty[1:]), np.nan), np.zeros((b - a, empty[1]), dtype=bool))

    # ------------------------------------------------------------------ judging rows

    def _judge(self, values: Array, start: int) -> _Judged:
        """Score rows (T, A, F) that begin at grid row `start`, all in one block."""
        if self._context is None:
            raise NotTrainedError("the anomaly detector has met no API yet; walk or fit first")
        t, apis, features = values.shape
        memory, shape = self._memory, (t, apis, features)
        slot = (start % self._grid.block + np.arange(t)) // self._grid.slot
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            seen = look(values.reshape(t, -1), slot, self._recent, self._context, self._lengths)
            shut = gate(seen, memory.sign, memory.least, memory.ratio)
            heights = seen.heights * shut
            expected = self._calibration.expected_per_week(heights)
            expected = np.where(self._ready, expected, QUIET)
            mean = combine.surprise(expected)
            mean = np.where(seen.there, mean, combine.ABSENT)
            single = combine.law(mean).reshape(shape)
            columns = seen.columns.reshape(t, apis, -1)
            joint_heights, joint = self._judge_jointly(columns, shut.reshape(shape).max(axis=2))
            there = seen.there.reshape(shape)
            total = combine.joined(single, joint, there)
            shares = combine.contributions(
                mean.reshape(shape), single, joint, seen.rows[1].reshape(shape), there
            )
            bounds = self._band(seen)
        scores = Scores(
            times=self._grid.times(start + np.arange(t)),
            entities=self._entities,
            features=tuple(f.name for f in self.features),
            expected_per_week=total,
            contributions=shares,
            value=values,
            expected=bounds[0].reshape(shape),
            lower=bounds[1].reshape(shape),
            upper=bounds[2].reshape(shape),
        )
        return _Judged(seen, heights, joint_heights, columns, scores)

    def _judge_jointly(self, columns: Array, shut: Array) -> tuple[Array, Array]:
        """Heights and E of the joint view, (T, A) each; silent for a single feature, which has nothing to join."""
        if len(self.features) == 1:
            return np.full(columns.shape[:2], np.nan), np.full(columns.shape[:2], QUIET)
        heights = self._joint.heights(columns, shut)
        expected = self._joint_calibration.expected_per_week(heights[None])[0]
        grown = self._grown.reshape(-1, len(self.features)).any(axis=1)
        return heights, np.where(grown, expected, QUIET)

    def _band(self, seen: Look) -> tuple[Array, Array, Array]:
        """What is normal and the ends of the band around it, within the valid range."""
        memory, apis = self._memory, len(self._entities)
        reach = np.expm1(np.nan_to_num(self._calibration.height(BAND_PER_WEEK)[0], nan=np.log1p(3.0)))
        half = np.fmax(reach * seen.spread, np.fmax(memory.least, memory.ratio * np.abs(seen.expected)))
        low = np.tile([f.minimum for f in self.features], apis)
        high = np.tile([f.maximum for f in self.features], apis)
        middle = np.clip(seen.expected, low, high)
        return middle, np.clip(middle - half, low, high), np.clip(middle + half, low, high)

    # ------------------------------------------------------------------ moving on

    def _advance(self, values: Array, hidden: Mask) -> Scores:
        """Score rows that lie in one block, and let them enter the state."""
        start, rows = self._next or 0, len(values)
        judged = self._judge(values, start)
        seen = judged.look
        self._recent = Recent(
            np.concatenate([self._recent.rows, seen.rows], axis=1)[:, -self._lengths.recent :],
            seen.held[-1],
            seen.age[-1],
        )
        place = slice(start % self._grid.block, start % self._grid.block + rows)
        known = seen.there & ~np.repeat(hidden, len(self.features), axis=1)
        seasoned = known & (self._memory.rows >= WARM_ROWS)
        block = self._block
        block.value[place] = np.where(known, seen.rows[0], np.nan)
        block.residual[place] = np.where(known, seen.rows[0] - seen.expected, np.nan)
        block.jump[place] = np.where(known, seen.rows[4], np.nan)
        block.tracked[:, place] = np.where(known, seen.tracked, np.nan)
        block.heights[:, place] = np.where(seasoned, judged.heights, np.nan)
        joint_known = seasoned.reshape(rows, -1, len(self.features)).any(axis=2) & ~hidden
        self._block_joint[place] = np.where(joint_known, judged.joint_heights, np.nan)
        self._block_columns[place] = judged.columns
        self._block_known[place] = joint_known
        self._next = start + rows
        if self._next % self._grid.block == 0:
            self._close_block(start // self._grid.block * self._grid.block)
        return judged.scores

    def _close_block(self, start: int) -> None:
        context = self._context
        if context is not None:
            self._memory.absorb(self._block, start, self._zones, context.floor)
        if len(self.features) > 1:
            self._joint.absorb(self._block_joint, self._block_columns, self._block_known, start)
            self._joint.renew(float(self._grid.times(np.array(self._next))))
        self._open_block()
        self._freeze()

    def _nothing(self) -> Scores:
        names = tuple(f.name for f in self.features)
        none = np.empty((0, len(self._entities), len(names)))
        return Scores(np.empty(0), self._entities, names, none[..., 0], none, none, none, none, none)


_PER_ROW = ("expected_per_week", "contributions", "value", "expected", "lower", "upper")


def _joined(pieces: Sequence[Scores], nothing: Scores) -> Scores:
    """The rows of all pieces, one after the other."""
    if not pieces:
        return nothing
    arrays = {
        name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("times", *_PER_ROW)
    }
    return replace(pieces[0], **arrays)


def _of(scores: Scores, column: NDArray[np.intp], entities: Sequence[Entity]) -> Scores:
    """The same rows for some of the APIs."""
    arrays = {name: getattr(scores, name)[:, column] for name in _PER_ROW}
    return replace(scores, entities=tuple(entities), **arrays)


def _spread_over(scores: Scores, instant: Window, mine: Sequence[int]) -> Scores:
    """Scores of the APIs that are known as scores of all that were asked about; the others are quiet."""
    t, apis, features = instant.values.shape
    seen = np.isfinite(instant.values)
    quiet = np.where(seen.any(axis=2), QUIET, np.nan)
    share = np.where(seen, 1.0 / np.maximum(seen.sum(axis=2, keepdims=True), 1), 0.0)
    share = np.where(seen.any(axis=2, keepdims=True), share, np.nan)
    arrays = {"expected_per_week": quiet, "contributions": share, "value": instant.values.copy()}
    arrays |= {name: np.full((t, apis, features), np.nan) for name in ("expected", "lower", "upper")}
    for name, array in arrays.items():
        array[:, mine] = getattr(scores, name)[:, : len(mine)]
    return replace(scores, **arrays)
