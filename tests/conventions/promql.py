"""What the conventions ask of an expression: its selectors, the calls around them, and the labels of every series."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import promql_parser as parser

from alert_rules.generate import groups
from alert_rules.model import RecordingRule
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE_INTERVAL: Final = 61
"""Seconds that stand for `$__rate_interval` when an expression is parsed; nobody would write that window by hand."""
_DURATIONS: Final = {"__rate_interval": f"{RATE_INTERVAL}s", "__interval": "59s", "__range": "3599s"}
_TARGET: Final = frozenset({"job", "instance"})
_SUFFIXES: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
BUILT_IN: Final = {
    "up": _TARGET,
    "ALERTS": frozenset({"alertname", "alertstate", "severity", *ml.API_LABELS}),
    "ALERTS_FOR_STATE": frozenset({"alertname", "severity", *ml.API_LABELS}),
    "process_start_time_seconds": _TARGET,
    "process_resident_memory_bytes": _TARGET,
    "process_cpu_seconds_total": _TARGET,
}
"""Series that neither a contract nor a recording rule of ours names, and their labels."""
FOREIGN: Final = re.compile(r"(prometheus|alertmanager|scrape)_\w+")
"""What the servers say of themselves."""


class Selected(NamedTuple):
    """A selector and what surrounds it.

    Attributes:
        name: The metric's name.
        matchers: Label to (operator, value).
        window: Its range in seconds, or None for an instant selector.
        calls: The functions and aggregations around it, from the outside in.
    """

    name: str
    matchers: dict[str, tuple[str, str]]
    window: float | None
    calls: tuple[str, ...]


def fill_in(expr: str) -> str:
    """Return a panel's expression as one that parses: durations for Grafana's own variables, text for the rest."""
    expr = re.sub(r"\$\{?(__\w+?)(_s|_ms)?\}?\b", lambda found: _DURATIONS.get(found[1], "1"), expr)
    return re.sub(r"\[\$\w+", "[1h", expr)


def parse(expr: str) -> Any:
    """Return the expression's tree.

    Raises:
        ValueError: If it is not PromQL.
    """
    return parser.parse(fill_in(expr))


def children(node: Any) -> list[Any]:
    """Return the operands of a node."""
    match node:
        case parser.BinaryExpr():
            return [node.lhs, node.rhs]
        case parser.Call():
            return list(node.args)
        case parser.AggregateExpr():
            return [child for child in (node.param, node.expr) if isinstance(child, parser.Expr)]
        case parser.ParenExpr() | parser.UnaryExpr() | parser.SubqueryExpr():
            return [node.expr]
    return []


def selectors(node: Any, calls: tuple[str, ...] = ()) -> Iterator[Selected]:
    """Yield every selector below a node."""
    if isinstance(node, parser.MatrixSelector):
        yield _selected(node.vector_selector, node.range.total_seconds(), calls)
    elif isinstance(node, parser.VectorSelector):
        yield _selected(node, None, calls)
    if isinstance(node, parser.Call):
        calls = (*calls, node.func.name)
    elif isinstance(node, parser.AggregateExpr):
        calls = (*calls, str(node.op))
    for child in children(node):
        yield from selectors(child, calls)


def _selected(node: Any, window: float | None, calls: tuple[str, ...]) -> Selected:
    operators = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    matchers = {
        matcher.name: (operators[str(matcher.op).rpartition(".")[2]], matcher.value)
        for matcher in node.matchers.matchers
    }
    return Selected(node.name or matchers["__name__"][1], matchers, window, calls)


@cache
def known_series() -> dict[str, frozenset[str]]:
    """Return the labels of every series that a contract or a recording rule names, and of the usual others."""
    series = dict(BUILT_IN)
    for metric in (*raw.METRICS, *ml.METRICS):
        for suffix in _SUFFIXES.get(metric.kind, ("",)):
            le = {"le"} if suffix == "_bucket" else set()
            series[f"{metric.name}{suffix}"] = _TARGET | set(metric.label_names) | le
    for group in groups():
        for rule in group.rules:
            if isinstance(rule, RecordingRule):
                series[rule.record] = labels_of(parse(rule.expr), series) | set(rule.labels)
    return series


def labels_of(node: Any, series: dict[str, frozenset[str]]) -> frozenset[str]:
    """Return the labels that an expression's result can have."""
    match node:
        case parser.VectorSelector():
            return series.get(node.name, _TARGET)
        case parser.MatrixSelector():
            return labels_of(node.vector_selector, series)
        case parser.AggregateExpr():
            return _aggregated(node, series)
        case parser.BinaryExpr():
            return _combined(node, series)
    labels = frozenset().union(*(labels_of(child, series) for child in children(node)))
    return _called(node, labels) if isinstance(node, parser.Call) else labels


def _called(node: Any, labels: frozenset[str]) -> frozenset[str]:
    if node.func.name in {"scalar", "vector", "time"}:
        return frozenset()
    if node.func.name in {"label_replace", "label_join"}:
        return labels | {node.args[1].val}
    return labels - {"le"} if node.func.name == "histogram_quantile" else labels


def _aggregated(node: Any, series: dict[str, frozenset[str]]) -> frozenset[str]:
    if str(node.op) in {"topk", "bottomk"}:
        return labels_of(node.expr, series)
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    if str(node.modifier.type).endswith("By"):
        return named
    return labels_of(node.expr, series) - named


def _combined(node: Any, series: dict[str, frozenset[str]]) -> frozenset[str]:
    left, right = labels_of(node.lhs, series), labels_of(node.rhs, series)
    if str(node.op) in {"and", "unless"}:
        return left
    return left | right
