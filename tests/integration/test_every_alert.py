"""Every alert, from what is measured to what Alertmanager holds: fired by real servers, every duration scaled down.

All scenarios run side by side in one Prometheus; what they have measured comes from expositions that the test fills.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final
from urllib.parse import quote_plus

import pytest
import requests

from alert_rules.generate import groups, rule_files
from alert_rules.model import AlertingRule
from alert_rules.servers import alertmanager_config, prometheus_config
from alert_rules.settings import DEFAULT
from demo.processes import LOOPBACK, free_port, start_alertmanager, start_prometheus
from ml_sidecar import contract as ml
from tests.integration.alert_scenarios import ENVIRONMENT, PROMTOOL_ONLY, SCENARIOS, Scenario
from tests.integration.exposition import Exposition, Series, now
from tests.integration.stack import FAST, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("alerts")]

ALERTS: Final = {
    rule.alert: rule for group in groups(FAST) for rule in group.rules if isinstance(rule, AlertingRule)
}
SCORING: Final = Series(ml.LAST_SCORE.name, {"environment": ENVIRONMENT}, now)


@pytest.fixture(scope="module")
def scenarios() -> dict[str, Scenario]:
    """What has to be measured for each alert."""
    return {name: build() for name, build in SCENARIOS.items()}


@pytest.fixture(scope="module")
def alertmanager(scenarios: dict[str, Scenario], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an Alertmanager to which a Prometheus sends, that scrapes all scenarios at once."""
    home = tmp_path_factory.mktemp("alerts")
    for name, text in rule_files(FAST).items():
        path = home / "prometheus" / "rules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    collector = Exposition(series for found in scenarios.values() for series in found.collector)
    sidecar = Exposition([SCORING, *(series for found in scenarios.values() for series in found.sidecar)])
    with ExitStack() as stack:
        server = stack.enter_context(
            start_alertmanager(home / "alertmanager", alertmanager_config(group_wait=1, group_interval=1))
        )
        port = free_port()
        config = prometheus_config(
            collectors=[stack.enter_context(collector.serving())],
            sidecars=[stack.enter_context(sidecar.serving())],
            prometheus=f"{LOOPBACK}:{port}",
            alertmanagers=[server.url.removeprefix("http://")],
            settings=FAST,
        )
        # What is sent before Alertmanager has been discovered is sent again soon, and so is a text that has changed.
        flags = ["--rules.alert.resend-delay=1s"]
        stack.enter_context(start_prometheus(home / "prometheus", config, port, flags))
        yield server.url


def _alerts(alertmanager: str, alertname: str) -> list[dict[str, Any]]:
    """The alerts of that name that Alertmanager holds."""
    found = requests.get(
        f"{alertmanager}/api/v2/alerts", params={"filter": f'alertname="{alertname}"'}, timeout=10
    )
    return list(found.json())


def _await(alertmanager: str, alertname: str, scenario: Scenario) -> dict[str, Any]:
    """The alert with the labels and the description of the scenario, as soon as Alertmanager holds it."""

    def fits(alert: dict[str, Any]) -> bool:
        labels = {"alertname": alertname, **scenario.labels}
        return alert["labels"] == labels and scenario.says(alert["annotations"]["description"])

    try:
        return wait_for(alertname, lambda: next(filter(fits, _alerts(alertmanager, alertname)), None), 75.0)
    except AssertionError as error:
        error.add_note(f"wanted: {scenario.labels}\n{scenario.description}")
        error.add_note(f"Alertmanager holds: {_alerts(alertmanager, alertname)}")
        raise


def test_every_alert_has_a_scenario_or_a_reason() -> None:
    """A new alert without a scenario is noticed here, and so is a scenario whose alert has gone."""
    assert set(SCENARIOS).isdisjoint(PROMTOOL_ONLY)
    assert set(SCENARIOS) | set(PROMTOOL_ONLY) == set(ALERTS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_alert_reaches_alertmanager_with_its_words(
    name: str, scenarios: dict[str, Scenario], alertmanager: str
) -> None:
    """The alert fires in Alertmanager with all its labels, what was expected and seen, and links that lead there."""
    labels = scenarios[name].labels
    said = _await(alertmanager, name, scenarios[name])["annotations"]
    assert said["summary"] == ALERTS[name].annotations["summary"]
    assert said["runbook_url"] == f"{DEFAULT.runbook_url}#{name.lower()}"
    assert said["dashboard_url"].startswith(f"{DEFAULT.grafana_url}/d/")
    if api_name := labels.get("api_name"):
        assert f"var-api_name={quote_plus(api_name)}" in said["dashboard_url"]
