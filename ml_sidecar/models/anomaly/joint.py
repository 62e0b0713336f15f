"""The joint view: are the features of an API, each perhaps within its band, odd together?"""

from __future__ import annotations

import numpy as np

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.anomaly.arrays import grouped, push, widened
from ml_sidecar.models.anomaly.calibration import Calibration, calibrate
from ml_sidecar.models.anomaly.forest import Forest, grow
from ml_sidecar.models.anomaly.grid import DAY, Grid
from ml_sidecar.models.anomaly.memory import MEMORY_HOURS
from ml_sidecar.models.anomaly.views import COLUMNS

PRIOR_SCALE = 0.1
"""Mean of an imagined excess of the forest's logit."""
SAMPLED = 256
"""Rows of a block that the forest's memory keeps, drawn from all APIs."""
KEPT = 20_000
LEAST_ROWS = 100
GROWTH = 1.2
REFIT_DAYS = 7.0
LOWEST = -3.0
"""Below any logit of a forest's score."""


class JointView:
    """Isolation Forest over the columns of all features, one for all APIs, refitted from the past only.

    Args:
        grid: rows and blocks.
        features: number of features F.
        seed: seed of every random choice.
    """

    def __init__(self, grid: Grid, features: int, seed: int) -> None:
        self.grid = grid
        self.features = features
        self.seed = seed
        self.forest: Forest | None = None
        self.rows = np.empty((0, features * COLUMNS), dtype=np.float32)
        self.peaks = np.full((grid.rows(MEMORY_HOURS, 28, grid.peak), 1, 0), np.nan)
        self._open()
        self.begun = np.inf
        self.fitted = -np.inf
        self.fits = 0

    def _open(self) -> None:
        """Begin a block: heights and columns of its rows so far, and whether they may be learnt."""
        rows, apis = self.grid.block, self.peaks.shape[2]
        self.shown = np.full((rows, apis), np.nan)
        self.known = np.zeros((rows, apis))
        self.columns = np.zeros((rows, apis, self.features * COLUMNS), dtype=np.float32)

    def widen(self, apis: int) -> None:
        """Make room for more APIs."""
        self.peaks = widened(self.peaks, apis)
        self.shown = widened(self.shown, apis)
        self.known = widened(self.known, apis, fill=0.0)
        more = np.zeros((len(self.columns), apis, self.columns.shape[2]), dtype=np.float32)
        self.columns = np.concatenate([self.columns, more], axis=1)

    def note(self, place: slice, heights: Array, columns: Array, known: Mask) -> None:
        """Rows of the present block: heights (T, A), columns (T, A, D), known (T, A) where they may be learnt."""
        self.shown[place] = np.where(known, heights, np.nan)
        self.known[place] = known
        self.columns[place] = columns

    def heights(self, columns: Array, gate: Array) -> Array:
        """Logit of the forest's score for (T, A, F * COLUMNS), drawn to silence where the gate (T, A) is shut."""
        if self.forest is None:
            return np.full(columns.shape[:2], LOWEST)
        odd = self.forest.oddness(columns.reshape(-1, columns.shape[2])).reshape(columns.shape[:2])
        return LOWEST + (odd - LOWEST) * gate

    def calibration(self) -> Calibration:
        """What its past peaks say."""
        return calibrate(self.peaks, self.grid.peak * self.grid.step / 3600.0, 1, PRIOR_SCALE)

    def absorb(self, start: int) -> None:
        """Let the block that began at grid row `start` enter, and begin another."""
        if self.forest is not None:
            push(self.peaks, np.fmax.reduce(grouped(self.shown[:, None], self.grid.peak), axis=1))
        places = np.flatnonzero(self.known.ravel())
        if len(places) > SAMPLED:
            rng = np.random.default_rng([self.seed, abs(start)])
            places = np.sort(rng.choice(places, SAMPLED, replace=False))
        if len(places):
            new = self.columns.reshape(-1, self.columns.shape[2])[places]
            self.rows = np.concatenate([self.rows, new])[-KEPT:]
            self.begun = min(self.begun, float(self.grid.times(np.array(start))))
        self._open()

    def renew(self, now: float) -> None:
        """Refit when a day has passed and history has grown by a fifth, or a week has passed."""
        due = self.fitted + DAY <= now and (
            now - self.begun >= GROWTH * (self.fitted - self.begun) or now - self.fitted >= REFIT_DAYS * DAY
        )
        if due and len(self.rows) >= LEAST_ROWS:
            self.forest = grow(self.rows.astype(np.float64), self.seed)
            self.fitted, self.fits = now, self.fits + 1
