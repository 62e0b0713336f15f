"""Statements R1 to R24 about rules, read from the generated files as Prometheus reads them."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import promql_parser as parser
import yaml

from alert_rules.generate import PROVISIONING, groups, rule_files
from alert_rules.servers import prometheus_config
from alert_rules.settings import DEFAULT, Settings
from dashboards.generate import dashboards
from demo.tools import tool
from tests.conventions.exemptions import hold
from tests.conventions.promql import parse, selectors
from tests.conventions.rules import Node, alerts, files, name_of, nodes, rules, seconds

ROOT: Final = PROVISIONING.parent
PAGES: Final = {
    "RapidAPIDown",
    "RapidAPISuccessRateLow",
    "RapidAPIResponseTimeHigh",
    "RapidAPIErrorBudgetBurn",
    "RapidAPICertificateExpiring",
    "RapidAPIManyDown",
    "CollectorDown",
}
"""All that may wake somebody."""
PREFIXES: Final = "RapidAPI|MLSidecar|MLModel|Collector|Prometheus|Alertmanager"
COMPONENTS: Final = {"api", "ml", "model", "sidecar", "collector", "prometheus", "alertmanager", "pipeline"}
LEVELS: Final = {"api": {"api_name", "environment"}}
"""First part of a recorded name: the labels it says that the series has."""
_COMPARISONS: Final = {">", "<", ">=", "<=", "==", "!="}


def test_r1_prometheus_finds_no_fault() -> None:
    """The strictest lint of promtool passes, the configuration loads, and a misspelt key would have been noticed."""
    paths = sorted((PROVISIONING / "prometheus" / "rules").glob("*.yml"))
    command = [tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal"]
    assert subprocess.run([*command, *paths], capture_output=True, check=False).returncode == 0
    config = [tool("promtool"), "check", "config", PROVISIONING / "prometheus" / "prometheus.yml"]
    assert subprocess.run(config, capture_output=True, check=False).returncode == 0


def test_r1_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    """`forr` is no `for`."""
    path = tmp_path / "rules.yml"
    path.write_text(rule_files()["availability.yml"].replace("for: 2m", "forr: 2m"))
    assert subprocess.run(
        [tool("promtool"), "check", "rules", path], capture_output=True, check=False
    ).returncode


def test_r2_names_follow_the_convention() -> None:
    """An alert's name begins with what it is about; a recorded one is level:metric:operations, without `_total`."""

    def problems() -> Iterator[tuple[str, str]]:
        for rule in rules():
            if "alert" in rule:
                if not re.fullmatch(rf"({PREFIXES})([A-Z][A-Za-z]+)", rule["alert"]):
                    yield rule["alert"], "no component before the name"
            elif (
                not re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", rule["record"])
                or "_total" in rule["record"]
            ):
                yield rule["record"], "not level:metric:operations"

    hold("R2", problems())


def test_r2_levels_are_the_labels() -> None:
    """What a recorded name says of its labels is so."""
    for rule in rules():
        level = rule.get("record", "").partition(":")[0]
        if level in LEVELS:
            grouped = re.findall(r"by \(([^)]*)\)", rule["expr"])
            assert all(LEVELS[level] <= {*labels.split(", ")} for labels in grouped), rule["record"]


def test_r3_labels_say_how_bad_and_what() -> None:
    """Severity, component and kind come from fixed sets; no label holds a value that moves."""
    for rule in alerts():
        labels = rule["labels"]
        assert labels["severity"] in {"critical", "warning", "info", "none"}
        assert labels["component"] in COMPONENTS
        assert labels["kind"]
        assert not re.search(r"\{\{|\$", "".join(labels.values()))


def test_r4_annotations_are_complete() -> None:
    """Every alert has a constant summary, a description that says what was expected and seen, and both links."""
    for rule in alerts():
        said = rule["annotations"]
        assert set(said) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert re.fullmatch(r"[A-Z][^{$]+\.", said["summary"]), rule["alert"]
        assert said["runbook_url"].endswith("#" + rule["alert"].lower())
        if rule["alert"] != "Watchdog":
            assert re.search("expected", said["description"], re.IGNORECASE), rule["alert"]
            assert "seen" in said["description"], rule["alert"]
            assert "$labels" in said["description"] or "$value" in said["description"], rule["alert"]


