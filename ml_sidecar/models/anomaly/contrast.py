"""What the other features of an API let expect of each: a linear model with its own spread, and the views upon what is left.

Two features that always move together and once do not are odd while each lies within its band. Each feature's deviation
from the daily profile is regressed on those of the others and on their sizes (a response time that is high with little
and with much load); so is the size of what is left, since spreads grow with load. Both by least squares on decayed sums of
products, so that an API costs a few hundred numbers, however long its past.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.anomaly.arrays import total, widened, zeroed
from ml_sidecar.models.anomaly.grid import Grid
from ml_sidecar.models.anomaly.looks import slid_mean

VIEWS = 4
"""Contrast; its mean over 1 h and 4 h; mean size over 1 h."""
MOST = 4.0
"""Deviations beyond so many standard deviations say no more of what features do together."""
RIDGE = 0.02
"""Share of a regressor's variance that is taken to be its own: features that are copies of each other stay tractable."""
DOUBT_HOURS = 24.0
"""Rows of so many hours without any relation between features are imagined."""
LEAST_SPREAD = 0.1
"""What is left of a feature is never taken to be smaller than this share of its standard deviation."""
SPREADS = (0.5, 4.0)
"""Bounds of a spread that depends on the other features, in multiples of the usual one."""
TO_DEVIATION = 1.2533
"""Mean size to standard deviation, for a normal distribution."""
_USUAL = np.array([1.0, TO_DEVIATION, TO_DEVIATION, TO_DEVIATION])[:, None, None]
MEMORY_DAYS = 28.0
USUAL_DAYS = 7.0
LEAST_DAYS = 2.0
"""Days of rows before there are contrasts, and..."""
PEAK_DAYS = 1.0
"""...of contrasts before their peaks are remembered: the first ones are of an unfinished model."""


@dataclass(frozen=True)
class Seen:
    """Contrasts of T rows.

    Attributes:
        terms: (T, D, A), regressors: 1, deviations, their sizes.
        size: (T, F, A), size of what was left, in standard deviations of the feature.
        contrast: (T, F, A), what was left in units of its spread.
        deviation: (T, F, A), what was left in the feature's unit.
        means: (VIEWS - 1, T, F, A), see `VIEWS`; not yet compared with what is usual.
        views: (VIEWS, T, F, A), signed but for the last.
    """

    terms: Array
    size: Array
    contrast: Array
    deviation: Array
    means: Array
    views: Array


