"""What has to be measured for alerts on what is to come, on shared causes, and on the monitoring itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from alert_rules import foreign
from collector import contract as raw
from ml_sidecar import contract as ml
from tests.integration.alert_scenarios import ENVIRONMENT, Scenario, api, traffic
from tests.integration.exposition import Series, Value, now, rising, seconds_ago

DEAD: Final = "dead"
"""Environment of the collector that dies while the test runs."""
DYING: Final = (
    Series(raw.UPTIME.name, {"environment": DEAD}, 9),
    Series(raw.PROBE_INTERVAL.name, {"environment": DEAD, "api_name": "gone"}, 1),
)
"""What that collector says as long as it lives."""
_COLLECTOR: Final = {"job": raw.JOB}
_SIDECAR: Final = {"job": ml.JOB}


def _told(severity: str, component: str, kind: str, **more: str) -> dict[str, str]:
    return {"severity": severity, "component": component, "kind": kind, **more}


def _of(name: str, severity: str, component: str, kind: str, **more: str) -> dict[str, str]:
    return _told(severity, component, kind, api_name=name, environment=ENVIRONMENT, **more)


def _moved(series: list[Series], environment: str) -> list[Series]:
    """The same series in another environment."""
    return [found._replace(labels={**found.labels, "environment": environment}) for found in series]


# ------------------------------------------------------------------ what is to come


def degrading() -> Scenario:
    """The success rate falls by six points a day."""
    return Scenario(
        "sinking (staging): expected a steady success rate, seen it change by -6 points a day; -5 is the limit.",
        _of("sinking", "warning", "ml", "sign"),
        sidecar=[api("sinking")(ml.TREND, -6, feature=ml.SUCCESS_RATE)],
    )


def breach_predicted() -> Scenario:
    """A breach within two hours is probable, and the forecast has skill."""
    series = api("filling")
    return Scenario(
        "filling (staging): expected its response time to stay within its critical threshold, seen a probability of "
        "80% that it will not, most probably in 2h (forecasts from 0.5 to 2.5).",
        _of("filling", "warning", "ml", "sign", feature=ml.RESPONSE_TIME),
        sidecar=[
            Series(ml.SKILL.name, {"environment": ENVIRONMENT, "feature": ml.RESPONSE_TIME}, 0.3),
            series(ml.BREACH_PROBABILITY, 0.1, feature=ml.RESPONSE_TIME, horizon="1h"),
            series(ml.BREACH_PROBABILITY, 0.8, feature=ml.RESPONSE_TIME, horizon="2h"),
            series(ml.PREDICTED, 0.5, feature=ml.RESPONSE_TIME, horizon="1h"),
            series(ml.PREDICTED, 2.5, feature=ml.RESPONSE_TIME, horizon="2h"),
        ],
    )


def threshold_changed() -> Scenario:
    """The threshold changes again and again."""
    series = api("relearnt")
    return Scenario(
        re.compile(
            r"relearnt \(staging\): the warning threshold of its success rate was learnt anew; "
            r"expected (none|98) as before, seen 98 now\."
        ),
        _of("relearnt", "info", "ml", "note", feature=ml.SUCCESS_RATE),
        sidecar=[
            series(ml.THRESHOLD_CHANGES, rising(0.2), feature=ml.SUCCESS_RATE),
            series(ml.THRESHOLD, 98, feature=ml.SUCCESS_RATE, severity="warning", bound="lower"),
        ],
    )


def quota_exhausting() -> Scenario:
    """A request a second, and a hundred for the next hour."""
    series = api("rationed")
    return Scenario(
        re.compile(
            r"rationed \(staging\): expected its quota day to last until it is renewed, seen \d+ of 1000 requests left, "
            r"and at this pace -\d+ by then\."
        ),
        _of("rationed", "warning", "api", "cause", quota="day"),
        collector=[
            series(raw.QUOTA_LIMIT, 1000, quota="day"),
            series(raw.QUOTA_REMAINING, rising(-1, 900), quota="day"),
            series(raw.QUOTA_RESET, seconds_ago(-3600), quota="day"),
        ],
    )


def certificate_expiring() -> Scenario:
    """The certificate is valid for twelve hours, where a scaled day has 96 minutes."""
    return Scenario(
        re.compile(
            r"ageing \(staging\): expected a certificate that is valid for at least 1344m, seen one that "
            r"expires in 1[12]h .*s\. Every request fails from then on\."
        ),
        _of("ageing", "warning", "api", "cause"),
        collector=[api("ageing")(raw.CERTIFICATE_EXPIRY, seconds_ago(-12 * 3600))],
    )


def certificate_expired() -> Scenario:
    """The certificate has expired."""
    return Scenario(
        "expired (staging): expected a certificate that is valid for at least 192m, seen one that has expired. "
        "Every request fails from then on.",
        _of("expired", "critical", "api", "cause"),
        collector=[api("expired")(raw.CERTIFICATE_EXPIRY, seconds_ago(60))],
    )


# ------------------------------------------------------------------ error budgets


def _burning(severity: str) -> Callable[[], Scenario]:
    def build() -> Scenario:
        """Every second request fails."""
        name = f"burning-{severity}"
        return Scenario(
            re.compile(
                rf"{name} \(staging\): expected at most 1 % of the requests to fail, seen (49\.\d+|50(\.\d+)?)%\. "
                r"Of the error budget of 2d (-\d+ %|an unknown part) is left\. Most failures: http_5xx\."
            ),
            _of(name, severity, "api", "symptom"),
            collector=traffic(name, success=0.5, error=0.5),
        )

    return build


# ------------------------------------------------------------------ causes in common


def parent_down() -> Scenario:
    """An API depends on the one that is down."""
    return Scenario(
        "child (staging) depends on down: expected it to answer, seen it down. Alerts of this API are held back.",
        _of("child", "none", "api", "inhibitor", parent="down"),
        collector=[api("child")(raw.PARENT_INFO, 1, parent="down")],
    )


def many_down() -> Scenario:
    """All three APIs of an environment are down."""
    fleet = [series for name in ("x", "y", "z") for series in traffic(name, success=0, error=1)]
    return Scenario(
        "fleet: expected APIs to fail independently, seen 3 down at once. "
        "Look for what they share: network, DNS, proxy, the collector's host.",
        _told("critical", "api", "symptom", environment="fleet"),
        collector=_moved(fleet, "fleet"),
    )


def many_anomalous() -> Scenario:
    """All three APIs of an environment behave unusually."""
    fleet = [api(name)(ml.ANOMALY, 1) for name in ("x", "y", "z")]
    return Scenario(
        "odd-fleet: expected anomalies of APIs to be independent, seen 3 at once. "
        "They have a cause in common, or the model is at fault.",
        _told("warning", "ml", "sign", environment="odd-fleet"),
        sidecar=[*_moved(fleet, "odd-fleet"), Series(ml.LAST_SCORE.name, {"environment": "odd-fleet"}, now)],
    )


# ------------------------------------------------------------------ silence


def silent() -> Scenario:
    """The last probe is always half a minute old, where there is to be one every second."""
    series = api("mute")
    return Scenario(
        re.compile(
            r"mute \(staging\): expected a probe in every interval, seen none for 3\d(\.\d+)?s, which is more than "
            r"3 intervals\. Nobody watches it meanwhile\."
        ),
        _of("mute", "warning", "collector", "health"),
        collector=[series(raw.LAST_PROBE, seconds_ago(30)), series(raw.PROBE_INTERVAL, 1)],
    )


def vanished() -> Scenario:
    """The only collector that probed it has died."""
    return Scenario(
        "gone (dead): expected to be reported as it was within the last 4m, seen nothing of it for 20s. "
        "If it was taken out of the configuration, all is well.",
        _told("info", "collector", "health", api_name="gone", environment=DEAD),
    )


def collector_down() -> Scenario:
    """The collector of an environment has died."""
    return Scenario(
        "Expected a collector that answers in dead, seen none. No API is probed, and no alert about an API can fire.",
        _told("critical", "collector", "health", environment=DEAD),
    )


def collector_reload_failed() -> Scenario:
    """A collector says that it could not load its configuration."""
    return Scenario(
        re.compile(
            r"\S+ \(mistyped\): expected the last load of the configuration to succeed, seen it fail; "
            r"the former one is in service\."
        ),
        _told("warning", "collector", "health", environment="mistyped", **_COLLECTOR),
        collector=[Series(raw.RELOAD_SUCCESS.name, {"environment": "mistyped"}, 0)],
    )


# ------------------------------------------------------------------ models


def model_old() -> Scenario:
    """The model was trained four hours ago, where a scaled day has 96 minutes."""
    labels = {"environment": ENVIRONMENT, "model_name": "anomaly_detector"}
    return Scenario(
        re.compile(
            r"anomaly_detector \(staging\): expected a training every 96m, seen the last one 4h 0m \d+s ago\."
        ),
        _told("warning", "model", "health", **labels),
        sidecar=[Series(ml.MODEL_TRAINED.name, labels, seconds_ago(4 * 3600))],
    )


def _promise(metric: ml.Metric, value: float, environment: str, says: str) -> Callable[[], Scenario]:
    def build() -> Scenario:
        """A promise that is not kept."""
        labels = {"environment": environment, **dict.fromkeys(metric.labels, ml.RESPONSE_TIME)}
        return Scenario(
            says,
            _told("warning", "model", "health", **labels),
            sidecar=[Series(metric.name, labels, value)],
        )

    return build


# ------------------------------------------------------------------ the servers


def _server(component: str, says: str, series: Mapping[str, Value], **labels: str) -> Callable[[], Scenario]:
    def build() -> Scenario:
        """What a server would say of itself."""
        return Scenario(
            re.compile(says),
            _told("warning", component, "health", **_SIDECAR, **labels),
            sidecar=[Series(name, labels, value) for name, value in series.items()],
        )

    return build


def target_down() -> Scenario:
    """One of two collectors has died."""
    return Scenario(
        re.compile(
            r"rapidapi-collector at \S+: expected every target to answer, seen this one down while others of its job "
            r"answer\."
        ),
        _told("warning", "prometheus", "health", **_COLLECTOR),
    )


def job_down() -> Scenario:
    """Nothing answers where Prometheus is said to be."""
    return Scenario(
        "prometheus: expected at least one target to answer, seen all of them down.",
        _told("warning", "prometheus", "health", job="prometheus"),
    )


def job_absent() -> Scenario:
    """Alertmanager is not scraped."""
    return Scenario(
        "alertmanager: expected at least one target, seen none; is it in prometheus.yml?",
        _told("warning", "prometheus", "health", job="alertmanager"),
    )


_AT: Final = r"rapidapi-ml-sidecar at \S+: "

MONITORING: Final[Mapping[str, Callable[[], Scenario]]] = {
    "RapidAPIDegrading": degrading,
    "RapidAPIBreachPredicted": breach_predicted,
    "RapidAPIThresholdChanged": threshold_changed,
    "RapidAPIQuotaExhausting": quota_exhausting,
    "RapidAPICertificateExpiring": certificate_expiring,
    "RapidAPICertificateExpiring critical": certificate_expired,
    "RapidAPIErrorBudgetBurn critical": _burning("critical"),
    "RapidAPIParentDown": parent_down,
    "RapidAPIManyDown": many_down,
    "RapidAPIManyAnomalous": many_anomalous,
    "RapidAPISilent": silent,
    "RapidAPIVanished": vanished,
    "CollectorDown": collector_down,
    "CollectorConfigReloadFailed": collector_reload_failed,
    "MLModelOld": model_old,
    "MLModelDrift": _promise(
        ml.DRIFT,
        0.4,
        "drifting",
        "response time (drifting): expected a population stability index of at most 0.2 against the training window, "
        "seen 0.4.",
    ),
    "MLModelCoverageLow": _promise(
        ml.COVERAGE,
        0.5,
        "uncovered",
        "response time (uncovered): expected 90 % of the values inside their forecast interval, and at least 80 %; "
        "seen 50%.",
    ),
    "MLModelSkillLost": _promise(
        ml.SKILL,
        -0.2,
        "unskilled",
        "response time (unskilled): expected forecasts better than naive ones, a skill above 0; seen -0.2.",
    ),
    "MLModelFalseAlarms": _promise(
        ml.BUDGET_USED,
        2.5,
        "wolf",
        "wolf: expected the anomalies of 7 days to stay within the false-alarm budget, seen 250% of it used, "
        "unless real incidents were among them.",
    ),
    "PrometheusTargetDown": target_down,
    "PrometheusJobDown": job_down,
    "PrometheusJobAbsent": job_absent,
    "PrometheusTargetRestarting": _server(
        "prometheus",
        _AT + r"expected at most 2 restarts within 2m, seen \d+\.",
        {foreign.PROCESS_START: lambda elapsed: 1.7e9 + elapsed // 5},
    ),
    "PrometheusRuleFailures": _server(
        "prometheus",
        _AT + r"expected every rule of broken to be evaluated, seen \d+ failures within 20s\.",
        {foreign.RULE_FAILURES: rising(1)},
        rule_group="broken",
    ),
    "PrometheusRuleEvaluationSlow": _server(
        "prometheus",
        _AT + r"expected slow to be evaluated within its interval, seen 2s on average\.",
        {foreign.RULE_GROUP_DURATION: 2, foreign.RULE_GROUP_INTERVAL: 1},
        rule_group="slow",
    ),
    "PrometheusConfigReloadFailed": _server(
        "prometheus",
        _AT
        + "expected the last load of configuration and rules to succeed, seen it fail; the former ones are in "
        r"service\.",
        {foreign.PROMETHEUS_RELOAD: 0},
    ),
    "PrometheusAlertmanagerUnreachable": _server(
        "prometheus",
        _AT + r"expected every alert to reach Alertmanager, seen errors or no Alertmanager at all\.",
        {foreign.NOTIFICATION_ERRORS: rising(1), foreign.NOTIFICATIONS_SENT: rising(2)},
    ),
    "AlertmanagerNotificationsFailing": _server(
        "alertmanager",
        _AT + r"expected every message by email to arrive, seen 50% of them fail\.",
        {foreign.MESSAGES_FAILED: rising(1), foreign.MESSAGES: rising(2)},
        integration="email",
    ),
    "AlertmanagerConfigReloadFailed": _server(
        "alertmanager",
        _AT
        + r"expected the last load of the configuration to succeed, seen it fail; the former one is in service\.",
        {foreign.ALERTMANAGER_RELOAD: 0},
    ),
    "RapidAPIErrorBudgetBurn": _burning("warning"),
}
