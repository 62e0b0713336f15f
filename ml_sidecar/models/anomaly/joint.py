"""The joint view: are the features of an API, each perhaps within its band, odd together?"""

from __future__ import annotations

import numpy as np

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.anomaly import calibration
from ml_sidecar.models.anomaly.arrays import grouped, push, total, widened, zeroed
from ml_sidecar.models.anomaly.calibration import Calibration, calibrate
from ml_sidecar.models.anomaly.forest import Forest, grow
from ml_sidecar.models.anomaly.grid import DAY, Grid
from ml_sidecar.models.anomaly.memory import MEMORY_HOURS
from ml_sidecar.models.anomaly.views import COLUMNS, squash

PRIOR_SCALE = np.array([[0.1], [calibration.PRIOR_SCALE]])
"""Mean of an imagined excess of the forest's logit, and of the log of a contrast."""
VIEWS = 2
MOST_Z = 4.0
"""Deviations beyond so many spreads do not shape what features do together."""
RIDGE = 0.02
"""Share of a feature's variance that is taken to be its own: features that are copies of each other stay tractable."""
SAMPLED = 256
"""Rows of a block that the forest's memory keeps, drawn from all APIs."""
KEPT = 20_000
LEAST_ROWS = 100
GROWTH = 1.2
REFIT_DAYS = 7.0
LOWEST = -3.0
"""Below any logit of a forest's score."""


class JointView:
    """How odd are the features of an API together?

    Two views. An Isolation Forest over the columns of all features, one for all APIs, refitted from the past only. And the
    largest contrast: the deviation of a feature from what the other features' deviations let expect, in units of how well
    they usually do, so that features that always move together and once do not are seen while each is in its band.

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
        self.rows = np.empty((0, features * (COLUMNS + 1)), dtype=np.float32)
        self.peaks = np.full((grid.rows(MEMORY_HOURS, 28, grid.peak), VIEWS, 0), np.nan)
        self.together = np.full((grid.rows(28 * 24, 21, grid.block), features, features, 0), np.nan)
        self.counts = np.zeros((len(self.together), 0))
        self.weights = np.zeros((features, features, 0))
        self._open()
        self.begun = np.inf
        self.fitted = -np.inf
        self.fits = 0

    def _open(self) -> None:
        """Begin a block: heights, columns and deviations of its rows so far, and whether they may be learnt."""
        rows, apis = self.grid.block, self.peaks.shape[2]
        self.shown = np.full((VIEWS, rows, apis), np.nan)
        self.known = np.zeros((rows, apis))
        self.columns = np.zeros((rows, apis, self.features * (COLUMNS + 1)), dtype=np.float32)
        self.z = np.zeros((rows, self.features, apis))

    def widen(self, apis: int) -> None:
        """Make room for more APIs."""
        self.peaks = widened(self.peaks, apis)
        self.together = widened(self.together, apis)
        self.counts = widened(self.counts, apis, fill=0.0)
        self.shown = widened(self.shown, apis)
        self.known = widened(self.known, apis, fill=0.0)
        self.z = widened(self.z, apis, fill=0.0)
        more = np.zeros((len(self.columns), apis, self.columns.shape[2]), dtype=np.float32)
        self.columns = np.concatenate([self.columns, more], axis=1)

    def look(self, columns: Array, z: Array, gate: Array) -> tuple[Array, Array]:
        """See rows.

        Args:
            columns: (T, A, F * COLUMNS), each feature in context.
            z: (T, A, F), deviations in units of their spread.
            gate: (T, A), 0 where nothing is bad enough to matter.

        Returns:
            Heights (VIEWS, T, A), and the columns with the contrasts added.
        """
        contrasts = np.zeros(z.shape)
        for g in range(self.features):
            contrasts += self.weights[:, g].T * z[..., g : g + 1]
        columns = np.concatenate([columns, squash(contrasts)], axis=2)
        if self.forest is None:
            odd = np.full(gate.shape, LOWEST)
        else:
            odd = self.forest.oddness(columns.reshape(-1, columns.shape[2])).reshape(gate.shape)
        heights = np.stack([(odd - LOWEST) * gate, np.log1p(np.abs(contrasts).max(axis=2)) * gate])
        return heights, columns

    def renew_scales(self) -> Calibration:
        """Learn from the past what features do together, and how high peaks usually are."""
        counts = total(self.counts)
        sums = total(zeroed(self.together))
        some = self.grid.rows(24, 24)
        own = np.eye(self.features)
        usual = (np.moveaxis(sums, 2, 0) + some * own) / (counts + some)[:, None, None] + RIDGE * own
        inverse = np.linalg.inv(usual)
        scale = np.sqrt(np.diagonal(inverse, axis1=1, axis2=2))
        self.weights = np.moveaxis(inverse / scale[:, :, None], 0, 2)
        return calibrate(self.peaks, self.grid.peak * self.grid.step / 3600.0, 1, PRIOR_SCALE)

    def note(self, place: slice, heights: Array, columns: Array, z: Array, known: Mask) -> None:
        """Rows of the present block, as `look` saw them; known (T, A) where they may be learnt."""
        self.shown[:, place] = np.where(known, heights, np.nan)
        self.known[place] = known
        self.columns[place] = columns
        self.z[place] = np.where(known[:, None], np.clip(np.moveaxis(z, 2, 1), -MOST_Z, MOST_Z), 0.0)

    def absorb(self, start: int) -> None:
        """Let the block that began at grid row `start` enter, and begin another."""
        if self.forest is not None:
            peaks = np.fmax.reduce(grouped(np.moveaxis(self.shown, 0, 1), self.grid.peak), axis=1)
            push(self.peaks, peaks)
        push(self.together, total(self.z[:, :, None] * self.z[:, None])[None])
        push(self.counts, total(self.known)[None])
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
