"""RapidAPI - Overview: how the APIs do now, which of them to look at, and where they are heading."""

from __future__ import annotations

from typing import Any, Final

from grafanalib.core import Dashboard

from dashboards.common import alerts_by_severity, score
from dashboards.frame import frame
from dashboards.layout import Section, Sized
from dashboards.names import FEATURES, FORECAST, OVERVIEW, SCORE_HIGH, SCORE_OPENS
from dashboards.palette import BAD, GOOD, NEUTRAL, WARN
from dashboards.panels import label_names, stat, steps, time_series, value_names
from dashboards.queries import (
    alerts_active,
    feature,
    of_api,
    quota_left,
    state_of_api,
    why,
)
from dashboards.tables import COLORED_CELL, COLORED_TEXT, Column, table
from ml_sidecar import contract as ml

TITLE: Final = "RapidAPI - Overview"

_API: Final = "{{api_name}}"
_NOTHING: Final = "nothing"
_WORTH_A_REASON: Final = 0.5
_FARTHEST: Final = ml.HORIZONS[-1]


def _now() -> list[Sized]:
    critical, warning = alerts_active("critical"), alerts_active("warning")
    state = stat(
        "Overall state",
        "Whether any alert is firing: critical before warning.",
        [(f"2 * ({critical} > bool 0) + ({warning} > bool 0)", "state")],
        "none",
        steps(NEUTRAL),
        mappings=value_names(
            (0, "All well", GOOD), (1, "Warning", WARN), (2, "Critical", BAD), (3, "Critical", BAD)
        ),
    )
    anomalous = stat(
        "Anomalous APIs",
        "APIs with an open anomaly episode.",
        [(f"sum({of_api(ml.ANOMALY)})", "anomalous")],
        "none",
        steps(GOOD, (1, WARN)),
    )
    success = stat(
        "Success rate",
        "Mean over the APIs, each counting the same.",
        [(f"avg({feature(ml.SUCCESS_RATE)})", "success rate")],
        "percent",
        steps(BAD, (95, WARN), (99, GOOD)),
        decimals=2,
    )
    response = stat(
        "Response time",
        "Mean over the APIs, each counting the same.",
        [(f"avg({feature(ml.RESPONSE_TIME)})", "response time")],
        "s",
        steps(NEUTRAL),
    )
    requests = stat(
        "Requests per minute",
        "To all APIs together.",
        [(f"sum({feature(ml.REQUESTS_PER_MINUTE)})", "requests")],
        "reqpm",
        steps(NEUTRAL),
        decimals=1,
    )
    return [(panel, 4) for panel in (state, alerts_by_severity(), anomalous, success, response, requests)]


def _apis() -> Any:  # noqa: ANN401 - grafanalib is untyped
    states = value_names(
        (-1, "not scored", NEUTRAL), (0, "normal", GOOD), (1, "anomalous", WARN), (2, "critical", BAD)
    )
    reasons = {name: shown.words for name, shown in FEATURES.items()} | {_NOTHING: "nothing unusual"}
    scores = {"mode": "absolute", "steps": steps(NEUTRAL, (SCORE_OPENS, WARN), (SCORE_HIGH, BAD))}
    rates = {"mode": "absolute", "steps": steps(BAD, (95, WARN), (99, NEUTRAL))}
    quotas = {"mode": "absolute", "steps": steps(BAD, (0.1, WARN), (0.25, NEUTRAL))}
    return table(
        "APIs",
        "Each API with its state, how unusual it is and why, what it does now, the pattern it shows and what is left "
        "of its tightest quota. Not scored: probed, but silent or too new. Click an API to see it in depth.",
        [
            Column("State", state_of_api(), {"mappings": states, "custom.width": 110} | COLORED_CELL),
            Column(
                "Anomaly score",
                of_api(ml.ANOMALY_SCORE),
                {"unit": "none", "decimals": 2, "thresholds": scores} | COLORED_TEXT,
            ),
            Column("Why", why(_NOTHING, _WORTH_A_REASON), {"mappings": label_names(reasons)}, "feature"),
            Column(
                "Success rate",
                feature(ml.SUCCESS_RATE),
                {"unit": "percent", "decimals": 2, "thresholds": rates} | COLORED_TEXT,
            ),
            Column("Response time", feature(ml.RESPONSE_TIME), {"unit": "s", "noValue": "no answer"}),
            Column(
                "Pattern", f"{of_api(ml.PATTERN, 'pattern')} == 1", {"noValue": "not known yet"}, "pattern"
            ),
            Column(
                "Quota left",
                quota_left(),
                {"unit": "percentunit", "decimals": 0, "thresholds": quotas, "noValue": "none stated"}
                | COLORED_TEXT,
            ),
        ],
        sort_by="Anomaly score",
    )


def _traffic() -> list[Sized]:
    says = {
        ml.SUCCESS_RATE: "Share of requests that the API answered as expected, over the last 5 minutes (1 hour if "
        "probed rarely).",
        ml.RESPONSE_TIME: "Mean time from the start of a request to the last byte of its answer.",
        ml.REQUESTS_PER_MINUTE: "Probes and measured real traffic.",
    }
    return [
        (
            time_series(
                FEATURES[name].title,
                text,
                [(feature(name), _API)],
                FEATURES[name].unit,
                axis=FEATURES[name].axis,
            ),
            8,
        )
        for name, text in says.items()
    ]


def _models() -> list[Sized]:
    return [(score(), 8), *((_forecast(name), 8) for name in FORECAST)]


def _forecast(name: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    shown = FEATURES[name]
    titles = {
        ml.SUCCESS_RATE: "Success rate in 3 hours",
        ml.RESPONSE_TIME: "Response time in 3 hours",
    }
    return time_series(
        titles[name],
        "What the models expect in 3 hours, drawn at the time at which they said so.",
        [(of_api(ml.PREDICTED, feature=name, horizon=_FARTHEST), _API)],
        shown.unit,
        axis=shown.axis,
    )


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return frame(
        OVERVIEW,
        TITLE,
        "State, traffic, anomalies and forecasts of every API at a glance.",
        [
            Section("Now", _now(), 4),
            Section("APIs", [(_apis(), 24)], 13),
            Section("Traffic", _traffic()),
            Section("What the models say", _models()),
        ],
    )
