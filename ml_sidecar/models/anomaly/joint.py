"""The joint views: are the features of an API, each perhaps within its band, odd together?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.anomaly import contrast
from ml_sidecar.models.anomaly.arrays import grouped, push, widened
from ml_sidecar.models.anomaly.calibration import QUIET, calibrate
from ml_sidecar.models.anomaly.contrast import Contrasts, Seen
from ml_sidecar.models.anomaly.forest import Forest, grow
from ml_sidecar.models.anomaly.grid import DAY, Grid
from ml_sidecar.models.anomaly.looks import slid_mean
from ml_sidecar.models.anomaly.memory import MEMORY_HOURS
from ml_sidecar.models.anomaly.views import squash

FOREST_VIEWS = 2
"""The forest's logit and its mean over 1 h."""
PRIOR_CONTRAST, PRIOR_ODD = 0.45, 0.2
"""Mean of an imagined excess of the log of a contrast, and of the forest's logit: what they are on real telemetry."""
COLUMNS = 3
"""Columns a feature gives to the forest: its contrast, and the mean and the mean size of that over 1 h."""
SAMPLED = 256
"""Rows of a block that the forest's memory keeps, drawn from all APIs."""
KEPT = 20_000
LEAST_ROWS = 100
GROWTH = 1.2
REFIT_DAYS = 7.0
LOWEST = -3.0
"""Below any logit of a forest's score."""


@dataclass(frozen=True)
class Together:
    """What T rows look like, all features of each of A APIs together.

    Attributes:
        seen: the contrasts.
        columns: (T, A, F * COLUMNS), for the forest.
        odd: (T, A), the forest's logit.
        heights: (contrast.VIEWS, T, A * F), of the contrasts.
        forest_heights: (FOREST_VIEWS, T, A), of the forest.
        shares: (T, A, F), how much each feature has to do with it.
    """

    seen: Seen
    columns: Array
    odd: Array
    heights: Array
    forest_heights: Array
    shares: Array