class Contrasts:
    """Regressions of each of F features on the others, for A APIs.

    Args:
        grid: rows and blocks.
        features: number of features F.

    Attributes:
        fitted: (A,), True where there are contrasts.
        ripe: (A,), True where their peaks may be remembered.
    """

    def __init__(self, grid: Grid, features: int) -> None:
        self.grid, self.features = grid, features
        self.terms = 1 + 2 * features
        self._hour, self._four = grid.rows(1, 3), grid.rows(4, 3)
        days = grid.block * grid.step / 86400.0
        self._decay = float(np.exp(-days / MEMORY_DAYS))
        self._least = grid.rows(24 * LEAST_DAYS, 48)
        self._ripe = self._least + grid.rows(24 * PEAK_DAYS, 24)
        self._doubt = grid.rows(DOUBT_HOURS, 24)
        self._pace = min(1.0, days / USUAL_DAYS)
        self._products = np.zeros((self.terms, self.terms, 0))
        self._sizes = np.zeros((features, self.terms, 0))
        self._rows = np.zeros(0)
        self.fitted = np.zeros(0, dtype=bool)
        self.ripe = np.zeros(0, dtype=bool)
        self._weights = np.zeros((features, self.terms, 0))
        self._spreads = np.zeros((features, self.terms, 0))
        self._middle = np.zeros((features, 0))
        self._usual = np.ones((VIEWS, features, 0))
        self._recent = np.zeros((self._four, features, 0))
        self._open()

    def _open(self) -> None:
        rows, apis = self.grid.block, len(self._rows)
        self._terms = np.zeros((rows, self.terms, apis))
        self._size = np.zeros((rows, self.features, apis))
        self._means = np.zeros((VIEWS - 1, rows, self.features, apis))
        self._known = np.zeros((rows, apis))

    def widen(self, apis: int) -> None:
        """Make room for more APIs."""
        for name, x in list(vars(self).items()):
            if isinstance(x, np.ndarray):
                setattr(self, name, widened(x, apis, 1.0 if name == "_usual" else 0.0).astype(x.dtype))

    def look(self, off: Array, scale: Array, there: Mask, phase: float = 1.0) -> Seen:
        """See rows.

        Args:
            off: (T, F, A), deviations from the daily profile in the feature's unit, 0 where absent.
            scale: (F, A), standard deviation of each feature.
            there: (T, F, A), True where the feature was seen.
            phase: see `looks.Moment`; below 1 there is one row, which is not to be noted.
        """
        # Both sides end at the same size: what moves together moves together far out, too, where each is told by its own views.
        x = np.clip(zeroed(off / scale), -MOST, MOST)
        terms = np.concatenate([np.ones((len(x), 1, x.shape[2])), x, np.abs(x)], axis=1)
        foretold, spread = np.zeros(x.shape), np.zeros(x.shape)
        for k in range(self.terms):
            foretold += self._weights[:, k] * terms[:, k : k + 1]
            spread += self._spreads[:, k] * terms[:, k : k + 1]
        left = np.where(there & self.fitted, x - foretold, 0.0)
        low, high = (bound * self._middle for bound in SPREADS)
        spread = np.maximum(np.clip(spread, low, high) * TO_DEVIATION, LEAST_SPREAD)
        contrast = left / spread
        past = np.concatenate([self._recent, contrast])
        means = np.stack([slid_mean(past, len(x), w, phase) for w in (self._hour, self._four)])
        density = slid_mean(np.minimum(np.abs(past), 12.0), len(x), self._hour, phase)
        raw = np.stack([means[0], means[1], density])
        views = np.concatenate([contrast[None], means / self._usual[1:3, None]])
        dense = (density - self._usual[0]) / self._usual[3]
        return Seen(terms, np.abs(left), contrast, left * scale, raw, np.concatenate([views, dense[None]]))

    def note(self, place: slice, seen: Seen, known: Mask) -> None:
        """Rows of the present block; known (T, A) where they may be learnt."""
        self._recent = np.concatenate([self._recent, seen.contrast])[-self._four :]
        self._terms[place] = seen.terms
        self._size[place] = seen.size
        self._means[:, place] = seen.means
        self._known[place] = known

    def absorb(self) -> None:
        """Let the block enter, and begin another."""
        known = self._known[:, None]
        rows = total(self._known)
        self._products *= self._decay
        for row in self._terms * known:
            self._products += row[:, None] * row[None]
        size = np.minimum(self._size, MOST * self._middle) * known
        self._sizes *= self._decay
        for one, row in zip(size, self._terms, strict=True):
            self._sizes += one[:, None] * row[None]
        self._follow(rows)
        self._rows = self._rows + rows
        self._open()

    def _follow(self, rows: Array) -> None:
        """Let what is usual follow."""
        new = np.abs(self._means[:2])
        dense = self._means[2]
        wide = np.abs(dense - self._usual[0])
        each = np.stack([dense, new[0], new[1], wide])
        tame = np.minimum(each, MOST * self._usual[:, None]) * self._known[:, None]
        now = total(np.moveaxis(tame, 1, 0)) / np.maximum(rows, 1.0)
        age = np.maximum(self._rows - self._least, 0.0) / self.grid.block
        pace = np.where((rows > 0) & self.fitted, np.maximum(self._pace, 1.0 / (age + 1.0)), 0.0)
        self._usual = np.maximum(self._usual + pace * (now * _USUAL - self._usual), 0.05)

    def renew(self) -> None:
        """Fit what the features do together to what was seen."""
        self.ripe = self._rows >= self._ripe
        first = ~self.fitted & (self._rows >= self._least)
        self.fitted = self._rows >= self._least
        for g in range(self.features):
            self._weights[g] = self._solved(g, self._products[1 + g])
        self._sizes = np.where(first, self._first_sizes(), self._sizes)
        count = self._products[0, 0]
        self._middle = np.where(self.fitted, self._sizes[:, 0] / np.maximum(count, 1.0), 0.0)
        for g in range(self.features):
            self._spreads[g] = self._solved(g, self._sizes[g])

    def _first_sizes(self) -> Array:
        """Before sizes were seen: the root of the mean square that the first fit leaves, at all times."""
        count = np.maximum(self._products[0, 0], 1.0)
        sizes = np.zeros_like(self._sizes)
        for g in range(self.features):
            left = self._products[1 + g, 1 + g].copy()
            for k in range(self.terms):
                left -= self._weights[g, k] * self._products[1 + g, k]
            sizes[g] = np.sqrt(np.maximum(left / count, 1e-4)) / TO_DEVIATION * self._products[0]
        return sizes

    def _solved(self, g: int, target: Array) -> Array:
        """Ridge regression of a target, given by its products with the terms (D, A), on the terms of the other features."""
        mine = [k for k in range(self.terms) if k == 0 or (k - 1) % self.features != g]
        count = self._products[0, 0] + self._doubt
        ridge = np.full(len(mine), RIDGE) + RIDGE * self._doubt / np.maximum(count, 1.0)[:, None]
        ridge[:, 0] = 1e-6
        square = np.moveaxis(self._products[np.ix_(mine, mine)] / count, 2, 0)
        square = square + ridge[..., None] * np.eye(len(mine))
        found = np.zeros(target.shape)
        found[mine] = np.linalg.solve(square, (target[mine] / count).T[..., None])[..., 0].T
        return np.where(self.fitted, found, 0.0)
