"""Why a score is what it is, in one sentence a person on call understands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from ml_sidecar.features import Entity, Feature
from ml_sidecar.localtime import LocalTime
from ml_sidecar.results import Scores

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DASH = "\u2013"
_BESIDE = 0.2
"""From this share of the score on a second feature is named where the first lies within its band."""
_UNITS = {"percent": " %", "per_minute": "/min", "ratio": "", "none": ""}
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")


def reason(
    feature: Feature,
    value: float,
    expected: tuple[float, float, float],
    local_seconds: float,
    share: float,
    beside: str = "",
) -> str:
    """A sentence such as "response time 2.4 s, expected 0.3 to 0.6 s for a Sunday at 14:00; 83 % of the score".

    With a value within its band and another feature beside it: "..., but unusual beside requests 512/min; 55 % of the score".

    Args:
        feature: the feature that contributed most.
        value: what was seen, NaN where nothing was.
        expected: what is normal, and the lower and upper end of that; NaN where not known.
        local_seconds: local time of the API, seconds since the epoch.
        share: its share of the score, 0 to 1.
        beside: what another feature shows that has much to do with the score.
    """
    unit, factor = _scale(feature.unit, (value, *expected))
    seen = _seen(value, unit, factor)
    middle, lower, upper = (x * factor for x in expected)
    moment = datetime.fromtimestamp(local_seconds, UTC)
    when = f"for a {DAYS[moment.weekday()]} at {moment:%H:%M}"
    if np.isfinite(lower) and np.isfinite(upper):
        ends = [_number(lower), _number(upper)]
        normal = f"expected {ends[0] if ends[0] == ends[1] else _DASH.join(ends)}{unit} {when}"
    elif np.isfinite(middle):
        normal = f"expected {_number(middle)}{unit} {when}"
    else:
        normal = "nothing known yet to compare it with"
    percent = f"; {round(100 * share)} % of the score" if np.isfinite(share) else ""
    inside = expected[1] <= value <= expected[2]
    together = f", but unusual beside {beside}" if beside and inside else ""
    return f"{feature.label} {seen}, {normal}{together}{percent}"


def reason_for(scores: Scores, entity: Entity, features: Sequence[Feature], local: LocalTime) -> str:
    """Why an API has the last of these scores: the sentence of the feature that contributed most.

    Raises:
        ValueError: the scores do not hold the API.
    """
    column = scores.entities.index(entity)
    shares = scores.contributions[-1, column]
    if not np.isfinite(shares).any():
        return "nothing reported"
    k = int(np.nanargmax(shares))
    value, middle, lower, upper = (
        float(x[-1, column, k]) for x in (scores.value, scores.expected, scores.lower, scores.upper)
    )
    seconds = float(local.local(scores.times[-1:], [entity])[0, 0])
    others = np.where(np.arange(len(shares)) == k, 0.0, np.nan_to_num(shares))
    second = int(others.argmax())
    beside = (
        _beside(features[second], float(scores.value[-1, column, second]))
        if others[second] >= _BESIDE
        else ""
    )
    return reason(features[k], value, (middle, lower, upper), seconds, float(shares[k]), beside)


def _beside(feature: Feature, value: float) -> str:
    return f"{feature.label} {_seen(value, *_scale(feature.unit, (value,)))}"


def _seen(value: float, unit: str, factor: float) -> str:
    return f"{_number(value * factor)}{unit}" if np.isfinite(value) else "absent"


def _scale(unit: str, values: tuple[float, ...]) -> tuple[str, float]:
    """Unit to print and the factor that turns the feature's unit into it."""
    known = [abs(x) for x in values if np.isfinite(x)]
    most = max(known, default=0.0)
    if unit == "seconds":
        return (" ms", 1000.0) if most < 0.1 else (" s", 1.0)
    if unit == "bytes":
        power = min(int(np.log2(most) // 10), len(_BYTES) - 1) if most >= 1 else 0
        return f" {_BYTES[power]}", 1.0 / 1024**power
    return _UNITS.get(unit, f" {unit}"), 1.0


def _number(value: float) -> str:
    """Two or three significant digits, no exponent where a person would write none."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-4:
        return f"{value:.3g}"
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 4
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text
