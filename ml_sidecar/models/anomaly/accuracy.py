"""How well does the detector do on a day it has not seen, with faults put into copies of that day?"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from ml_sidecar.episodes import EpisodeTracker
from ml_sidecar.features import Array, Direction, Feature, Mask, Window
from ml_sidecar.models.anomaly.grid import DAY, HOUR
from ml_sidecar.results import Scores, threshold_of

if TYPE_CHECKING:
    from ml_sidecar.models.anomaly_detector import AnomalyDetector

ACCURACY = (
    "Balanced accuracy on the last day of the training window, scored before it was learnt: mean of the share of "
    "injected one-hour faults (outage, step, partial errors; one of each per API) found while they last, and the share "
    "of API hours without an open episode in that day as it was."
)
FAULTS = ("outage", "step", "errors")
FAULT_HOURS = 1.0


def balanced_accuracy(
    detector: AnomalyDetector, window: Window, excluded: Mask | None
) -> tuple[float, dict[str, float]]:
    """Walk the detector over the window and measure it on the last day.

    Returns:
        Balanced accuracy, 0 to 1, higher is better, NaN for a window of less than three days; and its parts.
    """
    cut = window.end - DAY
    if cut - window.start < 2 * DAY:
        detector.walk(window, excluded)
        return float("nan"), {}
    past, held = window.between(window.start, cut), window.between(cut + window.step / 2, window.end)
    masks = (None, None) if excluded is None else (excluded[: len(past.values)], excluded[len(past.values) :])
    detector.walk(past, masks[0])
    judges = [copy.deepcopy(detector) for _ in FAULTS]
    scores = detector.walk(held, masks[1])
    seen = np.isfinite(scores.expected_per_week)
    if masks[1] is not None:
        seen &= ~masks[1]
    if not seen.any():
        return float("nan"), {}
    quiet = 1.0 - (_open(scores, detector.budget) & seen).sum() / seen.sum()
    found = {
        f"found_{kind}": _found(judge, held, kind, detector.features, scores, detector.seed + i)
        for i, (kind, judge) in enumerate(zip(FAULTS, judges, strict=True))
    }
    known = [share for share in found.values() if np.isfinite(share)]
    recall = float(np.mean(known)) if known else float("nan")
    return (recall + float(quiet)) / 2, {"quiet_hours": float(quiet), **found}


def _open(scores: Scores, budget: float) -> Mask:
    step = float(scores.times[1] - scores.times[0]) if len(scores.times) > 1 else 300.0
    return EpisodeTracker(threshold_of(budget), step=step).observe(scores).is_anomaly


def _found(
    judge: AnomalyDetector, held: Window, kind: str, features: tuple[Feature, ...], scores: Scores, seed: int
) -> float:
    """Share of the APIs in which a fault of this kind is found."""
    rng = np.random.default_rng(seed)
    rows, apis, _ = held.values.shape
    length = max(1, round(FAULT_HOURS * HOUR / held.step))
    first = rng.integers(rows // 8, max(rows // 8 + 1, rows - length), apis)
    at = np.arange(rows)[:, None]
    faulty = (at >= first) & (at < first + length)
    values = _injected(held.values, faulty, kind, features, scores)
    touched = ((values != held.values) & np.isfinite(values)).any(axis=(0, 2))
    if not touched.any():
        return float("nan")
    window = Window(held.start, held.step, held.entities, held.features, values)
    hit = (_open(judge.walk(window), judge.budget) & faulty).any(axis=0)
    return float(hit[touched].mean())


def _injected(values: Array, faulty: Mask, kind: str, features: tuple[Feature, ...], scores: Scores) -> Array:
    """A copy of the values with the fault in it.

    Features with two ends (shares, percentages) go to their bad end in an outage and a quarter of the way there
    under partial errors; open-ended ones rise (or fall) by their expected value or four half bands, whichever is more.
    """
    result = values.copy()
    for k, feature in enumerate(features):
        up = feature.direction is not Direction.BELOW
        bounded = np.isfinite(feature.maximum - feature.minimum)
        seen = values[..., k]
        if bounded and kind != "step":
            end = feature.maximum if up else feature.minimum
            new = seen + (1.0 if kind == "outage" else 0.25) * (end - seen)
        elif not bounded and kind == "step" and feature.direction is not Direction.BOTH:
            jump = np.fmax(np.abs(scores.expected[..., k]), 2 * (scores.upper - scores.lower)[..., k])
            new = np.clip(seen + (jump if up else -jump), feature.minimum, feature.maximum)
        else:
            continue
        result[..., k] = np.where(faulty & np.isfinite(new), new, seen)
    return result
