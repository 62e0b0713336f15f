"""Causes that many alerts have in common, and APIs and collectors of which nothing is heard any more."""

from __future__ import annotations

import time

from collector import contract as raw
from ml_sidecar import contract as ml
from tests.integration.exposition import now, rising, until
from tests.integration.scenarios.scenario import Scenario, api, health_of, labels_of, of, traffic


def parent_down() -> Scenario:
    """An API depends on another one, which is down."""
    return Scenario(
        "child (staging) depends on down: expected it to answer, seen it down. Alerts of this API are held back.",
        labels_of("child", "none", "api", "inhibitor", parent="down"),
        collector=[api("child")(raw.PARENT_INFO, 1, parent="down")],
    )


def many_down() -> Scenario:
    """All three APIs of an environment are down."""
    return Scenario(
        "blackout: expected APIs to fail independently, seen 3 down at once: first, second, third. "
        "Look for what they share: network, DNS, proxy, the collector's host.",
        {"environment": "blackout", "severity": "critical", "component": "api", "kind": "symptom"},
        collector=[
            series
            for name in ("first", "second", "third")
            for series in traffic(name, success=0, error=1, environment="blackout")
        ],
    )


def many_anomalous() -> Scenario:
    """All three APIs of an environment are anomalous."""
    return Scenario(
        "epidemic: expected anomalies of APIs to be independent, seen 3 at once. "
        "They have a cause in common, or the model is at fault.",
        {"environment": "epidemic", "severity": "warning", "component": "ml", "kind": "sign"},
        sidecar=[
            of("epidemic", ml.LAST_SCORE, now),
            *(api(name, "epidemic")(ml.ANOMALY, 1) for name in ("first", "second", "third")),
        ],
    )


def api_silent() -> Scenario:
    """The collector lives, but has not probed for a minute."""
    return Scenario(
        "mute (staging): expected a probe in every interval, seen none for <time>, which is more than 3 intervals. "
        "Nobody watches it meanwhile.",
        labels_of("mute", "warning", "collector", "health"),
        collector=[
            api("mute")(raw.PROBE_INTERVAL, 1),
            api("mute")(raw.LAST_PROBE, time.time() - 60),
        ],
    )


def api_vanished() -> Scenario:
    """The collector reports an API for a quarter of a minute, and then no longer."""
    return Scenario(
        "gone (staging): expected to be reported as it was within the last 1m, seen nothing of it for 5s. "
        "If it was taken out of the configuration, all is well.",
        labels_of("gone", "info", "collector", "health"),
        collector=[api("gone")(raw.PROBE_INTERVAL, until(15, 1))],
    )


def collector_down() -> Scenario:
    """The only collector of an environment has died."""
    return Scenario(
        "Expected a collector that answers in dark, seen none. "
        "No API is probed, and no alert about an API can fire.",
        health_of("collector", "critical", environment="dark"),
        doomed=[of("dark", raw.UPTIME, rising(1))],
    )


def api_paused() -> Scenario:
    """What is left of a quota is kept for others."""
    return Scenario(
        "spared (staging): expected a pause of less than 15s, seen a longer one. "
        "The rest of its quota is kept for others: its quota_reserve is reached. Nobody watches it meanwhile.",
        labels_of("spared", "info", "collector", "health"),
        collector=[api("spared")(raw.PAUSED, 1, cause="quota_reserve")],
    )


def collector_reload_failed() -> Scenario:
    """The collector goes on with a former configuration."""
    return Scenario(
        "<collector> (mistyped): expected the last load of the configuration to succeed, seen it fail; "
        "the former one is in service.",
        health_of("collector", environment="mistyped", job=raw.JOB, instance="<collector>"),
        collector=[of("mistyped", raw.RELOAD_SUCCESS, 0)],
    )


def discovery_failing() -> Scenario:
    """A source of APIs cannot be read."""
    return Scenario(
        "<collector> (lost): expected the source Inventory to be read, seen it fail for 10s; "
        "its last good list is in service, and none after a restart.",
        health_of("collector", environment="lost", job=raw.JOB, instance="<collector>", source="Inventory"),
        collector=[of("lost", raw.DISCOVERY_UP, 0, source="Inventory")],
    )
