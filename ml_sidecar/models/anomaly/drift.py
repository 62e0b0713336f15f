"""Slow drift and slow leak: the last hours against a level that hardly moves until the drift has been told.

Whatever follows the data absorbs what is slow enough. So each class of day (working day, weekend) keeps a level for
each block of the day that moves only a twentieth of the way towards the present on each such day, and altogether once the
drift is beyond what opens an episode: it has been told, and is adopted. Judged only where a smallest deviation worth an
alarm is stated: without one there is no drift too small to matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Feature, Mask
from ml_sidecar.models.anomaly.arrays import median, push, widened, window_mean, zeroed
from ml_sidecar.models.anomaly.calibration import QUIET
from ml_sidecar.models.anomaly.grid import DAY, Grid
from ml_sidecar.models.anomaly.season import Zones

TOLD = 1.2
"""A drift of so many times what is worth an alarm (or is usual) has E = 0.25 a week."""
STEEPNESS = 20.0
"""E falls by this power of the drift: quiet at what is worth an alarm, beyond doubt at 1.35 times."""
ADOPTED = 1.35
"""So large over a whole day, a drift has been told and becomes the new level; on the good side from 1 on."""
HOURS = 4
"""So many last hours must each have gone the same way."""
FOLLOWED = 0.05
"""Share of the way that the level goes towards the present on each day of its class: four weeks of inertia."""
HABIT = 4.0
"""Deviations of the last hours up to so many spreads above their median are usual."""
USUAL_DAYS, LEAST_DAYS = 28, 2


class Drift:
    """What the last hours of N series are compared with, and how far they usually are from it.

    Args:
        grid: rows and blocks.
        features: the F features.

    Attributes:
        expected: (S, N), what the slots of the present block are compared with; NaN until two whole
            blocks at this time of day were seen on days of the class.
    """

    def __init__(self, grid: Grid, features: Sequence[Feature]) -> None:
        self.grid = grid
        self.blocks = max(1, round(DAY / (grid.block * grid.step)))
        whole = abs(self.blocks * grid.block * grid.step - DAY) < 1.0
        self.enabled = whole and any(f.smallest_deviation or f.smallest_deviation_ratio for f in features)
        self._hour = grid.rows(1, 3)
        self._levels = np.full((2, self.blocks, 0), np.nan)
        self._offset = np.full(0, np.nan)
        self._recent = np.zeros((HOURS * self._hour - 1, 0))
        self._middles = np.full((self.blocks, 0), np.nan)
        self._peaks = np.full((USUAL_DAYS * self.blocks, 0), np.nan)
        self._usual = np.full(0, np.nan)
        self.expected = np.full((grid.block // grid.slot, 0), np.nan)
        self._weekend = np.zeros(0)
        self._block = 0
        self._open()

    def _open(self) -> None:
        columns = self._levels.shape[2]
        self._off = np.full((self.grid.block, columns), np.nan)
        self._far = np.full((self.grid.block, columns), np.nan)

    def widen(self, columns: int) -> None:
        """Make room for more series."""
        for name, x in list(vars(self).items()):
            if isinstance(x, np.ndarray):
                setattr(self, name, widened(x, columns, 0.0 if name == "_recent" else np.nan))

    def look(self, values: Array, slot: NDArray[np.intp], sign: Array) -> tuple[Array, Array]:
        """How far rows are off, and how far the last hours have drifted to the bad side.

        Each of the last four hours and the row itself must have gone that way: what comes in bursts, or is over, is no drift.

        Args:
            values: (T, N), NaN where absent.
            slot: slot of the block each row is in, (T,).
            sign: 1, -1 or 0 where the bad side is above, below, or both.

        Returns:
            (T, N) each, in the feature's unit.
        """
        off = zeroed(values - self.expected[slot])
        past = np.concatenate([self._recent, off])
        means = window_mean(past, self._hour)
        each = [means[k * self._hour :][: len(off)] for k in range(HOURS)]
        up = np.minimum.reduce([2 * off, *each])
        down = -np.maximum.reduce([2 * off, *each])
        return off, np.where(sign > 0, up, np.where(sign < 0, down, np.maximum(up, down)))

    def expected_per_week(self, far: Array, slot: NDArray[np.intp], least: Array, ratio: Array) -> Array:
        """E of drifts (T, N) as `look` saw them: .25 (x / 1.2)^-20, x in units of what is worth an alarm or usual."""
        worth = np.fmax(least, ratio * np.abs(self.expected[slot]))
        judged = (far > 0) & (worth > 0) & np.isfinite(self._usual)
        x = np.where(judged, far / np.where(judged, np.fmax(worth, self._usual), 1.0), 0.1)
        return np.where(judged, np.clip(0.25 * (x / TOLD) ** -STEEPNESS, 1e-4, QUIET), QUIET)

    def note(self, place: slice, off: Array, far: Array, known: Mask) -> None:
        """Rows of the present block, as `look` saw them; known (T, N) where they may be learnt."""
        self._recent = np.concatenate([self._recent, off])[len(off) :]
        slot = np.arange(place.start, place.stop) // self.grid.slot
        known = known & np.isfinite(self.expected[slot])
        self._off[place] = np.where(known, off, np.nan)
        self._far[place] = np.where(known, far, np.nan)

    def absorb(self, sign: Array, least: Array, ratio: Array) -> None:
        """Let the block enter, adopt what has been told, and begin another."""
        middle = median(self._off)
        push(self._middles, middle[None])
        push(self._peaks, np.fmax.reduce(self._far, axis=0)[None])
        enough = self._middles if self.blocks < 3 else self._middles[-self.blocks :]
        day = median(enough, least=-(-self.blocks // 2))
        bar = np.fmax(np.fmax(least, ratio * np.abs(median(self.expected))), self._usual)
        good = np.where(sign == 0, False, day * sign < 0)
        moved = np.where(np.abs(day) >= np.where(good, 1.0, ADOPTED) * bar, day, 0.0)
        self._levels = self._levels + moved
        self._levels[self._place()] += FOLLOWED * zeroed(np.clip(middle - moved, -bar, bar))
        self._recent = self._recent - moved
        self._middles = self._middles - moved
        self._open()

    def renew(self, start: int, profile: Array, zones: Zones, quantum: Array) -> None:
        """Begin the block at grid row `start`, with the profile (S, N) of days of its class, and the usual steps (N,)."""
        # A middle of some slots is no level of all: an API met at ten in the evening would be given the night's.
        middle = np.where(np.isfinite(profile).all(axis=0), median(profile), np.nan)
        self._weekend, offset = self._calendar(start, zones)
        self._block = start // self.grid.block % self.blocks
        self._levels[:, :, self._offset != offset] = np.nan
        self._offset = offset
        level = self._levels[self._place()]
        level = np.where(np.isfinite(level), level, middle)
        self._levels[self._place()] = level
        self.expected = profile - middle + level
        usual = median(self._peaks, least=LEAST_DAYS * self.blocks)
        usual = usual + HABIT * 1.4826 * median(np.abs(self._peaks - usual))
        # Where most blocks are silent, as of failures that are rare, two of them in a row of hours are no drift yet.
        self._usual = np.where(usual > 0, usual, usual + zeroed(quantum))

    def _place(self) -> tuple[NDArray[np.intp], int, NDArray[np.intp]]:
        """Where the levels of the present block are."""
        return zeroed(self._weekend).astype(np.intp), self._block, np.arange(len(self._weekend))

    def _calendar(self, start: int, zones: Zones) -> tuple[Array, Array]:
        """Class of the block's day (1: weekend) and UTC offset of each series."""
        time = self.grid.times(np.array([start + self.grid.block // 2]))
        weekend, offset = np.zeros(len(self._offset)), np.zeros(len(self._offset))
        for entity, mine in zones.members.items():
            clock = float(zones.clock(entity, time)[0])
            weekend[mine] = (clock // DAY + 3) % 7 >= 5
            offset[mine] = clock - time[0]
        return weekend, offset
