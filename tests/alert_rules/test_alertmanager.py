"""Alertmanager's configuration, before its own tool and before a running one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alert_rules.alertmanager import TEMPLATES, alertmanager_config, message_templates
from alert_rules.generate import groups
from alert_rules.model import AlertingRule
from alert_rules.receivers import Receivers, Slack
from demo.tools import tool
from tests.alert_rules.everybody import EVERYBODY

ALERTS = [rule for group in groups() for rule in group.rules if isinstance(rule, AlertingRule)]


def _amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(tool("amtool")), *arguments], capture_output=True, text=True, check=False)


def _receivers(config: str) -> dict[str, dict[str, Any]]:
    return {receiver["name"]: receiver for receiver in yaml.safe_load(config)["receivers"]}


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """Alertmanager's configuration with everybody, as a file, and the words of messages beside it."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(alertmanager_config(EVERYBODY))
    (tmp_path / TEMPLATES).parent.mkdir()
    (tmp_path / TEMPLATES).write_text(message_templates())
    return path


def test_amtool_accepts_every_kind_of_receiver(config_file: Path) -> None:
    """Alertmanager starts with the configuration and finds the words of messages."""
    checked = _amtool("check-config", str(config_file))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 templates" in checked.stdout


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule.alert}-{rule.severity}")
def test_every_alert_goes_to_the_receiver_of_its_severity(rule: AlertingRule, config_file: Path) -> None:
    """A critical alert reaches the critical receiver and no other; the watchdog has one of its own."""
    receiver = "watchdog" if rule.alert == "Watchdog" else rule.severity
    labels = [f"alertname={rule.alert}", f"severity={rule.severity}", "api_name=x", "environment=e"]
    routed = _amtool(
        "config", "routes", "test", f"--config.file={config_file}", f"--verify.receivers={receiver}", *labels
    )
    assert routed.returncode == 0, routed.stdout + routed.stderr


def test_an_alert_of_unknown_severity_is_told_to_everybody(config_file: Path) -> None:
    """What matches no route is not lost: it is a mistake that somebody has to see."""
    routed = _amtool("config", "routes", "test", f"--config.file={config_file}", "severity=strange")
    assert routed.stdout.strip() == "default"
    assert len(_receivers(config_file.read_text())["default"]) == 5


def test_each_severity_reaches_those_who_asked_for_it() -> None:
    """PagerDuty wakes for critical alone, Slack leaves out what asks for nothing, `none` is only shown."""
    receivers = _receivers(alertmanager_config(EVERYBODY))
    kinds = {name: {key.split("_")[0] for key in receiver} - {"name"} for name, receiver in receivers.items()}
    assert kinds == {
        "default": {"email", "slack", "pagerduty", "webhook"},
        "critical": {"email", "slack", "pagerduty", "webhook"},
        "warning": {"email", "slack", "webhook"},
        "info": {"email", "webhook"},
        "none": set(),
        "watchdog": {"webhook"},
    }


def test_several_of_one_kind_are_all_told() -> None:
    """Two channels for one severity are both written."""
    channels = [Slack(type="slack", api_url_file="/run/secrets/slack", channel=name) for name in ("#a", "#b")]
    critical = _receivers(alertmanager_config(Receivers(receivers=channels)))["critical"]
    assert [config["channel"] for config in critical["slack_configs"]] == ["#a", "#b"]


def test_without_receivers_nothing_leaves_the_machine() -> None:
    """Where nobody is named, alerts are read in Alertmanager itself."""
    assert all(
        receiver.keys() == {"name"} for receiver in _receivers(alertmanager_config(Receivers())).values()
    )


def test_waiting_times_are_as_asked_for() -> None:
    """The demo may shorten the waits; the repetition must fit them, or Alertmanager would round it up."""
    config = alertmanager_config(Receivers(), group_wait=1, group_interval=5, repeat_interval=3600)
    route = yaml.safe_load(config)["route"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("1s", "5s", "1h")
    with pytest.raises(ValueError, match="repeat_interval=100 must be a multiple of group_interval=30"):
        alertmanager_config(Receivers(), group_interval=30, repeat_interval=100)
