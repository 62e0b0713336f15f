"""Every metric that a rule, an annotation or a panel names is one that somebody writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alert_rules.foreign import BUILT_IN
from alert_rules.generate import PROVISIONING, groups
from alert_rules.model import AlertingRule, RecordingRule
from collector import contract as raw
from dashboards.generate import dashboards
from ml_sidecar import contract as ml
from tests.conventions.promql import FOREIGN, known_series, parse, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator


def _unknown(expr: str) -> set[str]:
    """Return the metric names of an expression that nobody writes."""
    names = {selected.name for selected in selectors(parse(expr))}
    return {name for name in names - known_series().keys() - BUILT_IN if not FOREIGN.fullmatch(name)}


def _recorded() -> set[str]:
    return {rule.record for group in groups() for rule in group.rules if isinstance(rule, RecordingRule)}


def _panel_expressions(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", []))
        yield from _panel_expressions(panel.get("panels", []))


def test_an_unknown_name_is_found() -> None:
    """A name that no contract, rule or server knows is seen, wherever it stands."""
    assert _unknown('rapidapi_ml_anomaly and on (a) (rate(x_total{b="c"}[5m]) > 0) unless up') == {"x_total"}


def test_rules_read_only_what_somebody_writes() -> None:
    """A metric renamed in a contract cannot leave a dead rule behind."""
    unknown = {rule.expr: _unknown(rule.expr) for group in groups() for rule in group.rules}
    assert {expr: names for expr, names in unknown.items() if names} == {}


def test_annotations_read_only_what_somebody_writes() -> None:
    """What an alert looks up for its text exists."""
    texts = [
        rule.annotations["description"]
        for group in groups()
        for rule in group.rules
        if isinstance(rule, AlertingRule)
    ]
    named = set(re.findall(r"(?<![:\w])rapidapi_\w+", " ".join(texts)))
    assert named
    assert named <= known_series().keys()


def test_panels_and_variables_read_only_what_somebody_writes() -> None:
    """A metric renamed in a contract cannot leave a dead panel, variable or annotation behind."""
    for board in dashboards().values():
        annotations = [entry["target"]["expr"] for entry in board["annotations"]["list"]]
        for expr in [*_panel_expressions(board["panels"]), *annotations]:
            assert _unknown(expr) == set(), expr
        queries = [item["query"]["query"] for item in board["templating"]["list"] if item["type"] == "query"]
        for query in queries:
            assert set(re.findall(r"rapidapi_\w+", query)) <= known_series().keys(), query


def test_the_contract_names_what_the_rules_record() -> None:
    """The names that the models read are those that the rules write, one by one."""
    own = re.compile(r"api:rapidapi_api_(fresh|slo|requests).*")
    shared = {name for name in _recorded() if not own.fullmatch(name)}
    assert shared == {*ml.RECORDED.values(), ml.RESPONSE_TIME_P95, ml.ALERTS_ACTIVE}


def test_no_generated_file_names_an_unknown_metric_of_ours() -> None:
    """Nothing that the servers mount mentions a metric of ours that does not exist, wherever it stands."""
    known = known_series().keys() | {metric.name for metric in raw.METRICS} | set(dashboards())
    for path in (PROVISIONING / "prometheus" / "rules").glob("*.yml"):
        if path.name != "custom.yml":
            named = set(re.findall(r"(?<![:\w])rapidapi_\w+", path.read_text()))
            assert named <= known, path
