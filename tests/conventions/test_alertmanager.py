"""Alertmanager's configuration before the conventions: what is committed, and what it becomes with every receiver."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alert_rules.alertmanager import TEMPLATES, alertmanager_config
from alert_rules.generate import ALERTMANAGER, PROVISIONING
from alert_rules.inhibitions import INHIBITIONS
from demo.tools import tool
from tests.alert_rules.everybody import EVERYBODY
from tests.alert_rules.inhibiting import ALERTS, labels_of, matches
from tests.conventions.exemptions import hold

COMMITTED: Final = PROVISIONING / ALERTMANAGER / "alertmanager.yml"
CONFIGS: Final = {
    "committed": COMMITTED.read_text(encoding="utf-8"),
    "everybody": alertmanager_config(EVERYBODY),
}
PARSED: Final[dict[str, dict[str, Any]]] = {name: yaml.safe_load(text) for name, text in CONFIGS.items()}
UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
RETENTION: Final = 120 * 3600
"""Of Alertmanager's own default, `--data.retention`."""


def _seconds(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def _integrations(config: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for receiver in config["receivers"]:
        for kind, entries in receiver.items():
            for entry in entries if kind != "name" else ():
                yield receiver["name"], kind, entry


def test_a1_amtool_accepts_configuration_and_routes(tmp_path: Path) -> None:
    """The committed file and the one with every receiver are accepted, and each severity reaches its receiver."""
    assert (COMMITTED.parent / TEMPLATES).is_file()
    refused = []
    for name, text in CONFIGS.items():
        path = tmp_path / f"{name}.yml"
        path.write_text(text)
        commands = [["check-config", str(path)]]
        for severity, receiver in {
            "critical": "critical",
            "warning": "warning",
            "info": "info",
            "none": "none",
            "other": "default",
        }.items():
            test = ["config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receiver}"]
            commands.append([*test, f"severity={severity}", "alertname=Any", "api_name=x", "environment=e"])
        for command in commands:
            done = subprocess.run(
                [str(tool("amtool")), *command], capture_output=True, text=True, check=False
            )
            refused += [(name, done.stdout + done.stderr)] if done.returncode else []
    hold("A1", refused)


@pytest.mark.parametrize("name", CONFIGS)
def test_a2_somebody_reads_what_matches_no_route(name: str) -> None:
    """The root route leads to a receiver that sends somewhere, and its waits are stated, not left to defaults."""
    route = PARSED[name]["route"]
    assert {who for who, _, _ in _integrations(PARSED[name])} >= {"default", "critical", "warning", "info"}
    assert route["receiver"] == "default"
    assert route["group_by"] == ["alertname", "api_name", "environment"]
    waits = (route["group_wait"], route["group_interval"], route["repeat_interval"])
    assert waits == ("30s", "5m", "4h")


@pytest.mark.parametrize("name", CONFIGS)
def test_a3_messages_are_repeated_when_they_are_meant_to_be(name: str) -> None:
    """Each repetition is a multiple of the group's interval and shorter than Alertmanager's memory."""
    route = PARSED[name]["route"]
    for child in [route, *route["routes"]]:
        repeat = _seconds(child.get("repeat_interval", route["repeat_interval"]))
        assert repeat % _seconds(child.get("group_interval", route["group_interval"])) == 0
        assert repeat < RETENTION


def test_a4_the_watchdog_has_a_way_of_its_own() -> None:
    """Its route is the first, waits for nobody, repeats soon, and a heartbeat has no end."""
    for config in PARSED.values():
        first = config["route"]["routes"][0]
        assert first == {
            "receiver": "watchdog",
            "matchers": ['alertname="Watchdog"'],
            "group_wait": "0s",
            "repeat_interval": "5m",
        }
    beats = [entry for who, _, entry in _integrations(PARSED["everybody"]) if who == "watchdog"]
    assert [beat["send_resolved"] for beat in beats] == [False]
    page = Path("docs/alerting.md").read_text(encoding="utf-8")
    assert re.search(r"grace\w*\W+(?:\w+\W+){0,6}15 minutes", page), (
        "the checker outside waits for longer than one beat"
    )


def test_a5_no_alert_can_be_on_both_sides() -> None:
    """The milder severity of one alert is silenced, and no inhibition can match one alert as source and as target."""
    first = INHIBITIONS[0]
    assert first.source == ('severity="critical"',)
    assert first.target == ('severity=~"warning|info"',)
    assert first.equal == ("alertname", "api_name", "environment")
    hold(
        "A5",
        [
            (rule.alert, f"{inhibition} matches it as source and as target")
            for inhibition, rule in itertools.product(INHIBITIONS, ALERTS)
            if matches(inhibition.source, labels_of(rule)) and matches(inhibition.target, labels_of(rule))
        ],
    )


def test_a6_labels_that_must_agree_are_there() -> None:
    """Where source and target lack a label alike, Alertmanager would take that as agreement."""
    violations = []
    for inhibition, source, target in itertools.product(
        INHIBITIONS, map(labels_of, ALERTS), map(labels_of, ALERTS)
    ):
        if not matches(inhibition.source, source) or not matches(inhibition.target, target):
            continue
        if "alertname" in inhibition.equal and source["alertname"] != target["alertname"]:
            continue
        violations += [
            (source["alertname"], f"has no {label}, and neither has {target['alertname']}")
            for label in inhibition.equal
            if label not in source and label not in target
        ]
    hold("A6", violations)


def test_a7_what_explains_many_silences_the_single_ones() -> None:
    """A silent sidecar silences what rests on it, many anomalies the single ones, a shared outage the single ones."""
    wide = {
        matcher
        for inhibition in INHIBITIONS
        if inhibition.equal == ("environment",)
        for matcher in inhibition.source
    }
    assert wide == {
        f'alertname="{name}"'
        for name in ("MLSidecarSilent", "RapidAPIManyAnomalous", "RapidAPIManyDown", "CollectorDown")
    }
    names = {rule.alert for rule in ALERTS}
    named = {
        name
        for inhibition in INHIBITIONS
        for matcher in (*inhibition.source, *inhibition.target)
        if matcher.startswith("alertname")
        for name in re.findall(r'[\w|]+(?=")', matcher)[0].split("|")
    }
    hold(
        "A7",
        [(name, "is named in an inhibition, but there is no such alert") for name in sorted(named - names)],
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_a8_only_the_present_syntax_is_used(name: str) -> None:
    """No deprecated `match` or `match_re` is left for a later Alertmanager to refuse."""
    assert not re.search(r"\b(source_|target_)?match(_re)?:", CONFIGS[name])


@pytest.mark.parametrize("name", CONFIGS)
def test_a9_secrets_stand_in_files(name: str) -> None:
    """Every key that could hold a secret holds the path of a file."""
    secret = r"(password|secret|token|credentials|key|api_url|auth_identity)\w*"
    keys = set(re.findall(rf"^\s*-?\s*(\w*{secret}):", CONFIGS[name], flags=re.MULTILINE))
    assert {key for key, _ in keys if not key.endswith("_file")} == set()
    assert name == "committed" or len(keys) == 4


def test_a10_people_get_our_words_and_hear_of_the_end() -> None:
    """Every message to a person is written by a template of ours and sent again when it is over."""
    for who, kind, entry in _integrations(PARSED["everybody"]):
        if who == "watchdog":
            continue
        assert entry["send_resolved"] is True, (who, kind)
        if kind != "webhook_configs":
            assert 'template "rapidapi.' in str(entry), (who, kind)
