"""Groups the days of all APIs by how they behave, and names the groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from ml_sidecar.contract import MODEL_NAMES
from ml_sidecar.errors import NotEnoughDataError, NotTrainedError
from ml_sidecar.features import Array, Entity, Feature, Mask, Window
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.forecast.arrays import median
from ml_sidecar.models.pattern.behaviour import TRAITS, describe_day
from ml_sidecar.models.pattern.names import names
from ml_sidecar.results import ModelCard, Patterns

_DAY: Final = 86400.0
_HELD_OUT: Final = 0.75
_MOST: Final = 8
_LEAST_SILHOUETTE: Final = 0.35
_LEAST_DISTANCE: Final = 0.2
_LEAST_MEMBERS: Final = 2
_SAMPLE: Final = 2000
_ROWS: Final = 20_000
_SAME: Final = 0.25

ACCURACY: Final = (
    "Share of held-out API days (the last quarter of the history) that a model fitted without them puts into the "
    "same pattern as the model in service."
)


class PatternClusterer:
    """K-Means on behaviour vectors of API days; the number of clusters is the one with the best silhouette.

    Args:
        features: F features of every window.
        step: seconds between grid rows.
        local_time: unused by the traits, which look at a whole day; kept for models that share a constructor.
        seed: of the starting centres.
    """

    name = MODEL_NAMES[2]

    def __init__(
        self,
        features: Sequence[Feature],
        step: float = 300.0,
        local_time: LocalTime | None = None,
        seed: int = 0,
    ) -> None:
        self._features = tuple(features)
        self._step = step
        self._local_time = local_time
        self._seed = seed
        self._clock = -np.inf
        self._usual: dict[Entity, Array] = {}
        self._centres: Array = np.empty((0, len(TRAITS)))
        self._names: tuple[str, ...] = ()
        self._card: ModelCard | None = None

    @property
    def clock(self) -> float:
        """End of the history it was fitted on; -inf before."""
        return self._clock

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the K patterns."""
        return self._names

    def fit(self, window: Window, excluded: Mask | None = None) -> None:
        """Find the patterns in history.

        Args:
            window: history on the grid; days are counted back from its end.
            excluded: (T, A), True where the API was known to be bad; such rows count as absent.

        Raises:
            NotEnoughDataError: the history holds no value.
            ValueError: the window lacks a feature.
        """
        window = self._selected(window, excluded)
        if not window.rows:
            raise NotEnoughDataError(0, 1)
        self._usual = dict(zip(window.entities, median(window.values), strict=True))
        rows, day = self._days(window, excluded)
        self._centres = _centres(rows, self._seed)
        self._names = names(self._centres)
        self._clock = window.end
        self._card = self._described(window, rows, day)

    def inherit_names(self, former: PatternClusterer) -> None:
        """Keep the former model's names for patterns that it knew already, so that series do not change their name."""
        if not len(self._centres) or not len(former._centres):
            return
        gap = np.linalg.norm(self._centres[:, None] - former._centres[None], axis=2)
        mine, theirs = linear_sum_assignment(gap)
        kept = {int(i): former._names[j] for i, j in zip(mine, theirs, strict=True) if gap[i, j] < _SAME}
        given = [kept.get(i, name) for i, name in enumerate(self._names)]
        taken: set[str] = set(kept.values())
        for i, name in enumerate(given):
            if i in kept:
                continue
            number, unique = 2, name
            while unique in taken:
                unique, number = f"{name} {number}", number + 1
            given[i] = unique
            taken.add(unique)
        self._names = tuple(given)

    def assign(self, window: Window) -> Patterns:
        """The pattern of each API over the window, usually the last day; -1 for one without values.

        Raises:
            NotTrainedError: it was never fitted.
            ValueError: the window lacks a feature.
        """
        if self._card is None:
            raise NotTrainedError("pattern_clusterer has not been trained yet")
        window = self._selected(window, None)
        rows = describe_day(window, self._features, self._usual_of(window.entities))
        known = np.isfinite(rows).all(axis=1)
        return Patterns(window.entities, self._names, np.where(known, _nearest(rows, self._centres), -1))

    def describe(self) -> ModelCard:
        """The model's card.

        Raises:
            NotTrainedError: it was never fitted.
        """
        if self._card is None:
            raise NotTrainedError("pattern_clusterer has not been trained yet")
        return self._card

    def _selected(self, window: Window, excluded: Mask | None) -> Window:
        missing = [f.name for f in self._features if f.name not in window.features]
        if missing:
            raise ValueError(f"window lacks the feature {missing[0]!r}; it has {', '.join(window.features)}")
        values = window.values[:, :, [window.features.index(f.name) for f in self._features]]
        if excluded is not None:
            values = np.where(excluded[:, :, None], np.nan, values)
        return Window(
            window.start, window.step, window.entities, tuple(f.name for f in self._features), values
        )

    def _usual_of(self, entities: Sequence[Entity]) -> Array:
        nothing = np.full(len(self._features), np.nan)
        return np.array([self._usual.get(e, nothing) for e in entities]).reshape(-1, len(self._features))

    def _days(self, window: Window, excluded: Mask | None) -> tuple[Array, NDArray[np.int64]]:
        """Behaviour vectors of all API days (N, C), and the day each belongs to, 0 being the first."""
        usual = self._usual_of(window.entities)
        length = round(_DAY / window.step)
        count = max(1, len(window.values) // length)
        days = []
        for back in range(count, 0, -1):
            end = window.end - _DAY * (back - 1)
            part = window.between(end - _DAY + window.step, end)
            last = len(window.values) - length * (back - 1)
            left_out = None if excluded is None else excluded[last - len(part.values) : last]
            days.append(describe_day(part, self._features, usual, left_out))
        rows = np.concatenate(days)
        day = np.repeat(np.arange(count), len(window.entities))
        known = np.isfinite(rows).all(axis=1)
        return rows[known], day[known]

    def _described(self, window: Window, rows: Array, day: NDArray[np.int64]) -> ModelCard:
        early = day < _HELD_OUT * (day.max(initial=0) + 1)
        accuracy = float("nan")
        if early.any() and not early.all():
            without = _centres(rows[early], self._seed)
            accuracy = _agreement(rows[~early], self._centres, without)
        assigned = _nearest(rows, self._centres)
        sizes = np.bincount(assigned, minlength=len(self._centres))
        return ModelCard(
            name=self.name,
            algorithm="KMeans",
            trained_at=window.end,
            span=(window.start, window.end),
            samples=window.rows,
            accuracy=accuracy,
            accuracy_definition=ACCURACY,
            details={
                "patterns": dict(zip(self._names, sizes.tolist(), strict=True)),
                "traits": list(TRAITS),
                "centres": [[round(x, 3) for x in centre] for centre in self._centres.tolist()],
                "api_days": len(rows),
            },
        )


def _centres(rows: Array, seed: int) -> Array:
    """Centres (K, C) for the number of clusters that separates best; one where nothing separates well."""
    rng = np.random.default_rng(seed)
    if len(rows) > _ROWS:
        rows = rows[np.sort(rng.choice(len(rows), _ROWS, replace=False))]
    best, quality = rows.mean(axis=0, keepdims=True), _LEAST_SILHOUETTE
    distinct = len(np.unique(rows.round(6), axis=0))
    sample = min(len(rows), _SAMPLE)
    for k in range(2, min(_MOST, distinct - 1) + 1):
        model = KMeans(n_clusters=k, n_init=4, random_state=seed).fit(rows)
        centres = np.asarray(model.cluster_centers_)
        if (
            np.bincount(model.labels_, minlength=k).min() < _LEAST_MEMBERS
            or _closest(centres) < _LEAST_DISTANCE
        ):
            continue
        found = float(silhouette_score(rows, model.labels_, sample_size=sample, random_state=seed))
        if found > quality + 0.01:
            best, quality = centres, found
    return np.asarray(best[np.lexsort(best.T[::-1])])


def _closest(centres: Array) -> float:
    """Largest difference in any one trait between the two centres that differ least."""
    first, second = np.triu_indices(len(centres), 1)
    return float(np.abs(centres[first] - centres[second]).max(axis=1).min())


def _nearest(rows: Array, centres: Array) -> NDArray[np.int64]:
    gap = np.square(np.nan_to_num(rows)[:, None] - centres[None]).sum(axis=2)
    return np.asarray(gap.argmin(axis=1))


def _agreement(rows: Array, centres: Array, others: Array) -> float:
    """Share of rows in the same pattern by both sets of centres, patterns matched so that most rows agree."""
    table = np.zeros((len(centres), len(others)))
    np.add.at(table, (_nearest(rows, centres), _nearest(rows, others)), 1.0)
    mine, theirs = linear_sum_assignment(-table)
    return float(table[mine, theirs].sum() / len(rows))
