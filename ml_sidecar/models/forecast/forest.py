"""The learned candidate: one Random Forest per feature for all APIs, on the change from the present value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

TREES = 32
FIT_ROWS = 12_000
LEAST_ROWS = 60


class ChangeForest:
    """Random Forest regressor whose leaves answer with medians.

    The forest splits by squared error, which is fast; each leaf then answers with the median of its rows, because
    forecasts are judged by their absolute error (as gradient boosting does for absolute loss, Friedman 2001).

    Args:
        seed: of the bootstrap and the choice of columns.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._forest: RandomForestRegressor | None = None
        self.rows = 0

    @property
    def fitted(self) -> bool:
        """Whether there has been enough to learn from."""
        return self._forest is not None

    def fit(self, columns: NDArray[np.float32], change: Array) -> None:
        """Learn.

        Args:
            columns: (N, C), finite.
            change: (N,), change to the target in units of the series' scale; the outer 1 % at either end is winsorised.
        """
        if len(change) < LEAST_ROWS:
            return
        rng = np.random.default_rng(self._seed)
        if len(change) > FIT_ROWS:
            chosen = np.sort(rng.choice(len(change), FIT_ROWS, replace=False))
            columns, change = columns[chosen], change[chosen]
        from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415 - slow to load, and not always needed

        tame = np.clip(change, *np.quantile(change, [0.01, 0.99]))
        forest = RandomForestRegressor(
            n_estimators=TREES,
            min_samples_leaf=8,
            max_features=0.33,
            max_samples=0.6,
            random_state=self._seed,
        )
        forest.fit(columns, tame)
        for tree in forest.estimators_:
            _answer_medians(tree.tree_, columns, tame)
        self._forest, self.rows = forest, len(change)

    def predict(self, columns: NDArray[np.float32]) -> Array:
        """Change expected, (N,), in units of the series' scale."""
        if self._forest is None:
            return np.zeros(len(columns))
        total = np.zeros(len(columns))
        for (
            tree
        ) in self._forest.estimators_:  # the trees themselves: the forest's own call costs milliseconds
            total += tree.tree_.predict(columns)[:, 0]
        return total / TREES


def _answer_medians(tree: object, columns: NDArray[np.float32], change: Array) -> None:
    leaf = tree.apply(columns)  # type: ignore[attr-defined]  # scikit-learn publishes no types
    order = np.lexsort((change, leaf))
    leaves, first, count = np.unique(leaf[order], return_index=True, return_counts=True)
    ordered = change[order]
    middle = (ordered[first + (count - 1) // 2] + ordered[first + count // 2]) / 2
    tree.value[leaves, 0, 0] = middle  # type: ignore[attr-defined]  # as above