def test_r4_dashboards_exist() -> None:
    """The dashboard that an alert leads to is one that is generated."""
    for rule in alerts():
        assert re.findall(r"/d/(\w+)", rule["annotations"]["dashboard_url"])[0] in dashboards()


def test_r5_runbook_links_lead_somewhere() -> None:
    """Each link resolves to a heading, whose section says what it means, how to confirm it, and what to do."""
    for rule in alerts():
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        text = (ROOT / page).read_text(encoding="utf-8")
        sections = {
            part.split("\n")[0].strip().lower(): part for part in re.split(r"^## ", text, flags=re.MULTILINE)
        }
        for words in ("**What it means.**", "**Confirm it.**", "**What to do.**"):
            assert words in sections[anchor], anchor
        assert sections[anchor].count("```promql") == 1, anchor


def test_r5_no_section_of_the_runbook_is_left_over() -> None:
    """Whatever the runbook explains still exists, and its links among themselves resolve."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert set(headings) == {rule["alert"] for rule in alerts()} | {"Custom rules"}
    assert len(headings) == len(set(headings))
    assert {*re.findall(r"\]\(#([\w-]+)\)", text)} <= {heading.lower() for heading in headings}


def test_r5_queries_of_the_runbook_are_promql(tmp_path: Path) -> None:
    """Every query that the runbook offers is one that Prometheus takes."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    queries = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "runbook", "rules": rules}]}))
    checked = subprocess.run(
        [tool("promtool"), "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_r6_alerts_wait_for_a_second_look() -> None:
    """No alert fires on a single evaluation."""
    waits = (
        (rule["alert"], "fires at once")
        for group in files().values()
        for rule in group["rules"]
        if "alert" in rule and seconds(rule.get("for", "0s")) < seconds(group["interval"])
    )
    hold("R6", waits)


def test_r7_alerts_that_rest_on_the_sidecar_are_held() -> None:
    """A restart of the sidecar resolves nothing that it has said; proofs show the hold and the release."""
    unheld = (
        (name_of(rule), "no keep_firing_for")
        for rule in alerts()
        if rule["labels"]["component"] == "ml" and "keep_firing_for" not in rule
    )
    hold("R7", unheld)


def _decides(node: Node) -> bool:
    """Whether an expression yields something only where something is wrong."""
    match node:
        case parser.ParenExpr():
            return _decides(node.expr)
        case parser.Call():
            return node.func.name in {"absent", "absent_over_time"}
        case parser.BinaryExpr():
            operator = str(node.op)
            if operator == "or":
                return _decides(node.lhs) and _decides(node.rhs)
            if operator == "and":
                return _decides(node.lhs) or _decides(node.rhs)
            return operator == "unless" or operator in _COMPARISONS
    return False


def test_r8_expressions_end_in_a_decision() -> None:
    """No alert fires because a series merely exists."""
    hold("R8", ((rule["alert"], "no comparison") for rule in alerts() if not _decides(parse(rule["expr"]))))


def test_r9_absence_is_looked_at_twice_and_names_what_is_absent() -> None:
    """An alert on absence waits for two scrapes; its selector says the job, so that the alert does."""

    def problems() -> Iterator[tuple[str, str]]:
        for rule in alerts():
            for node in nodes(rule["expr"]):
                if not isinstance(node, parser.Call) or node.func.name not in {"absent", "absent_over_time"}:
                    continue
                [selected] = selectors(node)
                if selected.matchers.get("job", ("", ""))[0] != "=":
                    yield rule["alert"], "absent() without a job"
                if seconds(rule["for"]) < 2 * DEFAULT.interval:
                    yield rule["alert"], "less than two scrapes"

    hold("R9", problems())


def test_r10_windows_hold_four_scrapes() -> None:
    """A missed scrape never empties a range."""
    for rule in rules():
        for selected in selectors(parse(rule["expr"])):
            if selected.window is not None:
                assert selected.window >= 4 * DEFAULT.interval, name_of(rule)


def _plain(value: str) -> bool:
    return not re.search(r"[.|*+?()\[\]\\]", value) or value.startswith("^") or value.endswith("$")


def _equates_floats(node: Node) -> bool:
    whole = isinstance(node.rhs, parser.NumberLiteral) and node.rhs.val in {0, 1}
    return str(node.op) in {"==", "!="} and not whole


def test_r12_nothing_fragile_is_selected() -> None:
    """No `topk` whose members change, no equality of floats, no regular expression where a plain text would do."""

    def problems() -> Iterator[tuple[str, str]]:
        for rule in rules():
            for node in nodes(rule["expr"]):
                if isinstance(node, parser.AggregateExpr) and str(node.op) in {"topk", "bottomk"}:
                    yield name_of(rule), "topk"
                if isinstance(node, parser.BinaryExpr) and _equates_floats(node):
                    yield name_of(rule), "equality of floats"
            for selected in selectors(parse(rule["expr"])):
                if any("~" in operator and _plain(value) for operator, value in selected.matchers.values()):
                    yield name_of(rule), "a regular expression that is a plain text, or anchored twice"

    hold("R12", problems())


def test_r13_ratios_are_guarded_against_nothing() -> None:
    """Who divides by a number of requests asks for some; both sides are aggregated apart."""

    def problems() -> Iterator[tuple[str, str]]:
        for rule in rules():
            for node in nodes(rule["expr"]):
                if not isinstance(node, parser.BinaryExpr) or str(node.op) != "/":
                    continue
                divisor = node.rhs.expr if isinstance(node.rhs, parser.ParenExpr) else node.rhs
                guarded = isinstance(divisor, parser.BinaryExpr) and str(divisor.op) in {">", ">="}
                if not guarded and not isinstance(divisor, parser.NumberLiteral):
                    yield name_of(rule), "divides without a guard"

    hold("R13", problems())


def test_r14_stale_scores_are_not_trusted() -> None:
    """Whatever rests on the sidecar's judgement asks how old it is, or counts what has just been counted."""
    trusting = (
        (name_of(rule), "does not ask for the age of the last score")
        for rule in alerts()
        if rule["labels"]["component"] == "ml"
        and "rapidapi_ml_last_score_timestamp_seconds" not in rule["expr"]
    )
    hold("R14", trusting)


def test_r15_groups_are_frequent_and_bounded() -> None:
    """Groups are evaluated every five minutes at least, and none can fill the memory."""
    for group in files().values():
        assert seconds(group["interval"]) <= 300
        assert 0 < group["limit"] <= 100_000


def test_r16_no_rule_is_there_twice() -> None:
    """Two alerts of one name differ in severity and limit; two recordings of one name differ in what they cover."""
    named = Counter(name_of(rule) for rule in alerts())
    assert {name for name, count in named.items() if count > 1} == set()
    texts = Counter(
        (rule["expr"], name_of(rule)) for rule in rules() if "alert" in rule or not rule.get("labels")
    )
    assert {name for (_, name), count in texts.items() if count > 1} == set()
    expressions = Counter(rule["expr"] for rule in alerts())
    assert {expr for expr, count in expressions.items() if count > 1} == set()


def test_r17_every_setting_changes_what_is_generated() -> None:
    """Limits, windows and addresses come from one object: whoever changes one of it changes what is generated."""

    def other(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(other(part) for part in value)
        return f"{value}x" if isinstance(value, str) else value * 2 or 1

    def generated(settings: Settings) -> tuple[Any, ...]:
        return (*groups(settings), prometheus_config(settings=settings))

    before = generated(DEFAULT)
    changed = {
        field.name: generated(replace(DEFAULT, **{field.name: other(getattr(DEFAULT, field.name))}))
        for field in fields(Settings)
    }
    hold("R17", ((name, "changes nothing") for name, after in changed.items() if after == before))


def test_r17_every_duration_is_scaled_by_one_constant() -> None:
    """Fifteen times as fast, no window, `for` or interval of any rule stays as it was."""
    fast = groups(DEFAULT.scaled(1 / 15))
    for slow, group in zip(groups(), fast, strict=True):
        assert group.interval == slow.interval / 15
        for rule, scaled in zip(slow.rules, group.rules, strict=True):
            windows = [selected.window or 0 for selected in selectors(parse(rule.expr))]
            assert [selected.window or 0 for selected in selectors(parse(scaled.expr))] == [
                w / 15 for w in windows
            ]
            assert getattr(scaled, "for_", 0) == getattr(rule, "for_", 0) / 15
            assert getattr(scaled, "hold", 0) == getattr(rule, "hold", 0) / 15


def test_r18_error_budgets_burn_in_two_windows_a_tier() -> None:
    """Each tier joins a short window with a long one: 14.4 and 6 times too fast page, 3 and 1 times do not."""
    tiers = {
        "critical": [("5m", "1h", "14.4"), ("30m", "6h", "6")],
        "warning": [("2h", "1d", "3"), ("6h", "3d", "1")],
    }
    for rule in alerts():
        if rule["alert"] == "RapidAPIErrorBudgetBurn":
            found = re.findall(r"ratio_rate(\w+)\S* > ([\d.]+) \* 0\.01", rule["expr"])
            wanted = [
                (w, rate) for short, long, rate in tiers[rule["labels"]["severity"]] for w in (short, long)
            ]
            assert found == wanted
            assert rule["expr"].count("and") >= 4


def test_r19_objectives_record_what_is_left() -> None:
    """Objective, budget, present burn rate and what remains are series; a budget that is not kept is an alert."""
    recorded = {rule.get("record", "").removeprefix("api:rapidapi_api_slo_") for rule in rules()}
    assert recorded >= {
        "objective:ratio",
        "error_budget:ratio",
        "current_burn_rate:ratio",
        "period_burn_rate:ratio",
        "period_error_budget_remaining:ratio",
    }
    assert "RapidAPIErrorBudgetNotRecorded" in {rule["alert"] for rule in alerts()}


def test_r20_the_monitoring_is_monitored() -> None:
    """Whatever can break on the way from a measurement to a message has an alert."""
    assert {rule["alert"] for rule in alerts()} >= {
        "PrometheusTargetDown",
        "PrometheusJobAbsent",
        "PrometheusJobDown",
        "PrometheusRuleFailures",
        "PrometheusRuleEvaluationSlow",
        "PrometheusConfigReloadFailed",
        "PrometheusAlertmanagerUnreachable",
        "AlertmanagerNotificationsFailing",
        "PrometheusTargetRestarting",
    }


def test_r21_the_models_are_monitored() -> None:
    """A model that is old, drifts, comes late, reads nothing, or sees anomalies everywhere is told."""
    assert {rule["alert"] for rule in alerts()} >= {
        "MLModelOld",
        "MLModelDrift",
        "MLSidecarQueriesFailing",
        "MLSidecarCycleSlow",
        "MLSidecarSilent",
        "RapidAPIManyAnomalous",
    }


def test_r22_a_watchdog_always_fires() -> None:
    """One alert fires as long as rules are evaluated, and wakes nobody."""
    [watchdog] = [rule for rule in alerts() if rule["alert"] == "Watchdog"]
    assert (watchdog["expr"], watchdog["labels"]["severity"]) == ("vector(1)", "none")


def test_r23_few_alerts_wake_somebody() -> None:
    """Only what somebody feels, or must know at night, is critical; each such section says what to do in steps."""
    critical = {rule["alert"]: rule for rule in alerts() if rule["labels"]["severity"] == "critical"}
    assert set(critical) == PAGES
    causes = ((name, "no symptom") for name, rule in critical.items() if rule["labels"]["kind"] != "symptom")
    hold("R23", causes)


def test_r24_generated_files_say_so() -> None:
    """The first line of each file names the generator, and that it is not to be edited."""
    for path in (PROVISIONING / "prometheus").rglob("*.yml"):
        assert re.match(r"# Generated by `[^`]+` from \S.*; do not edit", path.read_text(encoding="utf-8")), (
            path
        )
