"""What silences what: by logic over all alerts, and before a running Alertmanager."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from alert_rules.alertmanager import alertmanager_config
from alert_rules.receivers import Receivers
from demo.processes import start_alertmanager
from tests.alert_rules.inhibiting import ALERTS, Labels, is_of_an_api, labels_of, silences

OF_APIS = [rule for rule in ALERTS if is_of_an_api(rule)]
SILENCING = {
    "RapidAPIDown": {"RapidAPIAnomaly", "RapidAPISuccessRateLow", "RapidAPIResponseTimeHigh"},
    "RapidAPISuccessRateLow": {"RapidAPIAnomaly", "RapidAPIResponseTimeHigh"},
    "RapidAPIAnomaly": {"RapidAPISuccessRateLow", "RapidAPIAnomalyScoreHigh"},
    "RapidAPIManyDown": {"RapidAPIDown", "RapidAPIAnomaly", "RapidAPIManyAnomalous"},
    "RapidAPIManyAnomalous": {"RapidAPIAnomaly", "RapidAPIAnomalyScoreHigh"},
    "RapidAPIParentDown": {"RapidAPIDown", "RapidAPIAnomaly", "RapidAPISuccessRateLow"},
    "MLSidecarSilent": {"RapidAPIAnomaly"},
    "CollectorDown": {"RapidAPISilent", "RapidAPIPaused", "RapidAPIVanished", "MLSidecarNotScoring"},
}
"""Some of what each alert silences; written by hand, for the logic to be compared with."""
NEVER_SILENCED = {
    "RapidAPICertificateExpiring",
    "RapidAPIQuotaExhausting",
    "MLSidecarSilent",
    "CollectorDown",
    "Watchdog",
}


def _silenced_by(name: str) -> set[str]:
    return {
        target.alert
        for source, target in itertools.product(ALERTS, repeat=2)
        if source.alert == name and silences(labels_of(source), labels_of(target))
    }


@pytest.mark.parametrize("source", SILENCING)
def test_a_problem_is_told_once(source: str) -> None:
    """The alert that says most silences those that say the same in other words."""
    assert SILENCING[source] <= _silenced_by(source)


@pytest.mark.parametrize("name", sorted(NEVER_SILENCED))
def test_causes_and_the_monitoring_itself_are_always_told(name: str) -> None:
    """A certificate or quota that runs out, a dead sidecar and the heartbeat are told whatever else fires, if only in the worse of two forms."""
    assert name in {rule.alert for rule in ALERTS}
    assert {source.alert for source in ALERTS if name in _silenced_by(source.alert)} <= {name}


def test_nothing_silences_itself_or_goes_round_in_a_circle() -> None:
    """Of what fires at least one alert is always told: two that silenced each other would both be quiet."""
    edges = {
        (source.alert, source.severity): {
            (target.alert, target.severity)
            for target in ALERTS
            if silences(labels_of(source), labels_of(target))
        }
        for source in ALERTS
    }
    seen: dict[tuple[str, str], bool] = {}

    def visit(alert: tuple[str, str]) -> None:
        assert seen.get(alert, True), f"{alert} is part of a circle"
        if alert not in seen:
            seen[alert] = False
            for silenced in edges[alert]:
                visit(silenced)
            seen[alert] = True

    for alert in edges:
        visit(alert)


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Alertmanager with our configuration, and nobody to tell."""
    with start_alertmanager(
        tmp_path_factory.mktemp("inhibitions"), alertmanager_config(Receivers())
    ) as server:
        yield server.url


def _send(alertmanager: str, alerts: list[Labels]) -> None:
    body = [{"labels": labels, "annotations": {}} for labels in alerts]
    requests.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=30).raise_for_status()


def _held(alertmanager: str, environment: str) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{alertmanager}/api/v2/alerts", params={"filter": f'environment=~"{environment}.*"'}, timeout=30
    )
    return list(answer.json())


@pytest.mark.integration
def test_alertmanager_silences_what_the_logic_says(alertmanager: str) -> None:
    """For each two alerts of one API, alone in an environment, the server decides as the logic above does."""
    pairs = list(itertools.product(OF_APIS, repeat=2))
    wanted = {}
    for number, (source, target) in enumerate(pairs):
        environment = f"pair{number:04}"
        alerts = [labels_of(source, "x", environment), labels_of(target, "x", environment)]
        _send(alertmanager, alerts)
        wanted[environment] = {
            alert["alertname"] + alert["severity"]
            for other, alert in (alerts, alerts[::-1])
            if silences(other, alert)
        }
    found: dict[str, set[str]] = {environment: set() for environment in wanted}
    for alert in _held(alertmanager, "pair"):
        if alert["status"]["state"] == "suppressed":
            labels = alert["labels"]
            found[labels["environment"]].add(labels["alertname"] + labels["severity"])
    assert found == wanted


@pytest.mark.integration
def test_one_api_never_silences_another(alertmanager: str) -> None:
    """Whatever fires for one API, critical or not, every alert of another one in its environment stays active."""
    for number, rule in enumerate(OF_APIS):
        environment = f"neighbours{number:04}"
        noisy = [labels_of(other, "noisy", environment) for other in OF_APIS]
        _send(alertmanager, [*noisy, labels_of(rule, "quiet", environment)])
    of_quiet = [
        alert for alert in _held(alertmanager, "neighbours") if alert["labels"]["api_name"] == "quiet"
    ]
    assert len(of_quiet) == len(OF_APIS)
    assert {alert["status"]["state"] for alert in of_quiet} == {"active"}