class JointView:
    """How odd are the features of an API together?

    Contrasts: each feature against what the others let expect of it. And an Isolation Forest over the contrasts of all
    features, one for all APIs, refitted from the past only: it sees several that are each odd a little, and knows from the
    siblings how odd that is. Each is calibrated on the API's own past.

    Args:
        grid: rows and blocks.
        features: number of features F.
        seed: seed of every random choice.
    """

    def __init__(self, grid: Grid, features: int, seed: int) -> None:
        self.grid = grid
        self.features = features
        self.seed = seed
        self.contrasts = Contrasts(grid, features)
        self.forest: Forest | None = None
        self._hour = grid.rows(1, 3)
        self.rows = np.empty((0, features * COLUMNS), dtype=np.float32)
        spans = grid.rows(MEMORY_HOURS, 28, grid.peak)
        self.peaks = np.full((spans, contrast.VIEWS, 0), np.nan)
        self.forest_peaks = np.full((spans, FOREST_VIEWS, 0), np.nan)
        self._recent = np.full((self._hour, 0), LOWEST)
        self._open()
        self.begun = np.inf
        self.fitted = -np.inf
        self.fits = 0

    def _open(self) -> None:
        """Begin a block: heights and columns of its rows so far, and whether they may be learnt."""
        rows, apis = self.grid.block, self.forest_peaks.shape[2]
        self.shown = np.full((contrast.VIEWS, rows, apis * self.features), np.nan)
        self.forest_shown = np.full((FOREST_VIEWS, rows, apis), np.nan)
        self.known = np.zeros((rows, apis))
        self.columns = np.zeros((rows, apis, self.features * COLUMNS), dtype=np.float32)

    def widen(self, apis: int) -> None:
        """Make room for more APIs."""
        self.contrasts.widen(apis)
        self.peaks = widened(self.peaks, apis * self.features)
        self.forest_peaks = widened(self.forest_peaks, apis)
        self.shown = widened(self.shown, apis * self.features)
        self.forest_shown = widened(self.forest_shown, apis)
        self.known = widened(self.known, apis, fill=0.0)
        self._recent = widened(self._recent, apis, fill=LOWEST)
        more = np.zeros((len(self.columns), apis, self.columns.shape[2]), dtype=np.float32)
        self.columns = np.concatenate([self.columns, more], axis=1)

    def look(self, seen: Seen, gate: Array, own_gate: Array, phase: float = 1.0) -> Together:
        """See rows.

        Args:
            seen: their contrasts.
            gate: (T, A, F), 0 where the contrast of a feature is not bad enough to matter.
            own_gate: (T, A, F), 0 where its own deviation is not.
            phase: see `looks.Moment`; below 1 there is one row, which is not to be noted.
        """
        rows, apis, _ = gate.shape
        views = np.moveaxis(seen.views, 2, 3)
        columns = np.concatenate([squash(views[k]) for k in (0, 1, 3)], axis=2)
        odd = np.full((rows, apis), LOWEST)
        if self.forest is not None:
            odd = self.forest.oddness(columns.reshape(-1, columns.shape[2])).reshape(odd.shape)
        past = np.concatenate([self._recent, odd])
        both = np.stack([odd, slid_mean(past, rows, self._hour, phase)]) - LOWEST
        sizes = np.concatenate([np.abs(views[:-1]), np.maximum(views[-1:], 0.0)])
        heights = np.log1p(np.minimum(sizes, 1e6))
        return Together(
            seen,
            columns,
            odd,
            (heights * gate).reshape(len(heights), rows, -1),
            both * np.maximum(gate, own_gate).max(axis=2),
            heights.max(axis=0),
        )

    def expected_per_week(self, together: Together) -> Array:
        """E of the contrasts and of the forest, (2, T, A); quiet until an API has a past of both."""
        shape = (*together.odd.shape, self.features)
        contrasts = _rarest(self._calibration.expected_per_week(together.heights)).reshape(shape).min(axis=2)
        forest = _rarest(self._forest_calibration.expected_per_week(together.forest_heights))
        return np.where(self.contrasts.ripe, np.stack([contrasts, forest]), QUIET)

    def renew_scales(self) -> None:
        """Learn from the past what features do together, and how high peaks usually are."""
        self.contrasts.renew()
        hours = self.grid.peak * self.grid.step / 3600.0
        self._calibration = calibrate(self.peaks, hours, self.features, PRIOR_CONTRAST)
        self._forest_calibration = calibrate(self.forest_peaks, hours, 1, PRIOR_ODD)

    def note(self, place: slice, together: Together, known: Mask) -> None:
        """Rows of the present block, as `look` saw them; known (T, A) where they may be learnt."""
        self.contrasts.note(place, together.seen, known)
        self._recent = np.concatenate([self._recent, together.odd])[-self._hour :]
        ripe = known & self.contrasts.ripe
        self.shown[:, place] = np.where(np.repeat(ripe, self.features, axis=1), together.heights, np.nan)
        self.forest_shown[:, place] = np.where(
            ripe & (together.odd > LOWEST), together.forest_heights, np.nan
        )
        self.known[place] = known & self.contrasts.fitted
        self.columns[place] = together.columns

    def absorb(self, start: int) -> None:
        """Let the block that began at grid row `start` enter, and begin another."""
        for tape, shown in ((self.peaks, self.shown), (self.forest_peaks, self.forest_shown)):
            push(tape, np.fmax.reduce(grouped(np.moveaxis(shown, 0, 1), self.grid.peak), axis=1))
        self.contrasts.absorb()
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


def _rarest(expected: Array) -> Array:
    """E of the rarest of several views (V, ...) of the same thing, times the root of their number: the price of choosing."""
    return np.asarray(np.minimum(np.sqrt(len(expected)) * expected.min(axis=0), QUIET))
