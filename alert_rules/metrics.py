"""What people may name in a custom rule, and the PromQL it stands for."""

from __future__ import annotations

import difflib
import re
from typing import Final, NamedTuple

from alert_rules.errors import InvalidRuleError
from collector import contract as raw
from ml_sidecar import contract as ml

_FEATURES: Final = {series: feature for feature, series in ml.RECORDED.items()}
_RECORDED: Final = {*ml.RECORDED.values(), ml.RESPONSE_TIME_P95, ml.ALERTS_ACTIVE}
_EXPOSED: Final[dict[str, raw.Metric | ml.Metric]] = {
    metric.name: metric for metric in (*raw.METRICS, *ml.METRICS)
}
_SIDECAR: Final = {metric.name for metric in ml.METRICS}
_OUR_NAME: Final = re.compile(r"rapidapi_\w*")


class Resolved(NamedTuple):
    """An expression, and what is known about it.

    Attributes:
        expr: The PromQL.
        needs_sidecar: Whether it is worth nothing once the sidecar is silent.
        per_api: Whether its series carry the labels of one API, as far as is known.
        feature: The feature that it is, if it is one.
    """

    expr: str
    needs_sidecar: bool = False
    per_api: bool = False
    feature: str | None = None


def resolve(metric: str) -> Resolved:
    """Return the expression for a feature, an alias, a contract name or any PromQL.

    Replicas of what is exposed are aggregated away. `performance_trend` is the trend of the success rate, in points
    per day; `ml_anomaly` is the anomaly score.

    Raises:
        InvalidRuleError: If the name is a counter or a histogram, looks like one of ours but is not, or is empty.
    """
    text = metric.strip()
    if not text:
        raise InvalidRuleError("metric", "is empty; give a metric name or a PromQL expression")
    name = ml.RECORDED.get(text) or ml.MISSION_ALIASES.get(text, text)
    if name in _FEATURES:
        return Resolved(name, per_api=True, feature=_FEATURES[name])
    if name in _RECORDED:
        return Resolved(name, per_api=name != ml.ALERTS_ACTIVE)
    if name in _EXPOSED:
        return _exposed(_EXPOSED[name], of_success_rate=text in ml.MISSION_ALIASES)
    if _OUR_NAME.fullmatch(name):
        raise InvalidRuleError("metric", f"there is no {name!r}{_similar(name)}")
    return Resolved(f"(\n{text}\n)")


def _exposed(metric: raw.Metric | ml.Metric, *, of_success_rate: bool) -> Resolved:
    if metric.kind != "gauge":
        example = metric.name if metric.kind == "counter" else f"{metric.name}_count"
        raise InvalidRuleError(
            "metric",
            f"{metric.name} is a {metric.kind}, which only rises; give an expression, as rate({example}[5m])",
        )
    chosen = f'{{feature="{ml.SUCCESS_RATE}"}}' if of_success_rate and "feature" in metric.labels else ""
    expr = f"max by ({', '.join(metric.label_names)}) ({metric.name}{chosen})"
    return Resolved(expr, needs_sidecar=metric.name in _SIDECAR, per_api=metric.per_api)


def _similar(name: str) -> str:
    close = difflib.get_close_matches(name, sorted(_RECORDED | _EXPOSED.keys()), n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""
