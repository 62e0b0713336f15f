"""RapidAPI - Alerts and ML: what fires, what is anomalous, whether to believe it, and where the lines are drawn."""

from __future__ import annotations

from typing import Any, Final

from grafanalib.core import Dashboard

from alert_rules.settings import DEFAULT
from dashboards.common import ANY_API, accuracy, alerts_by_severity, budget, score
from dashboards.error_budget import budgets, burn_rates
from dashboards.frame import frame
from dashboards.layout import Section, Sized
from dashboards.names import ALERTS, FEATURES
from dashboards.palette import BAD, GOOD, NEUTRAL, WARN
from dashboards.panels import (
    FREE,
    label_names,
    line,
    named_lines,
    stat,
    state_timeline,
    steps,
    time_series,
    value_names,
)
from dashboards.queries import RATE, alerts_active, firing, increase, of_api, series
from dashboards.tables import KEYS, Column, table
from ml_sidecar import contract as ml

TITLE: Final = "RapidAPI - Alerts and ML"

_SEVERITIES: Final = {"critical": BAD, "warning": WARN, "info": GOOD}
_FEATURE_LINES: Final = named_lines({name: (shown.words, shown.color) for name, shown in FEATURES.items()})


def _now() -> list[Sized]:
    anomalies = stat(
        "Anomalies in this time span",
        "Anomaly episodes that closed in the chosen time span, by the severity that they reached.",
        [
            (f"sum({increase(series(ml.ANOMALIES.name, {'severity': severity}))})", severity)
            for severity in ml.SEVERITIES
        ],
        "none",
        steps(NEUTRAL),
        decimals=0,
    )
    return [(alerts_by_severity(), 6), (anomalies, 6), (budget(), 4), (accuracy(), 8)]


def _alerts() -> list[Sized]:
    since = f"max by (alertname, severity, api_name, environment) ({_since()})"
    severities = {severity: severity for severity in _SEVERITIES}
    active = table(
        "Firing now",
        "Alerts that are firing, since when. The runbook says what each means and what to do.",
        [
            Column("Severity", since, {"mappings": label_names(severities)}, "severity"),
            Column("Since", f"1000 * {since}", {"unit": "dateTimeFromNow", "noValue": "now"}),
        ],
        keys={"alertname": "Alert", **KEYS},
        none="No alert is firing",
    )
    history = time_series(
        "Alerts active over time",
        "Alerts that were firing, by severity.",
        [(alerts_active(severity), severity) for severity in _SEVERITIES],
        "none",
        overrides=[line(severity, color) for severity, color in _SEVERITIES.items()],
    )
    return [(active, 14), (history, 10)]


def _since() -> str:
    """Return the time since which each firing alert's condition holds."""
    return f"{firing('ALERTS_FOR_STATE', state=False)} and ignoring (alertstate) {firing()}"


def _anomalies() -> list[Sized]:
    open_ = state_timeline(
        "Anomalies",
        "When an anomaly episode of each API was open.",
        [(of_api(ml.ANOMALY), ANY_API)],
        value_names((0, "normal", GOOD), (1, "anomalous", WARN)),
    )
    return [(open_, 12), (score(), 12)]


def _trends() -> list[Sized]:
    units = {
        ml.SUCCESS_RATE: ("Success rate per day", {"unit": "percent"}),
        ml.RESPONSE_TIME: ("Response time per day", {"unit": "s"}),
        ml.ERROR_RATE: ("Error rate per day", {"unit": "percent"}),
        ml.REQUESTS_PER_MINUTE: ("Requests per minute, per day", {"unit": "reqpm"}),
    }
    steady = {"mappings": value_names((0, "steady", GOOD)), "noValue": "not known yet"}
    columns = [
        Column(title, of_api(ml.TREND, feature=name), steady | unit) for name, (title, unit) in units.items()
    ]
    now = table(
        "Trends",
        "By how much each feature rises or falls per day. Steady: the slope cannot be told from none.",
        columns,
    )
    success = time_series(
        "Trend of the success rate",
        f"Points per day. Below {DEFAULT.trend:g} points a day an alert says that the API degrades slowly.",
        [(of_api(ml.TREND, feature=ml.SUCCESS_RATE), ANY_API)],
        "percent",
        axis=FREE,
        thresholds=steps(BAD, (DEFAULT.trend, NEUTRAL)),
    )
    return [(now, 14), (success, 10)]


def _thresholds(name: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    shown = FEATURES[name]
    value = {"unit": shown.unit, "noValue": "none"}
    columns = []
    for bound, side in (("lower", "below"), ("upper", "above")):
        if (name, bound) in _BOUNDS:
            columns += [
                Column(f"Warning {side}", _threshold(name, "warning", bound), value),
                Column(f"Critical {side}", _threshold(name, "critical", bound), value),
            ]
    cost = {"unit": "none", "decimals": 2, "noValue": "not known yet"}
    columns += [
        Column("Warnings a week", of_api(ml.THRESHOLD_ALERTS, feature=name, severity="warning"), cost),
        Column("Criticals a week", of_api(ml.THRESHOLD_ALERTS, feature=name, severity="critical"), cost),
    ]
    return table(
        _THRESHOLD_TITLES[name],
        "Learnt limits, and how many alerts a week each would have cost on the training window.",
        columns,
    )


_BOUNDS: Final = (
    (ml.SUCCESS_RATE, "lower"),
    (ml.RESPONSE_TIME, "upper"),
    (ml.ERROR_RATE, "upper"),
    (ml.REQUESTS_PER_MINUTE, "lower"),
    (ml.REQUESTS_PER_MINUTE, "upper"),
)
"""The sides on which the default features are bad; each has thresholds there and nowhere else."""
_THRESHOLD_TITLES: Final = {
    ml.SUCCESS_RATE: "Thresholds of success rate",
    ml.RESPONSE_TIME: "Thresholds of response time",
    ml.ERROR_RATE: "Thresholds of error rate",
    ml.REQUESTS_PER_MINUTE: "Thresholds of requests per minute",
}


def _threshold(name: str, severity: str, bound: str) -> str:
    return of_api(ml.THRESHOLD, feature=name, severity=severity, bound=bound)


def _changes() -> Any:  # noqa: ANN401 - grafanalib is untyped
    changes = increase(series(ml.THRESHOLD_CHANGES.name), "feature", window=RATE)
    return time_series(
        "Threshold changes",
        "How many learnt thresholds changed, by feature.",
        [(f"sum by (feature) ({changes})", "{{feature}}")],
        "none",
        overrides=_FEATURE_LINES,
    )


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return frame(
        ALERTS,
        TITLE,
        "Active alerts, anomalies, how far to trust the models, trends, and learnt thresholds with their cost.",
        [
            Section("Now", _now(), 4),
            Section("Alerts", _alerts()),
            Section("Error budgets", [(budgets(), 12), (burn_rates(), 12)]),
            Section("Anomalies", _anomalies(), 9),
            Section("Trends", _trends()),
            Section("Thresholds", [*((_thresholds(name), 12) for name in FEATURES), (_changes(), 24)]),
        ],
    )
