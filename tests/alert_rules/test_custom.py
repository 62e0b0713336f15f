"""Rules that people add while everything runs."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from typer.testing import CliRunner

import alert_rules
from alert_rules import promtool
from alert_rules.cli import app
from alert_rules.custom import AlertManager, CustomRuleResult
from alert_rules.custom_rule import LEARNT_BOUNDS
from alert_rules.errors import InvalidRuleError, ReloadRefusedError, UncheckedRulesError
from alert_rules.generate import rule_files
from alert_rules.metrics import resolve
from alert_rules.servers import prometheus_config
from demo.errors import ToolMissingError
from demo.processes import free_port, start_prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

NOBODY = "http://127.0.0.1:1"


async def _add(manager: AlertManager, **changes: Any) -> CustomRuleResult:
    arguments: dict[str, Any] = {
        "name": "Latência alta da API",
        "metric": "response_time",
        "threshold": 2.5,
        "operator": ">",
        "severity": "warning",
        "description": "The API is slower than our customers accept.",
    }
    return await manager.add_custom_alert_rule(**(arguments | changes))


def _rules(path: Path) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load(path.read_text())["groups"][0]["rules"]
    return rules


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _groups(prometheus: str) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = requests.get(f"{prometheus}/api/v1/rules", timeout=10).json()["data"][
        "groups"
    ]
    return groups


@contextmanager
def _prometheus_that_answers(status: int, body: str = "") -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that answers each POST with this status, and a list of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_a_rule_is_written_checked_and_in_service_at_once(tmp_path: Path) -> None:
    """A name with blanks and accents becomes an alert on the feature, and Prometheus is told."""
    with _prometheus_that_answers(200) as (url, asked):
        result = await _add(AlertManager(tmp_path, url))
    assert asked == ["/-/reload"]
    assert (result.reloaded, result.validated, result.replaced) == (True, True, False)
    assert "in service" in result.message
    (rule,) = _rules(tmp_path / "custom.yml")
    assert rule["alert"] == "Latência alta da API"
    assert rule["expr"] == "rapidapi_api_response_time_seconds > 2.5"
    assert rule["labels"] == {"severity": "warning", "component": "custom", "kind": "custom"}
    assert rule["for"] == "1m"
    assert "var-api_name=" in rule["annotations"]["dashboard_url"]
    assert rule["annotations"]["summary"] == "The API is slower than our customers accept."


async def test_adding_again_replaces_and_others_stay(tmp_path: Path) -> None:
    """The same name twice is one rule with the latest limit; a second name is a second rule."""
    manager = AlertManager(tmp_path, NOBODY)
    await _add(manager)
    await _add(manager, name="other")
    assert (await _add(manager, threshold=3)).replaced
    assert {rule["alert"]: rule["expr"][-3:] for rule in _rules(tmp_path / "custom.yml")} == {
        "other": "2.5",
        "Latência alta da API": "> 3",
    }


@pytest.mark.parametrize(
    ("metric", "expr"),
    [
        ("success_rate", "rapidapi_api_success_rate"),
        ("rapidapi_api_response_time_seconds", "rapidapi_api_response_time_seconds"),
        ("ml_anomaly", "max by (api_name, environment) (rapidapi_ml_anomaly_score)"),
        (
            "performance_trend",
            'max by (api_name, environment, feature) (rapidapi_ml_performance_trend{feature="success_rate"})',
        ),
        (
            "rapidapi_api_quota_remaining",
            "max by (api_name, environment, quota) (rapidapi_api_quota_remaining)",
        ),
        ("node_load1", "(\nnode_load1\n)"),
        ("rate(x[5m]) # why", "(\nrate(x[5m]) # why\n)"),
    ],
)
def test_names_and_aliases_stand_for_their_expression(metric: str, expr: str) -> None:
    """Features, contract names, the aliases and any PromQL may be given as the metric."""
    assert resolve(metric).expr == expr


async def test_a_rule_on_the_models_needs_a_sidecar_that_scores(tmp_path: Path) -> None:
    """An alert on the anomaly score does not fire on the last word of a sidecar that hangs."""
    result = await _add(AlertManager(tmp_path, NOBODY), metric="ml_anomaly", threshold=0.8)
    assert "time() - max by (environment) (rapidapi_ml_last_score_timestamp_seconds) < 120" in result.expr
    assert result.validated


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "name: is empty"),
        ({"operator": "above"}, "operator: 'above' is none of >, >=, <, <=, ==, !="),
        ({"severity": "urgent"}, "severity: 'urgent' is none of critical, warning, info, none"),
        ({"threshold": float("nan")}, "threshold: nan is neither a finite number nor `learned`"),
        ({"threshold": True}, "threshold: True is neither"),
        ({"threshold": "learnt"}, "threshold: 'learnt' is neither a finite number nor `learned`"),
        ({"name": "one\ntwo"}, "holds a line break"),
        ({"name": "RapidAPIDown"}, "'RapidAPIDown' is a built-in alert; choose another name"),
        ({"metric": ""}, "metric: is empty"),
        ({"metric": "rapidapi_api_sucess_rate"}, "did you mean rapidapi_api_success_rate"),
        ({"metric": "rapidapi_api_requests_total"}, "is a counter, which only rises"),
        ({"metric": "sum(rate(x[5m])"}, "promtool refuses it: .*parse error"),
        ({"description": "{{ .Nope"}, "promtool refuses it: "),
    ],
)
async def test_what_cannot_work_is_refused_and_nothing_is_written(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """A wrong argument is named with its remedy, before any file changes."""
    with pytest.raises(InvalidRuleError, match=message):
        await _add(AlertManager(tmp_path, NOBODY), **changes)
    assert _names(tmp_path) == []


async def test_a_refused_reload_leaves_the_former_rules(tmp_path: Path) -> None:
    """If Prometheus does not take the new file, the old one is back and the reason is told."""
    await _add(AlertManager(tmp_path, NOBODY), name="first")
    before = (tmp_path / "custom.yml").read_text()
    with (
        _prometheus_that_answers(500, "failed to reload config: broken") as (url, _),
        pytest.raises(ReloadRefusedError, match="HTTP 500: failed to reload config: broken"),
    ):
        await _add(AlertManager(tmp_path, url), name="second")
    assert (tmp_path / "custom.yml").read_text() == before


async def test_a_refused_first_rule_leaves_no_file(tmp_path: Path) -> None:
    """Where there was no file before, there is none after Prometheus has refused it."""
    with _prometheus_that_answers(500) as (url, _), pytest.raises(ReloadRefusedError):
        await _add(AlertManager(tmp_path, url))
    assert _names(tmp_path) == []


async def test_a_prometheus_that_cannot_be_told_is_reported(tmp_path: Path) -> None:
    """The rule is kept for the next start if Prometheus is away, or does not allow reloads."""
    away = await _add(AlertManager(tmp_path, NOBODY))
    assert not away.reloaded
    assert "cannot be reached" in away.message
    with _prometheus_that_answers(403, "Lifecycle API is not enabled.") as (url, _):
        locked = await _add(AlertManager(tmp_path, url))
    assert not locked.reloaded
    assert "--web.enable-lifecycle" in locked.message


async def test_the_public_face_reads_its_places_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`from alert_rules import alert_manager` works with RULES_DIR and PROMETHEUS_URL as they are at the call."""
    monkeypatch.setenv("RULES_DIR", str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_URL", NOBODY)
    result = await _add(alert_rules.alert_manager)
    assert result.path == tmp_path / "custom.yml"
    monkeypatch.setenv("RULES_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidRuleError, match=r"RULES_DIR: .*nowhere is not a folder"):
        await _add(alert_rules.alert_manager)


async def test_a_file_damaged_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    """Rules that cannot be read are not thrown away."""
    (tmp_path / "custom.yml").write_text("groups: [")
    with pytest.raises(InvalidRuleError, match="repair or remove it"):
        await _add(AlertManager(tmp_path, NOBODY))
    assert (tmp_path / "custom.yml").read_text() == "groups: ["


@pytest.fixture
def _no_promtool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without promtool."""

    def missing(name: str) -> Path:
        raise ToolMissingError([name], "install it")

    monkeypatch.setattr(promtool, "tool", missing)


@pytest.mark.usefixtures("_no_promtool")
async def test_without_promtool_prometheus_itself_judges(tmp_path: Path) -> None:
    """Where there is no promtool, a rule that Prometheus takes is in service, and the result says who has checked it."""
    with _prometheus_that_answers(200) as (url, _):
        result = await _add(AlertManager(tmp_path, url))
    assert (result.validated, result.reloaded) == (False, True)


@pytest.mark.usefixtures("_no_promtool")
async def test_what_nobody_can_check_is_not_written(tmp_path: Path) -> None:
    """A wrong rule would keep Prometheus from starting; the error says what is needed."""
    with pytest.raises(UncheckedRulesError, match=r"no promtool .* cannot be reached .*python -m demo.tools"):
        await _add(AlertManager(tmp_path, NOBODY))
    assert _names(tmp_path) == []


@pytest.mark.parametrize(
    ("metric", "operator", "severity", "compared"),
    [
        ("response_time", ">", "warning", 'feature="response_time",severity="warning",bound="upper"'),
        (
            "rapidapi_api_success_rate",
            "<=",
            "critical",
            'feature="success_rate",severity="critical",bound="lower"',
        ),
        (
            "requests_per_minute",
            "<",
            "warning",
            'feature="requests_per_minute",severity="warning",bound="lower"',
        ),
    ],
)
async def test_a_learnt_threshold_is_the_one_of_the_side_and_severity(
    metric: str, operator: str, severity: str, compared: str, tmp_path: Path
) -> None:
    """`learned` compares with what the sidecar has learnt, as long as it scores; promtool accepts it."""
    result = await _add(
        AlertManager(tmp_path, NOBODY),
        metric=metric,
        operator=operator,
        severity=severity,
        threshold="learned",
    )
    assert result.validated
    assert f"\n  {operator} on (api_name, environment) max by (api_name, environment)" in result.expr
    assert f"(rapidapi_ml_threshold{{{compared}}})" in result.expr
    assert "rapidapi_ml_last_score_timestamp_seconds" in result.expr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"operator": "<"},
            "operator: nothing is learnt for response_time <; take > or >=, or give a number",
        ),
        ({"operator": "=="}, "operator: nothing is learnt for response_time ==; take > or >="),
        ({"severity": "info"}, "severity: nothing is learnt for 'info'; take warning or critical, or give a"),
        ({"metric": "node_load1"}, "threshold: nothing is learnt for 'node_load1', only for success_rate, "),
        ({"metric": "ml_anomaly"}, "threshold: nothing is learnt for 'ml_anomaly'"),
    ],
)
async def test_what_is_not_learnt_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    """A comparison with a threshold that does not exist would never fire; it is refused instead."""
    with pytest.raises(InvalidRuleError, match=message):
        await _add(AlertManager(tmp_path, NOBODY), threshold="learned", **changes)
    assert _names(tmp_path) == []


def test_thresholds_are_learnt_on_the_side_on_which_a_feature_is_bad() -> None:
    """What may be compared with `learned` is what the shipped features make the sidecar learn."""
    shipped = yaml.safe_load(Path("ml_sidecar/sidecar.yml").read_text(encoding="utf-8"))["features"]
    bounds = {"below": ("lower",), "above": ("upper",), "both": ("lower", "upper")}
    assert {name: bounds[feature["direction"]] for name, feature in shipped.items()} == LEARNT_BOUNDS


async def test_rules_are_listed_and_removed(tmp_path: Path) -> None:
    """The list shows what was asked for; what is removed is gone, and the file with the last one."""
    manager = AlertManager(tmp_path, NOBODY)
    assert await manager.list_custom_alert_rules() == []
    await _add(manager)
    await _add(manager, name="other", description="Another one.")
    assert [
        (rule.name, rule.severity, rule.description) for rule in await manager.list_custom_alert_rules()
    ] == [
        ("Latência alta da API", "warning", "The API is slower than our customers accept."),
        ("other", "warning", "Another one."),
    ]
    removed = await manager.remove_custom_alert_rule("Latência alta da API")
    assert removed.message.startswith("'Latência alta da API' is removed from ")
    assert [rule.name for rule in await manager.list_custom_alert_rules()] == ["other"]
    await manager.remove_custom_alert_rule("other")
    assert _names(tmp_path) == []


async def test_removing_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    """A misspelt name is refused with the nearest one."""
    manager = AlertManager(tmp_path, NOBODY)
    with pytest.raises(InvalidRuleError, match=r"no custom rule 'x' in \S+custom.yml$"):
        await manager.remove_custom_alert_rule("x")
    await _add(manager)
    with pytest.raises(
        InvalidRuleError, match=r"'Latencia alta da API' in .*; there is 'Latência alta da API'"
    ):
        await manager.remove_custom_alert_rule("Latencia alta da API")


async def test_a_refused_removal_leaves_the_rule(tmp_path: Path) -> None:
    """If Prometheus does not take the file without the rule, the file with it is back."""
    await _add(AlertManager(tmp_path, NOBODY))
    before = (tmp_path / "custom.yml").read_text()
    with _prometheus_that_answers(500) as (url, _), pytest.raises(ReloadRefusedError):
        await AlertManager(tmp_path, url).remove_custom_alert_rule("Latência alta da API")
    assert (tmp_path / "custom.yml").read_text() == before


async def test_rules_added_at_once_are_all_kept(tmp_path: Path) -> None:
    """Two programs that add a rule at the same moment do not lose one."""
    managers = [AlertManager(tmp_path, NOBODY) for _ in range(4)]
    await asyncio.gather(*(_add(manager, name=f"rule {n}") for n, manager in enumerate(managers)))
    assert len(_rules(tmp_path / "custom.yml")) == 4


def _run(*arguments: str, folder: Path) -> Result:
    return CliRunner().invoke(
        app, [*arguments], env={"RULES_DIR": str(folder), "PROMETHEUS_URL": NOBODY, "TERM": "dumb"}
    )


def test_the_command_adds_lists_and_removes(tmp_path: Path) -> None:
    """`add`, `list` and `remove` do what the Python face does, and find folder and server in the environment."""
    asked = [
        "--metric",
        "performance_trend",
        "--operator",
        "<",
        "--threshold",
        "-5",
        "--description",
        "Falls.",
    ]
    added = _run("add", "Tendência [má]", *asked, folder=tmp_path)
    assert added.exit_code == 0, added.output
    assert "'Tendência [má]' is written to" in added.output
    assert _run("list", folder=tmp_path).output.splitlines() == [
        "Tendência [má] (warning)",
        '    max by (api_name, environment, feature) (rapidapi_ml_performance_trend{feature="success_rate"}) < -5.0',
        "    and on (environment) (time() - max by (environment) (rapidapi_ml_last_score_timestamp_seconds) < 120)",
        "    Falls.",
    ]
    assert _run("remove", "Tendência [má]", folder=tmp_path).exit_code == 0
    assert _run("list", folder=tmp_path).output == "No custom rules.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove", "x"], "alert_rules: name: there is no custom rule 'x' in "),
        (
            ["add", "x", "--metric", "up", "--operator", ">", "--threshold", "many", "--description", "d"],
            "alert_rules: threshold: 'many' is neither a finite number nor `learned`",
        ),
        (
            ["add", "x", "--metric", "sum(up", "--operator", ">", "--threshold", "1", "--description", "d"],
            "alert_rules: rule: promtool refuses it: ",
        ),
    ],
)
def test_the_command_refuses_in_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    """A mistake is one line on standard error and exit code 1."""
    done = _run(*arguments, folder=tmp_path)
    assert done.exit_code == 1
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.integration
@pytest.mark.usefixtures("_no_promtool")
async def test_a_real_prometheus_takes_the_rules_and_the_added_one(tmp_path: Path) -> None:
    """A running Prometheus has the rules and the custom one as soon as the call returns, and keeps them if the next is bad."""
    rules = tmp_path / "rules"
    rules.mkdir()
    for name, text in rule_files().items():
        (rules / name).write_text(text)
    port = free_port()
    dead = [f"127.0.0.1:{port}"]
    config = prometheus_config(
        collectors=dead, sidecars=dead, prometheus=dead[0], alertmanagers=dead, rule_files=[f"{rules}/*.yml"]
    )
    with start_prometheus(tmp_path, config, port) as server:
        manager = AlertManager(rules, server.url)
        assert (await _add(manager, metric="up", threshold=0)).reloaded
        with pytest.raises(
            ReloadRefusedError, match="former rules stay in service: HTTP 500: failed to reload"
        ):
            await _add(manager, name="broken", metric="sum(up")
        groups = _groups(server.url)
        custom = next(group for group in groups if group["name"] == "custom")
        assert [rule["name"] for rule in custom["rules"]] == ["Latência alta da API"]
        assert {group["name"] for group in groups} == {"custom", *(name[:-4] for name in rule_files())}
        assert [rule["alert"] for rule in _rules(rules / "custom.yml")] == ["Latência alta da API"]
        await manager.remove_custom_alert_rule("Latência alta da API")
        assert "custom" not in {group["name"] for group in _groups(server.url)}
