"""Isolation Forest on features in context: how odd is this combination, for all APIs in one call?

Fitted by scikit-learn, scored by a walk down all trees at once in numpy, which costs a twentieth of
`IsolationForest.score_samples` per call on few rows and gives the same numbers.

A forest has no split beyond the range it was trained on, so that everything outside gets the same depth and its score
saturates just where one row in thousands must be told from the rest. Hence the scaffold: copies of training rows with
one or two columns drawn far outside. The answer is the logit of the forest's score, whose tail is exponential.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array

TREES = 64
SAMPLE = 256
TRAIN_ROWS = 5000
SCAFFOLD_SHARE = 0.1
SCAFFOLD_COLUMNS = 1.5
REACH = 7.0
"""Scaffold rows reach +-7 on the squashed scale sign(z) log(1 + |z|), about 1,100 spreads."""
Index = NDArray[np.int32]


@dataclass(frozen=True)
class Forest:
    """Trees as arrays, (trees, nodes); a leaf is its own child.

    Attributes:
        feature: column a node asks about.
        threshold: go left where the value is at most this.
        children: (trees, nodes, 2), left and right.
        depth: path length credited to a leaf, (trees, nodes).
        levels: steps after which every row is in a leaf.
        scale: path length expected of a row that is not odd.
    """

    feature: Index
    threshold: Array
    children: Index
    depth: Array
    levels: int
    scale: float

    def oddness(self, columns: Array) -> Array:
        """Logit of the forest's anomaly score (Liu, Ting & Zhou 2008), higher is odder, for rows (n, D)."""
        trees, nodes = self.feature.shape
        base = (np.arange(trees, dtype=np.int64) * nodes)[None, :]
        at = np.broadcast_to(base, (len(columns), trees)).copy()
        feature, threshold = self.feature.ravel(), self.threshold.ravel()
        children = self.children.reshape(-1, 2)
        row = np.arange(len(columns))[:, None]
        single = columns.astype(np.float32)
        for _ in range(self.levels):
            right = single[row, feature[at]] > threshold[at]
            at = base + children[at, right.astype(np.intp)]
        length = self.depth.ravel()[at]
        total = length[:, 0].copy()
        for tree in range(1, trees):
            total += length[:, tree]
        share = np.exp2(-total / (trees * self.scale))
        share = np.clip(share, 1e-6, 1 - 1e-6)
        return np.asarray(np.log(share / (1 - share)))


def _average_path(n: Array) -> Array:
    """Mean depth of an unsuccessful search in a binary tree of n rows."""
    safe = np.maximum(n, 2.0)
    path = 2.0 * (np.log(safe - 1.0) + np.euler_gamma) - 2.0 * (safe - 1.0) / safe
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, path))


def scaffolded(rows: Array, rng: np.random.Generator) -> Array:
    """The rows and a tenth more with about 1.5 columns each drawn far outside."""
    extra = rows[rng.integers(0, len(rows), max(4, int(SCAFFOLD_SHARE * len(rows))))].copy()
    hit = rng.random(extra.shape) < SCAFFOLD_COLUMNS / extra.shape[1]
    signed = rows.min(axis=0) < -0.5
    sign = np.where(signed & (rng.random(extra.shape) < 0.5), -1.0, 1.0)
    return np.concatenate([rows, np.where(hit, sign * rng.uniform(0, REACH, extra.shape), extra)])


def grow(rows: Array, seed: int) -> Forest:
    """Fit a forest on rows (n, D), n >= 2; the same rows and seed give the same forest."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - slow to load, and one feature alone needs none

    rng = np.random.default_rng(seed)
    if len(rows) > TRAIN_ROWS:
        rows = rows[np.sort(rng.choice(len(rows), TRAIN_ROWS, replace=False))]
    train = scaffolded(rows, rng).astype(np.float32)
    sample = min(SAMPLE, len(train))
    model = IsolationForest(n_estimators=TREES, max_samples=sample, random_state=seed).fit(train)
    trees = [estimator.tree_ for estimator in model.estimators_]
    nodes = max(tree.node_count for tree in trees)
    feature = np.zeros((TREES, nodes), dtype=np.int32)
    threshold = np.full((TREES, nodes), np.inf)
    children = np.tile(np.arange(nodes, dtype=np.int32)[None, :, None], (TREES, 1, 2))
    depth = np.zeros((TREES, nodes))
    for i, tree in enumerate(trees):
        n = tree.node_count
        inner = np.flatnonzero(tree.children_left >= 0)
        feature[i, inner] = tree.feature[inner]
        threshold[i, inner] = tree.threshold[inner]
        children[i, inner, 0] = tree.children_left[inner]
        children[i, inner, 1] = tree.children_right[inner]
        depth[i, :n] = tree.compute_node_depths() - 1 + _average_path(tree.n_node_samples.astype(np.float64))
    levels = int(max(tree.max_depth for tree in trees))
    return Forest(feature, threshold, children, depth, levels, float(_average_path(np.array(float(sample)))))
