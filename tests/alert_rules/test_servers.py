"""The configuration of Prometheus and Alertmanager, before Alertmanager's own tool."""

from __future__ import annotations

import itertools
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from alert_rules.generate import groups
from alert_rules.model import AlertingRule
from alert_rules.servers import alertmanager_config, prometheus_config
from collector.contract import JOB as COLLECTOR_JOB
from demo.tools import tool
from ml_sidecar.contract import JOB as SIDECAR_JOB

if TYPE_CHECKING:
    from pathlib import Path

HOOK = "http://127.0.0.1:5001/alerts"
ALERTS = [rule for group in groups() for rule in group.rules if isinstance(rule, AlertingRule)]


def _amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(tool("amtool")), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """Alertmanager's configuration with a webhook, as a file."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(alertmanager_config(webhook_url=HOOK))
    return path


@pytest.mark.parametrize("webhook", [None, HOOK])
def test_amtool_accepts_the_configuration(webhook: str | None, tmp_path: Path) -> None:
    """Alertmanager starts with the configuration, with a receiver outside and without."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(alertmanager_config(webhook_url=webhook))
    checked = _amtool("check-config", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule.alert)
def test_every_alert_goes_to_the_receiver_of_its_severity(rule: AlertingRule, config_file: Path) -> None:
    """A critical alert reaches the critical receiver and no other; the watchdog has one of its own."""
    receiver = {"none": "watchdog"}.get(rule.severity, rule.severity)
    labels = [f"alertname={rule.alert}", f"severity={rule.severity}", "api_name=x", "environment=e"]
    routed = _amtool(
        "config", "routes", "test", f"--config.file={config_file}", f"--verify.receivers={receiver}", *labels
    )
    assert routed.returncode == 0, routed.stdout + routed.stderr


def test_an_alert_of_unknown_severity_is_not_lost(config_file: Path) -> None:
    """What matches no route arrives at the default receiver, which has the webhook too."""
    routed = _amtool("config", "routes", "test", f"--config.file={config_file}", "severity=strange")
    assert routed.stdout.strip() == "default"


def test_with_a_webhook_every_receiver_posts_to_it() -> None:
    """All alerts arrive at the one address, resolved ones included; the heartbeat has no resolution."""
    receivers = yaml.safe_load(alertmanager_config(webhook_url=HOOK))["receivers"]
    for receiver in receivers:
        (hook,) = receiver["webhook_configs"]
        assert hook == {"url": HOOK, "send_resolved": receiver["name"] != "watchdog"}


def test_without_a_webhook_nothing_leaves_the_machine() -> None:
    """The default configuration needs no account and posts nowhere."""
    receivers = yaml.safe_load(alertmanager_config())["receivers"]
    assert all(receiver.keys() == {"name"} for receiver in receivers)


def test_waiting_times_are_as_asked_for() -> None:
    """The demo may shorten the waits; the repetition must fit them, or Alertmanager would round it up."""
    route = yaml.safe_load(alertmanager_config(group_wait=1, group_interval=5, repeat_interval=3600))["route"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("1s", "5s", "1h")
    assert route["group_by"] == ["alertname", "api_name", "environment"]
    with pytest.raises(ValueError, match="repeat_interval=100 must be a multiple of group_interval=30"):
        alertmanager_config(group_interval=30, repeat_interval=100)


def test_only_the_present_matcher_syntax_is_used() -> None:
    """No deprecated `match` or `match_re` is left for a later Alertmanager to refuse."""
    assert not re.search(r"\bmatch(_re)?:", alertmanager_config(webhook_url=HOOK))


def _matches(matchers: list[str], labels: dict[str, str]) -> bool:
    for matcher in matchers:
        parsed = re.fullmatch(r'(\w+)(=~|=)"(.*)"', matcher)
        assert parsed, matcher
        value = labels.get(parsed[1], "")
        if not (re.fullmatch(parsed[3], value) if parsed[2] == "=~" else value == parsed[3]):
            return False
    return True


def test_one_apis_alert_never_silences_anothers() -> None:
    """Every inhibition that concerns an API asks for the same API, and those labels are there; none inhibits itself."""
    alerts = [
        {"alertname": rule.alert, "severity": rule.severity, **rule.labels}
        | ({"api_name": "x"} if "$labels.api_name" in rule.annotations["description"] else {})
        for rule in ALERTS
    ]
    pairs = []
    for inhibition in yaml.safe_load(alertmanager_config())["inhibit_rules"]:
        for source, target in itertools.product(alerts, alerts):
            if not _matches(inhibition["source_matchers"], source):
                continue
            if not _matches(inhibition["target_matchers"], target):
                continue
            pairs.append((source["alertname"], target["alertname"], tuple(inhibition["equal"])))
            assert source is not target
            assert "environment" in inhibition["equal"]
            if "api_name" in source:
                assert "api_name" in inhibition["equal"]
    down = ("api_name", "environment")
    assert ("RapidAPIDown", "RapidAPIAnomaly", down) in pairs
    assert ("RapidAPIDown", "RapidAPISuccessRateLow", down) in pairs
    assert ("MLSidecarSilent", "RapidAPIAnomaly", ("environment",)) in pairs


def test_prometheus_scrapes_everybody_under_the_contracts_job_names() -> None:
    """Collector, sidecar, Prometheus itself and Alertmanager are scraped, each address where it was asked for."""
    config = yaml.safe_load(
        prometheus_config(
            collectors=["127.0.0.1:1", "127.0.0.1:2"],
            sidecars=["127.0.0.1:3"],
            prometheus="127.0.0.1:4",
            alertmanagers=["127.0.0.1:5"],
            rule_files=["/somewhere/*.yml"],
        )
    )
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert jobs == {
        COLLECTOR_JOB: ["127.0.0.1:1", "127.0.0.1:2"],
        SIDECAR_JOB: ["127.0.0.1:3"],
        "prometheus": ["127.0.0.1:4"],
        "alertmanager": ["127.0.0.1:5"],
    }
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:5"]
    assert config["rule_files"] == ["/somewhere/*.yml"]
    assert config["global"]["scrape_interval"] == config["global"]["evaluation_interval"] == "15s"
