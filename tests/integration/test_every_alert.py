"""Every alert, from what is measured to what Alertmanager holds: fired by real servers, every duration scaled down.

All scenarios run side by side in one Prometheus; what they have measured comes from expositions that the test fills.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import pytest
import requests
import yaml

from alert_rules import foreign
from alert_rules.alertmanager import alertmanager_config
from alert_rules.custom import AlertManager
from alert_rules.generate import groups, rule_files
from alert_rules.model import AlertingRule
from alert_rules.receivers import Receivers
from alert_rules.servers import ALERTMANAGER_JOB, prometheus_config
from alert_rules.settings import DEFAULT
from demo.processes import LOOPBACK, free_port, start_alertmanager, start_prometheus
from ml_sidecar import contract as ml
from tests.integration.alert_scenarios import ENVIRONMENT, PROMTOOL_ONLY, SCENARIOS, Scenario
from tests.integration.exposition import Exposition, Series, now
from tests.integration.monitoring_scenarios import DYING, MONITORING
from tests.integration.stack import FAST, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("alerts")]

ALERTS: Final = {
    f"{rule.alert} {rule.severity}": rule
    for group in groups(FAST)
    for rule in group.rules
    if isinstance(rule, AlertingRule)
}
ENTRIES: Final = {**SCENARIOS, **MONITORING}
SCORING: Final = Series(ml.LAST_SCORE.name, {"environment": ENVIRONMENT}, now)


@pytest.fixture(scope="module")
def scenarios() -> dict[str, Scenario]:
    """What has to be measured for each alert."""
    return {name: build() for name, build in ENTRIES.items()}


@dataclass(frozen=True)
class World:
    """A Prometheus with all rules and all scenarios, and the Alertmanager that it tells."""

    prometheus: str
    rules: Path
    alertmanager: str

    def alerts(self, alertname: str) -> list[dict[str, Any]]:
        """The alerts of that name that Alertmanager holds."""
        found = requests.get(
            f"{self.alertmanager}/api/v2/alerts", params={"filter": f'alertname="{alertname}"'}, timeout=10
        )
        return list(found.json())

    def wait_for_alert(self, alertname: str, scenario: Scenario) -> dict[str, Any]:
        """The alert with the labels and the description of the scenario, as soon as Alertmanager holds it."""

        def fits(alert: dict[str, Any]) -> bool:
            labels = {"alertname": alertname, **scenario.labels}
            found = {key: value for key, value in alert["labels"].items() if key != "instance"}
            return found == labels and scenario.says(alert["annotations"]["description"])

        try:
            return wait_for(alertname, lambda: next(filter(fits, self.alerts(alertname)), None), 150.0)
        except AssertionError as error:
            error.add_note(f"wanted: {scenario.labels}\n{scenario.description}")
            error.add_note(f"Alertmanager holds: {self.alerts(alertname)}")
            raise


@pytest.fixture(scope="module")
def world(scenarios: dict[str, Scenario], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two servers, and expositions of all scenarios at once."""
    home = tmp_path_factory.mktemp("alerts")
    rules = home / "prometheus" / "rules"
    rules.mkdir(parents=True)
    for name, text in rule_files(FAST).items():
        (rules / name).write_text(text)
    collector = Exposition(series for found in scenarios.values() for series in found.collector)
    sidecar = Exposition([SCORING, *(series for found in scenarios.values() for series in found.sidecar)])
    with ExitStack() as stack:
        alertmanager = stack.enter_context(
            start_alertmanager(home / "alertmanager", alertmanager_config(Receivers()))
        )
        port = free_port()
        dying = stack.enter_context(ExitStack())
        doomed = dying.enter_context(Exposition(DYING).serving())
        config = _config(
            collectors=[stack.enter_context(collector.serving()), doomed],
            sidecars=[stack.enter_context(sidecar.serving())],
            prometheus=f"{LOOPBACK}:{free_port()}",
            alertmanagers=[alertmanager.url.removeprefix("http://")],
            settings=FAST,
        )
        # What is sent before Alertmanager has been discovered is sent again soon, and so is a text that has changed.
        flags = ["--rules.alert.resend-delay=1s"]
        prometheus = stack.enter_context(start_prometheus(home / "prometheus", config, port, flags))
        wait_for("the first scrapes", lambda: _answers(prometheus.url, f'up{{instance="{doomed}"}} == 1'))
        dying.close()
        yield World(prometheus.url, rules, alertmanager.url)


