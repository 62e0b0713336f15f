"""Panels that stand on more than one dashboard."""

from __future__ import annotations

from typing import Any, Final

from alert_rules.settings import DEFAULT
from dashboards.names import MODEL_TITLES, SCORE_HIGH, SCORE_OPENS
from dashboards.palette import BAD, GOOD, NEUTRAL, WARN
from dashboards.panels import SHARE, override, stat, steps, time_series
from dashboards.queries import alerts_active, of_api, per_environment
from ml_sidecar import contract as ml

ANY_API: Final = "{{api_name}}"
"""The legend that names the API, where a panel has one line for each."""


def alerts_by_severity() -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the count of firing alerts, coloured where there are any."""
    above = {"critical": BAD, "warning": WARN, "info": NEUTRAL}
    limits = [
        override(name, {"thresholds": {"mode": "absolute", "steps": steps(GOOD, (1, color))}})
        for name, color in above.items()
    ]
    return stat(
        "Alerts active",
        "Alerts that are firing now, by severity.",
        [(alerts_active(severity), severity) for severity in above],
        "none",
        steps(GOOD, (1, WARN)),
        overrides=limits,
    )


def score() -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the score of each API over time."""
    return time_series(
        "Anomaly score",
        "How unusual each API is, 0 to 1. A score of 0.7 means: this happens by chance once in four weeks.",
        [(of_api(ml.ANOMALY_SCORE), ANY_API)],
        "none",
        axis=SHARE,
        decimals=2,
        thresholds=steps(NEUTRAL, (SCORE_OPENS, WARN), (SCORE_HIGH, BAD)),
    )


def budget() -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return how much of the promised false alarms was spent."""
    return stat(
        "False-alarm budget used",
        "Anomalies of the last 7 days outside excluded spans, divided by what the budget allows. Above 100 % there were "
        "more anomalies than promised by chance: real incidents, or a model that no longer fits.",
        [(per_environment(ml.BUDGET_USED), "{{environment}}")],
        "percentunit",
        steps(GOOD, (DEFAULT.budget_used, WARN)),
        decimals=0,
    )


def accuracy() -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the accuracy of each model."""
    return stat(
        "Model accuracy",
        "Accuracy of each model on data that it had not seen, as its model card defines it.",
        [(per_environment(ml.MODEL_ACCURACY, "model_name"), "{{model_name}}")],
        "percentunit",
        steps(NEUTRAL),
        overrides=[override(name, {"displayName": words}) for name, words in MODEL_TITLES.items()],
        decimals=0,
        none="no model trained yet",
    )
