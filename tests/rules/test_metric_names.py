"""Every metric that a rule, an annotation or a panel names is one that somebody writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alert_rules.generate import PROVISIONING, groups
from alert_rules.model import AlertingRule, RecordingRule
from collector import contract as raw
from dashboards.generate import dashboards
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILT_IN = {"up", "ALERTS"}
KEYWORDS = {
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "and",
    "or",
    "unless",
    "offset",
    "bool",
}


def _names(expr: str) -> set[str]:
    """Return the metric names of an expression: identifiers that are no function, keyword, label or string."""
    bare = re.sub(r'"(\\.|[^"\\])*"', "", expr)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\boffset\s+\w+", "", bare)
    found = re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])", bare)
    return {name for name in found if name not in KEYWORDS}


def _series_of(metric: raw.Metric | ml.Metric) -> set[str]:
    if metric.kind == "histogram":
        return {f"{metric.name}{suffix}" for suffix in ("_bucket", "_sum", "_count")}
    return {metric.name}


def _recorded() -> set[str]:
    return {rule.record for group in groups() for rule in group.rules if isinstance(rule, RecordingRule)}


def _known() -> set[str]:
    exposed = {name for metric in (*raw.METRICS, *ml.METRICS) for name in _series_of(metric)}
    return exposed | _recorded() | BUILT_IN


def _panel_expressions(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", []))
        yield from _panel_expressions(panel.get("panels", []))


def test_the_extraction_finds_metric_names() -> None:
    """The test's own reading of PromQL sees names and nothing but names."""
    expr = 'sum by (a, le) (rate(x_total{a="b c", d=~"$e"}[5m] offset 5m)) / on (a) group_left (b) api:y:z > bool 0.5 and up'
    assert _names(expr) == {"x_total", "api:y:z", "up"}


def test_rules_read_only_what_somebody_writes() -> None:
    """A metric renamed in a contract cannot leave a dead rule behind."""
    unknown = {rule.expr: _names(rule.expr) - _known() for group in groups() for rule in group.rules}
    assert {expr: names for expr, names in unknown.items() if names} == {}


def test_annotations_read_only_what_somebody_writes() -> None:
    """What an alert looks up for its text exists."""
    texts = [
        rule.annotations["description"]
        for group in groups()
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    ]
    named = set(re.findall(r"rapidapi_\w+", " ".join(texts)))
    assert named
    assert named <= _known()


def test_panels_and_variables_read_only_what_somebody_writes() -> None:
    """A metric renamed in a contract cannot leave a dead panel, variable or annotation behind."""
    for board in dashboards().values():
        annotations = [entry["target"]["expr"] for entry in board["annotations"]["list"]]
        for expr in [*_panel_expressions(board["panels"]), *annotations]:
            assert _names(expr) - _known() == set(), expr
        queries = [item["query"]["query"] for item in board["templating"]["list"] if item["type"] == "query"]
        for query in queries:
            assert re.findall(r"rapidapi_\w+", query), query
            assert set(re.findall(r"rapidapi_\w+", query)) <= _known(), query


def test_the_contract_names_what_the_rules_record() -> None:
    """The names that the models read are those that the rules write, one by one."""
    own = {name for name in _recorded() if name.startswith("api:rapidapi_api_fresh:")}
    assert _recorded() - own == {*ml.RECORDED.values(), ml.RESPONSE_TIME_P95, ml.ALERTS_ACTIVE}


def test_no_generated_file_names_an_unknown_metric_of_ours() -> None:
    """Nothing that the servers mount mentions a metric of ours that does not exist, wherever it stands."""
    known = _known() | {metric.name for metric in raw.METRICS} | {"rapidapi_overview"}
    for path in (PROVISIONING / "prometheus" / "rules").glob("*.yml"):
        if path.name != "custom.yml":
            assert set(re.findall(r"\brapidapi_\w+", path.read_text())) <= known | {"rapidapi_api_fresh"}, (
                path
            )