def _config(**servers: Any) -> str:
    """A configuration that scrapes nobody as Alertmanager; where it says that Prometheus is, nobody answers."""
    config = yaml.safe_load(prometheus_config(**servers))
    config["scrape_configs"] = [
        job for job in config["scrape_configs"] if job["job_name"] != ALERTMANAGER_JOB
    ]
    return str(yaml.safe_dump(config))


def _answers(prometheus: str, query: str) -> bool:
    found = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=10).json()
    return bool(found["data"]["result"])


def _alertname(entry: str) -> str:
    return entry.split(maxsplit=1)[0]


def test_every_alert_has_a_scenario_or_a_reason(scenarios: dict[str, Scenario]) -> None:
    """A new alert without a scenario is noticed here, and so is a scenario whose alert has gone."""
    seen = {f"{_alertname(entry)} {found.labels['severity']}" for entry, found in scenarios.items()}
    assert seen.isdisjoint(PROMTOOL_ONLY)
    assert seen | set(PROMTOOL_ONLY) == set(ALERTS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_alert_reaches_alertmanager_with_its_words(
    entry: str, scenarios: dict[str, Scenario], world: World
) -> None:
    """The alert fires in Alertmanager with all its labels, what was expected and seen, and links that lead there."""
    name, labels = _alertname(entry), scenarios[entry].labels
    said = world.wait_for_alert(name, scenarios[entry])["annotations"]
    assert said["summary"] == ALERTS[f"{name} {labels['severity']}"].annotations["summary"]
    assert said["runbook_url"] == f"{DEFAULT.runbook_url}#{name.lower()}"
    assert said["dashboard_url"].startswith(f"{DEFAULT.grafana_url}/d/")
    if api_name := labels.get("api_name"):
        assert f"var-api_name={quote_plus(api_name)}" in said["dashboard_url"]


def test_the_servers_say_what_the_rules_read(world: World) -> None:
    """What rules read of Prometheus and Alertmanager themselves are names that both expose."""
    for url, names in (
        (world.prometheus, foreign.OF_PROMETHEUS),
        (world.alertmanager, foreign.OF_ALERTMANAGER),
    ):
        text = requests.get(f"{url}/metrics", timeout=10).text
        assert {name for name in names if f"\n{name}" not in text} == set()


async def test_a_rule_added_at_run_time_fires_and_ends_with_its_removal(world: World) -> None:
    """Added through the Python face, with a number and with what is learnt, both reach Alertmanager; removed, both end."""
    manager = AlertManager(world.rules, world.prometheus, FAST)
    slow, flaky = "Söhne antworten langsam", "Plus souvent en panne que d'habitude"
    await manager.add_custom_alert_rule(slow, "response_time", 0.4, ">=", "info", "Too slow for us.")
    learnt = await manager.add_custom_alert_rule(
        flaky, "success_rate", "learned", "<", "warning", "Fails more than it should."
    )
    assert learnt.reloaded
    labels = {"component": "custom", "environment": ENVIRONMENT, "kind": "custom"}
    world.wait_for_alert(
        slow,
        Scenario(
            "Too slow for us. flaky: seen 0.5, the rule asks for >= 0.4.",
            {**labels, "severity": "info", "api_name": "flaky"},
        ),
    )
    world.wait_for_alert(
        flaky,
        Scenario(
            "Fails more than it should. flaky: seen 80, the rule asks for < 90 % (learnt).",
            {**labels, "severity": "warning", "api_name": "flaky"},
        ),
    )
    assert {alert["labels"]["api_name"] for alert in world.alerts(flaky)} == {"flaky"}
    for name in (slow, flaky):
        assert (await manager.remove_custom_alert_rule(name)).reloaded
    wait_for("the end of both", lambda: not world.alerts(slow) and not world.alerts(flaky))
