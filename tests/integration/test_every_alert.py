"""Every alert, from what is measured to what Alertmanager holds: fired by real servers, every duration scaled by one constant.

All scenarios run side by side in one Prometheus; what they have measured comes from expositions that the test fills.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
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
from collector import contract as raw
from demo.processes import LOOPBACK, free_port, start_alertmanager, start_prometheus
from ml_sidecar import contract as ml
from tests.integration.exposition import Exposition, now
from tests.integration.scenarios.every import PROMTOOL_ONLY, SCENARIOS
from tests.integration.scenarios.monitoring import DEAD_JOB
from tests.integration.scenarios.scenario import ENVIRONMENT, Scenario, labels_of, of
from tests.integration.stack import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("alerts")]

SIXTY_TIMES: Final = replace(
    DEFAULT.scaled(1 / 60), down_window=4, paused_for=15, sidecar_max_age=10, slo_known=0
)
"""Prometheus scrapes once a second at most: a window needs four scrapes, and a busy machine may be late by some. Half of
three days would be half an hour even so; nobody waits for that much to be known."""
ALERTS: Final = {
    f"{rule.alert} {rule.severity}": rule
    for group in groups(SIXTY_TIMES)
    for rule in group.rules
    if isinstance(rule, AlertingRule)
}
PATIENCE: Final = 100.0
"""Seconds from the start of both servers until everything has fired; some alerts have to hold for fifteen."""


@dataclass(frozen=True)
class World:
    """A Prometheus with all rules and all scenarios, and the Alertmanager that it tells.

    Attributes:
        places: What stands for an address in scenarios, and the address.
        began: When everything had been started, on the monotonic clock.
    """

    prometheus: str
    alertmanager: str
    rules: Path
    places: dict[str, str]
    began: float

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
            return alert["labels"] == labels and scenario.says(alert["annotations"]["description"])

        left = max(5.0, self.began + PATIENCE - time.monotonic())
        try:
            return wait_for(alertname, lambda: next(filter(fits, self.alerts(alertname)), None), left)
        except AssertionError as error:
            error.add_note(f"wanted: {dict(scenario.labels)}\n{scenario.description}")
            error.add_note(f"Alertmanager holds: {self.alerts(alertname)}")
            raise

    def instances(self) -> set[str]:
        """The collectors that answer."""
        answer = requests.get(
            f"{self.prometheus}/api/v1/query",
            params={"query": f'{raw.UPTIME.name}{{job="{raw.JOB}"}}'},
            timeout=10,
        )
        return {series["metric"]["instance"] for series in answer.json()["data"]["result"]}


@pytest.fixture(scope="module")
def scenarios() -> dict[str, Scenario]:
    """What has to be measured for each alert."""
    return {name: build() for name, build in SCENARIOS.items()}


def _config(alertmanager: str, port: int, collectors: list[str], sidecar: str, prometheus: str) -> str:
    """A Prometheus that has forgotten to scrape Alertmanager, and has a job of which the only target is dead."""
    config = yaml.safe_load(
        prometheus_config(
            collectors=collectors,
            sidecars=[sidecar],
            prometheus=prometheus,
            alertmanagers=[alertmanager],
            settings=SIXTY_TIMES,
        )
    )
    jobs = [job for job in config["scrape_configs"] if job["job_name"] != ALERTMANAGER_JOB]
    dead = {"job_name": DEAD_JOB, "static_configs": [{"targets": [f"{LOOPBACK}:{port}"]}]}
    return yaml.safe_dump(config | {"scrape_configs": [*jobs, dead]})


@pytest.fixture(scope="module")
def world(scenarios: dict[str, Scenario], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two servers, and expositions of all scenarios at once; one collector dies as soon as it has been scraped."""
    home = tmp_path_factory.mktemp("alerts")
    rules = home / "prometheus" / "rules"
    rules.mkdir(parents=True)
    for name, text in rule_files(SIXTY_TIMES).items():
        (rules / name).write_text(text)
    scoring = of(ENVIRONMENT, ml.LAST_SCORE, now)
    told = {
        role: Exposition(series for found in scenarios.values() for series in getattr(found, role))
        for role in ("collector", "sidecar", "prometheus", "doomed")
    }
    told["sidecar"].series.append(scoring)
    with ExitStack() as stack, ExitStack() as life:
        places = {
            f"<{role}>": (life if role == "doomed" else stack).enter_context(exposition.serving())
            for role, exposition in told.items()
        }
        alertmanager = stack.enter_context(
            start_alertmanager(home / "alertmanager", alertmanager_config(Receivers()))
        )
        config = _config(
            alertmanager.url.removeprefix("http://"),
            free_port(),
            [places["<collector>"], places["<doomed>"]],
            places["<sidecar>"],
            places["<prometheus>"],
        )
        # What is sent before Alertmanager has been discovered is sent again soon, and so is a text that has changed.
        flags = ["--rules.alert.resend-delay=1s"]
        prometheus = stack.enter_context(start_prometheus(home / "prometheus", config, None, flags))
        found = World(prometheus.url, alertmanager.url, rules, places, time.monotonic())
        wait_for("the collector that is to die", lambda: places["<doomed>"] in found.instances())
        life.close()
        yield found


def test_every_alert_has_a_scenario_or_a_reason(scenarios: dict[str, Scenario]) -> None:
    """A new alert without a scenario is noticed here, and so is a scenario whose alert has gone."""
    assert set(SCENARIOS).isdisjoint(PROMTOOL_ONLY)
    assert set(SCENARIOS) | set(PROMTOOL_ONLY) == set(ALERTS)
    assert {name: found.labels["severity"] for name, found in scenarios.items()} == {
        name: name.split()[1] for name in scenarios
    }


@pytest.mark.parametrize("entry", SCENARIOS)
def test_the_alert_reaches_alertmanager_with_its_words(
    entry: str, scenarios: dict[str, Scenario], world: World
) -> None:
    """The alert fires in Alertmanager with all its labels, what was expected and seen, and links that lead there."""
    name = ALERTS[entry].alert
    said = world.wait_for_alert(name, scenarios[entry].at(world.places))["annotations"]
    assert said["summary"] == ALERTS[entry].annotations["summary"]
    assert said["runbook_url"] == f"{DEFAULT.runbook_url}#{name.lower()}"
    assert said["dashboard_url"].startswith(f"{DEFAULT.grafana_url}/d/")
    if api_name := scenarios[entry].labels.get("api_name"):
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
    manager = AlertManager(world.rules, world.prometheus, SIXTY_TIMES)
    slow, flaky = "Söhne antworten langsam", "Plus souvent en panne que d'habitude"
    await manager.add_custom_alert_rule(slow, "response_time", 0.4, ">=", "info", "Too slow for us.")
    learnt = await manager.add_custom_alert_rule(
        flaky, "success_rate", "learned", "<", "warning", "Fails more than it should."
    )
    assert learnt.reloaded
    world.wait_for_alert(
        slow,
        Scenario(
            "Too slow for us. flaky: seen 0.5, the rule asks for >= 0.4.",
            labels_of("flaky", "info", "custom", "custom"),
        ),
    )
    world.wait_for_alert(
        flaky,
        Scenario(
            "Fails more than it should. flaky: seen 80, the rule asks for < 90 % (learnt).",
            labels_of("flaky", "warning", "custom", "custom"),
        ),
    )
    assert {alert["labels"]["api_name"] for alert in world.alerts(flaky)} == {"flaky"}
    for name in (slow, flaky):
        assert (await manager.remove_custom_alert_rule(name)).reloaded
    wait_for("the end of both", lambda: not world.alerts(slow) and not world.alerts(flaky))
