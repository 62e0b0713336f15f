"""RapidAPI - Overview: how the APIs do now, what they did, what is normal for them and what comes next."""

from __future__ import annotations

from typing import Any, Final

from grafanalib.core import Dashboard

from dashboards.frame import frame
from dashboards.layout import Sized, section
from dashboards.overview_table import apis_table
from dashboards.panels import BAD, GOOD, NEUTRAL, WARN, override, stat, steps, time_series, value_names
from dashboards.queries import environment_series, feature, per_api, series
from ml_sidecar import contract as ml

UID: Final = "rapidapi_overview"
TITLE: Final = "RapidAPI - Overview"

_API: Final = "{{api_name}}"
_MEDIUM: Final = 0.7
"""The score from which an episode opens by default."""


def _alerts(severity: str) -> str:
    return f"sum({environment_series(ml.ALERTS_ACTIVE, {'severity': severity})})"


def _now() -> list[Sized]:
    critical, warning = _alerts("critical"), _alerts("warning")
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
    alerts = stat(
        "Alerts active",
        "Alerts that are firing now, by severity.",
        [(f"sum by (severity) ({environment_series(ml.ALERTS_ACTIVE)})", "{{severity}}")],
        "none",
        steps(GOOD, (1, WARN)),
        overrides=[
            override("critical", {"thresholds": {"mode": "absolute", "steps": steps(GOOD, (1, BAD))}})
        ],
    )
    anomalous = stat(
        "Anomalous APIs",
        "APIs with an open anomaly episode.",
        [(f"sum({per_api(series(ml.ANOMALY.name))})", "anomalous")],
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
        "Requests",
        "Requests per minute to all APIs together.",
        [(f"sum({feature(ml.REQUESTS_PER_MINUTE)})", "requests")],
        "reqpm",
        steps(NEUTRAL),
    )
    return [(panel, 4) for panel in (state, alerts, anomalous, success, response, requests)]


def _traffic() -> list[Sized]:
    success = time_series(
        "Success rate",
        "Share of requests that the API answered as expected, over the last 5 minutes (1 hour if probed rarely).",
        [(feature(ml.SUCCESS_RATE), _API)],
        "percent",
        minimum=0,
        maximum=100,
    )
    response = time_series(
        "Response time",
        "Mean time from the start of a request to the last byte of its answer.",
        [(feature(ml.RESPONSE_TIME), _API)],
        "s",
        minimum=0,
    )
    requests = time_series(
        "Requests per minute",
        "Probes and measured real traffic.",
        [(feature(ml.REQUESTS_PER_MINUTE), _API)],
        "reqpm",
        minimum=0,
    )
    return [(panel, 8) for panel in (success, response, requests)]


def _models() -> list[Sized]:
    score = time_series(
        "Anomaly score",
        "How unusual each API is, 0 to 1. A score of 0.7 means: this happens by chance once in four weeks.",
        [(per_api(series(ml.ANOMALY_SCORE.name)), _API)],
        "percentunit",
        minimum=0,
        maximum=1,
        thresholds=steps(NEUTRAL, (_MEDIUM, WARN)),
    )
    return [(score, 8), (_forecast(ml.SUCCESS_RATE, "percent"), 8), (_forecast(ml.RESPONSE_TIME, "s"), 8)]


def _forecast(name: str, unit: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    words = name.replace("_", " ")
    return time_series(
        f"Forecast of {words}",
        f"The {words} expected in 1, 2 and 3 hours, drawn at the time of the forecast.",
        [(per_api(series(ml.PREDICTED.name, {"feature": name}), "horizon"), f"{_API} in {{{{horizon}}}}")],
        unit,
        minimum=0,
    )


def _expected(name: str, title: str, unit: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return one panel per API: the value above the band of what is normal for it at this hour."""
    matchers = {"feature": name}
    invisible = {"custom.lineWidth": 0, "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False}}
    return time_series(
        f"{title} of $api_name",
        "The value, and as a band what is normal for this API now.",
        [
            (feature(name), "seen"),
            (per_api(series(ml.EXPECTED.name, matchers)), "expected"),
            (per_api(series(ml.EXPECTED_LOWER.name, matchers)), "normal from"),
            (per_api(series(ml.EXPECTED_UPPER.name, matchers)), "normal to"),
        ],
        unit,
        minimum=0,
        overrides=[
            override("expected", {"custom.lineStyle": {"dash": [4, 4], "fill": "dash"}}),
            override("normal from", invisible),
            override(
                "normal to", invisible | {"custom.fillBelowTo": "normal from", "custom.fillOpacity": 15}
            ),
        ],
        repeat="api_name",
    )


def dashboard() -> Dashboard:
    """Return the dashboard."""
    sections: list[tuple[str, list[Sized], int, bool]] = [
        ("Now", _now(), 4, False),
        ("APIs", [(apis_table(UID), 24)], 9, False),
        ("Traffic", _traffic(), 8, False),
        ("What the models say", _models(), 8, False),
        (
            "Response time against what is normal",
            [(_expected(ml.RESPONSE_TIME, "Response time", "s"), 8)],
            7,
            True,
        ),
        (
            "Success rate against what is normal",
            [(_expected(ml.SUCCESS_RATE, "Success rate", "percent"), 8)],
            7,
            True,
        ),
    ]
    panels: list[Any] = []
    top = 0
    for title, content, height, collapsed in sections:
        placed, top = section(title, content, top, height, collapsed=collapsed)
        panels += placed
    return frame(UID, TITLE, "State, traffic, anomalies and forecasts of every API at a glance.", panels)
