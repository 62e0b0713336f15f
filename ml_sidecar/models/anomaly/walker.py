"""The detector's state, carried along the grid row by row: judge, then remember, then renew the context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Entity, Feature, Mask
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.anomaly import combine
from ml_sidecar.models.anomaly.arrays import zeroed
from ml_sidecar.models.anomaly.calibration import QUIET, calibrate
from ml_sidecar.models.anomaly.drift import Drift
from ml_sidecar.models.anomaly.grid import Grid
from ml_sidecar.models.anomaly.joint import JointView, Together
from ml_sidecar.models.anomaly.looks import ON_GRID, Moment
from ml_sidecar.models.anomaly.memory import WARM_ROWS, Block, Memory
from ml_sidecar.models.anomaly.season import SAME_CLASS, Zones
from ml_sidecar.models.anomaly.views import Lengths, Look, Recent, gate, gross, look, worths
from ml_sidecar.results import Scores

TO_WIDTH = 3.29
"""Standard deviations between 5 and 95 %, for a normal distribution."""
BAND_PER_WEEK = 2.0
"""Values at the edge of the band are exceeded by so many peaks a week, as far as time of day alone tells."""
FIRST_OF_ITS_KIND = 4.0
"""E of what is seen on the first two days of a class (working day, weekend) is so many times as much."""
_SILENCE_DAYS = 40.0
"""A longer gap is remembered as one of so many days."""


@dataclass(frozen=True)
class Judged:
    """What a piece of a block came to."""

    look: Look
    heights: Array
    together: Together | None
    drift: tuple[Array, Array]
    scores: Scores


class Walker:
    """State of all APIs.

    Args:
        grid: rows and blocks.
        features: the F features.
        local_time: time zone of each API.
        start: first grid row.
        seed: seed of every random choice.

    Attributes:
        next: grid row that comes next.
        entities: APIs known, in column order.
        last: (A,), E of the last row; NaN where nothing was seen.
    """

    def __init__(
        self, grid: Grid, features: Sequence[Feature], local_time: LocalTime, start: int, seed: int
    ) -> None:
        self.grid = grid
        self.features = tuple(features)
        self.local_time = local_time
        self.next = start
        self.entities: tuple[Entity, ...] = ()
        self._lengths = Lengths.of(grid)
        self._zones = Zones.of(local_time, (), len(self.features))
        self._memory = Memory(grid, self.features)
        self._joint = JointView(grid, len(self.features), seed)
        self._drift = Drift(grid, self.features)
        self._recent = Recent.empty(self._lengths, 0)
        self._valid = np.empty((2, 0))
        self._context = self._memory.context(start, self._zones)
        self._block = Block.empty(self.grid, len(self.entities) * len(self.features))
        self._freeze()

    @property
    def fits(self) -> int:
        """How often the forest was fitted."""
        return self._joint.fits

    def know(self, entities: Sequence[Entity]) -> None:
        """Make room for entities not met before."""
        have = set(self.entities)
        new = tuple(entity for entity in dict.fromkeys(entities) if entity not in have)
        if not new:
            return
        k = len(new) * len(self.features)
        self.entities += new
        self._zones = Zones.of(self.local_time, self.entities, len(self.features))
        self._memory.widen(len(new))
        self._joint.widen(len(new))
        self._drift.widen(k)
        more = Recent.empty(self._lengths, k)
        old = self._recent
        self._recent = Recent(
            np.concatenate([old.rows, more.rows], axis=2),
            np.concatenate([old.held, more.held]),
            np.concatenate([old.age, more.age]),
        )
        self._block.widen(k)
        self._valid = np.array([(f.minimum, f.maximum) for f in self.features] * len(self.entities)).T
        self._freeze()

    def _freeze(self) -> None:
        """Make the context of the present block from what was remembered when it began."""
        start = self._block_start
        same = self._context.floor.shape == self._memory.rows.shape
        if same and self._memory.settled(start):
            self._context = self._memory.context(start, self._zones, self._context)
        else:
            self._context = self._memory.context(start, self._zones)
            hours = self.grid.peak * self.grid.step / 3600.0
            self._calibration = calibrate(self._memory.peaks, hours, len(self.features))
            usual = self._calibration.height(BAND_PER_WEEK)[0]
            self._reach = np.expm1(np.where(np.isnan(usual), np.log1p(3.0), usual))
            if len(self.features) > 1:
                self._joint.renew_scales()
        self._grown, self._ready = self._memory.ready(start)
        alike = np.isfinite(self._memory.guesses[SAME_CLASS]).any(axis=0)
        seen = alike.reshape(-1, len(self.features)).any(axis=1)
        self._strange = np.where(seen, 1.0, FIRST_OF_ITS_KIND)

    @property
    def _block_start(self) -> int:
        return self.next // self.grid.block * self.grid.block

    def walk(self, values: Array, hidden: Mask) -> list[Scores]:
        """Score rows (T, A, F) with the state before each, and let them enter; hidden (T, A) ones are not learnt."""
        return [self._advance(values[a:b], hidden[a:b]) for a, b in self._pieces(len(values))]

    def _pieces(self, rows: int) -> list[tuple[int, int]]:
        """Row ranges of the next rows, one per block."""
        place = self.next % self.grid.block
        edges = [0, *range(self.grid.block - place, rows, self.grid.block), rows]
        return [(a, b) for a, b in pairwise(edges) if b > a]

    def be_silent(self, until: int) -> None:
        """Rows in which nothing was reported."""
        now = self.next
        far = until - self.grid.rows(24 * _SILENCE_DAYS)
        if far > now:
            self._walk_empty(self.grid.block - now % self.grid.block)
            self.next = max(self.next, far // self.grid.block * self.grid.block)
            self._begin_block()
        self._walk_empty(until - self.next)

    def _walk_empty(self, rows: int) -> None:
        empty = (self.grid.block, len(self.entities), len(self.features))
        for a, b in self._pieces(rows):
            self._advance(np.full((b - a, *empty[1:]), np.nan), np.zeros((b - a, empty[1]), dtype=bool))

    # ------------------------------------------------------------------ judging rows

    def judge(self, values: Array, start: int, moment: Moment = ON_GRID) -> Judged:
        """Score rows (T, A, F) that begin at grid row `start`, all in one block.

        Args:
            values: (T, A, F), NaN where absent.
            start: grid row of the first.
            moment: when there is one row, a look between the last grid row and `start`.
        """
        t, apis, features = values.shape
        memory, shape = self._memory, (t, apis, features)
        slot = (start % self.grid.block + np.arange(t)) // self.grid.slot
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            seen = look(
                values.reshape(t, -1),
                slot,
                self._recent,
                self._context,
                self._lengths,
                phase=moment.phase,
            )
            multiples = worths(seen, memory.sign, memory.least, memory.ratio)
            shut = gate(seen, memory.sign, multiples)
            heights = seen.heights * shut
            expected = self._calibration.expected_per_week(heights)
            expected = np.where(self._ready, expected, QUIET)
            mean, most = combine.surprise(expected)
            mean = np.where(seen.there, mean, combine.ABSENT)
            single = np.where(self._ready, combine.law(mean, most), QUIET).reshape(shape)
            together, joint = self._judge_jointly(seen, slot, shut, moment.phase)
            there = seen.there.reshape(shape)
            usual = np.minimum(self._strange * combine.joined(single, joint, there), QUIET)
            habit = self._calibration.beyond_habit(seen.heights[0] * gross(multiples), 0)
            drift, told, seen = self._judge_drift(seen, slot)
            alone = np.where(
                self._ready & seen.there, np.minimum(moment.bursts * habit, told), QUIET
            ).reshape(shape)
            beyond = np.minimum(combine.asked(there) * alone.min(axis=2), QUIET)
            total = np.minimum(moment.peaks * usual, beyond)
            single = np.minimum(single, alone)
            odd = np.zeros(shape) if together is None else together.shares
            mean = np.maximum(mean, combine.unlawful(alone.reshape(mean.shape)))
            shares = combine.contributions(mean.reshape(shape), single, joint, odd, there)
            bounds = [np.where(self._ready, x, np.nan) for x in self._band(seen)]
        scores = Scores(
            times=self.grid.times(start + np.arange(t)),
            entities=self.entities,
            features=tuple(f.name for f in self.features),
            expected_per_week=total,
            contributions=shares,
            value=values,
            expected=bounds[0].reshape(shape),
            lower=bounds[1].reshape(shape),
            upper=bounds[2].reshape(shape),
        )
        return Judged(seen, heights, together, drift, scores)

    def _judge_drift(self, seen: Look, slot: NDArray[np.intp]) -> tuple[tuple[Array, Array], Array, Look]:
        """What `Drift.note` will want, E (T, N), and the look as it is to be explained: against the level before the drift."""
        if not self._drift.enabled:
            return (np.empty(0), np.empty(0)), np.full(seen.there.shape, QUIET), seen
        memory = self._memory
        drift = self._drift.look(np.where(seen.there, seen.rows[0], np.nan), slot, memory.sign)
        told = self._drift.expected_per_week(drift[1], slot, memory.least, memory.ratio)
        before = np.where(told < 1.0, self._drift.expected[slot], seen.expected)
        return drift, told, replace(seen, expected=before)

    def _judge_jointly(
        self, seen: Look, slot: NDArray[np.intp], shut: Array, phase: float
    ) -> tuple[Together | None, Array]:
        """What the features look like together, and E (T, A) of it; silent for a single feature: it has nothing to join."""
        features, context = len(self.features), self._context
        shape = (len(seen.there), len(self.entities), features)
        if features == 1:
            return None, np.full(shape[:2], QUIET)

        off = np.where(seen.there, seen.rows[0] - self._memory.usual_day()[slot], 0.0)
        scale = np.fmax(context.width / TO_WIDTH, context.floor).reshape(-1, features).T
        there = np.moveaxis(seen.there.reshape(shape), 1, 2)
        off = np.moveaxis(zeroed(off).reshape(shape), 1, 2)
        contrasts = self._joint.contrasts.look(off, scale, there, phase)
        left = np.moveaxis(contrasts.deviation, 1, 2).reshape(len(off), -1)
        worth = self._worth_of(left, seen).reshape(shape)
        together = self._joint.look(contrasts, worth, shut.reshape(shape), phase)
        return together, self._joint.expected_per_week(together).min(axis=0)

    def _worth_of(self, left: Array, seen: Look) -> Array:
        """How far deviations (T, N) from what the other features let expect count, see `gate`."""
        memory = self._memory
        foretold = replace(seen, expected=seen.rows[0] - left)
        return gate(foretold, memory.sign, worths(foretold, memory.sign, memory.least, memory.ratio))

    def _band(self, seen: Look) -> tuple[Array, Array, Array]:
        """What is normal and the ends of the band around it, within the valid range."""
        memory, (low, high) = self._memory, self._valid
        half = np.fmax(self._reach * seen.spread, np.fmax(memory.least, memory.ratio * np.abs(seen.expected)))
        middle = np.minimum(np.maximum(seen.expected, low), high)
        return middle, np.maximum(middle - half, low), np.minimum(middle + half, high)

    # ------------------------------------------------------------------ moving on

    def _advance(self, values: Array, hidden: Mask) -> Scores:
        """Score rows that lie in one block, and let them enter the state."""
        start, rows = self.next, len(values)
        judged = self.judge(values, start)
        seen = judged.look
        self._recent = Recent(
            np.concatenate([self._recent.rows, seen.rows], axis=1)[:, -self._lengths.recent :],
            seen.held[-1],
            seen.age[-1],
        )
        place = slice(start % self.grid.block, start % self.grid.block + rows)
        known = seen.there & ~np.repeat(hidden, len(self.features), axis=1)
        seasoned = known & (self._memory.rows >= WARM_ROWS)
        block = self._block
        block.value[place] = np.where(known, seen.rows[0], np.nan)
        block.residual[place] = np.where(known, seen.rows[0] - seen.expected, np.nan)
        block.jump[place] = np.where(known, seen.rows[4], np.nan)
        block.tracked[:, place] = np.where(known, seen.tracked, np.nan)
        block.heights[:, place] = np.where(seasoned, judged.heights, np.nan)
        if judged.together is not None:
            mine = np.asarray(known.reshape(rows, -1, len(self.features)).any(axis=2))
            self._joint.note(place, judged.together, mine)
        if self._drift.enabled:
            self._drift.note(place, *judged.drift, known)
        self.next = start + rows
        if self.next % self.grid.block == 0:
            self._close_block(start // self.grid.block * self.grid.block)
        return judged.scores

    def _close_block(self, start: int) -> None:
        self._memory.absorb(self._block, start, self._zones, self._context.floor)
        if len(self.features) > 1:
            self._joint.absorb(start)
            self._joint.renew(float(self.grid.times(np.array(self.next))))
        self._block = Block.empty(self.grid, len(self.entities) * len(self.features))
        if self._drift.enabled:
            self._drift.absorb(self._memory.sign, self._memory.least, self._memory.ratio)
        self._begin_block()

    def _begin_block(self) -> None:
        self._freeze()
        if self._drift.enabled:
            profile = self._memory.guesses[SAME_CLASS]
            self._drift.renew(self._block_start, profile, self._zones, self._memory.quantum)
