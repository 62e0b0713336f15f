"""From the E of each view to one E for the API, and each feature's share in it."""

from __future__ import annotations

import numpy as np

from ml_sidecar.features import Array, Mask
from ml_sidecar.models.anomaly.calibration import QUIET
from ml_sidecar.models.anomaly.views import FAMILIES

SURPRISE = (-1.0, 4.0)
"""A view's -log10 E is clipped here: none can veto, none can decide alone."""
ABSENT = -2.0
MAP_LEVEL, MAP_SLOPE = -0.29, 4.2
"""One law for every series: E = .25 a week at a mean surprise of -.29, e^4.2 times fewer per unit of it."""


def surprise(expected: Array) -> tuple[Array, Array]:
    """How strange a value is by all families together, and by the one that finds it strangest.

    A family's surprise is its strongest view's -log10 E, less half of log10 of the number of its views: the price of looking
    more than once, views of one family being strongly dependent.

    Args:
        expected: (VIEWS, T, N), E of each view.

    Returns:
        Mean and maximum over the families, (T, N) each, higher is stranger.
    """
    each = np.clip(-np.log10(expected), *SURPRISE)
    families = []
    for members in FAMILIES.values():
        strongest = each[members[0]]
        for view in members[1:]:
            strongest = np.maximum(strongest, each[view])
        families.append(strongest - 0.5 * np.log10(len(members)))
    total, most = families[0], families[0]
    for family in families[1:]:
        total, most = total + family, np.maximum(most, family)
    return total / len(families), most


def law(mean: Array, most: Array) -> Array:
    """Surprise to E, peaks a week, never rarer than its rarest aspect.

    The law holds where families agree by more than chance; where they all see the same single thing, as in a series that
    is constant but for rare lumps, six answers are one.
    """
    together = 0.25 * np.exp(-MAP_SLOPE * (mean - MAP_LEVEL))
    return np.asarray(np.maximum(together, 10.0**-most))


def unlawful(expected: Array) -> Array:
    """The surprise at which the law would have given this E: for what one view alone has decided."""
    return np.asarray(MAP_LEVEL - np.log(expected / 0.25) / MAP_SLOPE)


def joined(single: Array, joint: Array, there: Mask) -> Array:
    """E of the API: the rarest answer, times the number of questions asked.

    Args:
        single: (T, A, F), E of each feature.
        joint: (T, A), E of the features together.
        there: (T, A, F), True where the feature was seen.

    Returns:
        (T, A); NaN where nothing was seen.
    """
    features = there.sum(axis=2)
    rarest = np.where(there, single, np.inf).min(axis=2)
    together = np.where(features > 1, joint, np.inf)
    result = np.minimum(np.minimum(rarest, together) * asked(there), QUIET)
    return np.where(features > 0, result, np.nan)


def asked(there: Mask) -> Array:
    """How many independent questions an API's features, and they together, come to, (T, A).

    Between one and all: an error rate mirrors a success rate, latency rises with errors.
    """
    features = there.sum(axis=2)
    return np.asarray((1 + features + (features > 1)) / 2)


def contributions(mean_surprise: Array, single: Array, joint: Array, odd: Array, there: Mask) -> Array:
    """Share of each feature in the surprise, (T, A, F); sums to 1 where anything was seen, else NaN.

    Features share by the square of their surprise above silence; what is due to the joint views is shared by the square of
    how odd each is beside the others.
    """
    features = there.sum(axis=2)
    own = np.where(there, np.maximum(mean_surprise - SURPRISE[0], 0.0) ** 2 + 1e-9, 0.0)
    off = np.where(there, odd**2 + 1e-9, 0.0)
    rarest = np.where(there, single, np.inf).min(axis=2)
    weight = np.where(features > 1, rarest / (rarest + joint), 0.0)[..., None]
    with np.errstate(invalid="ignore"):
        shares = (1 - weight) * _shares(own) + weight * _shares(off)
    return np.where((features > 0)[..., None], shares, np.nan)


def _shares(x: Array) -> Array:
    total = x[..., 0].copy()
    for k in range(1, x.shape[-1]):
        total += x[..., k]
    return np.asarray(x / np.where(total > 0, total, np.nan)[..., None])
