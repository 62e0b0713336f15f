"""RapidAPI - Models: how old the models are, how good, whether they keep their promises, and when they changed."""

from __future__ import annotations

from typing import Final

from grafanalib.core import Dashboard

from alert_rules.settings import DEFAULT
from dashboards.common import accuracy, budget
from dashboards.frame import frame
from dashboards.layout import Section, Sized
from dashboards.names import FEATURES, FORECAST, MODEL_TITLES, MODELS
from dashboards.palette import BAD, BLUE, GOOD, NEUTRAL, ORANGE, VERMILLION, WARN
from dashboards.panels import (
    FREE,
    SHARE,
    label_names,
    named_lines,
    stat,
    state_timeline,
    steps,
    time_series,
    value_names,
)
from dashboards.queries import RATE, environment_series, per_environment
from dashboards.tables import COLORED_TEXT, Column, table
from ml_sidecar import contract as ml

TITLE: Final = "RapidAPI - Models"

_OLD: Final = DEFAULT.model_runs * DEFAULT.training_interval
_PROMISED: Final = 0.9
"""What the forecast intervals promise to cover."""
_LINES: Final = named_lines({name: (shown.words, shown.color) for name, shown in FEATURES.items()})
_FORECAST_LINES: Final = named_lines(
    {name: (FEATURES[name].words, FEATURES[name].color) for name in FORECAST}
)
_OUTCOMES: Final = named_lines(
    {
        "promoted": ("put into service", BLUE),
        "rejected": ("worse, rejected", ORANGE),
        "failed": ("failed", VERMILLION),
    }
)


def _now() -> list[Sized]:
    age = stat(
        "Age of the models",
        "Time since the models in service were trained. By default they are trained anew every 24 hours.",
        [(f"time() - min by (environment) ({environment_series(ml.MODEL_TRAINED.name)})", "{{environment}}")],
        "s",
        steps(GOOD, (1.5 * DEFAULT.training_interval, WARN), (_OLD, BAD)),
        none="no model trained yet",
    )
    took = stat(
        "Last training took",
        "Duration of the last training that the running sidecar completed.",
        [(per_environment(ml.TRAINING_DURATION), "{{environment}}")],
        "s",
        steps(NEUTRAL),
        none="none since its start",
    )
    return [(age, 5), (took, 5), (budget(), 5), (accuracy(), 9)]


def _in_service() -> list[Sized]:
    info = per_environment(ml.MODEL_INFO, "model_name", "version", "algorithm")
    return [
        (
            table(
                "Models in service",
                "Each model with its version, age, the rows it was trained on and its accuracy on data that it had not "
                "seen.",
                [
                    Column("Algorithm", info, label="algorithm"),
                    Column(
                        "Trained",
                        f"1000 * {per_environment(ml.MODEL_TRAINED, 'model_name')}",
                        {"unit": "dateTimeFromNow"},
                    ),
                    Column("Rows", per_environment(ml.MODEL_SAMPLES, "model_name"), {"unit": "locale"}),
                    Column(
                        "Accuracy",
                        per_environment(ml.MODEL_ACCURACY, "model_name"),
                        {
                            "unit": "percentunit",
                            "decimals": 1,
                            "noValue": "not known",
                            "thresholds": {"mode": "absolute", "steps": steps(WARN, (0.8, NEUTRAL))},
                        }
                        | COLORED_TEXT,
                    ),
                ],
                keys={"model_name": "Model", "version": "Version", "environment": "Environment"},
                mappings={"Model": label_names(MODEL_TITLES)},
                none="no model trained yet",
            ),
            24,
        )
    ]


def _promises() -> list[Sized]:
    coverage = time_series(
        "Coverage of the forecast intervals",
        "Share of recent values that lay inside their 90 % interval. Well below the line: forecasts are too sure of "
        "themselves; well above: too cautious.",
        [(per_environment(ml.COVERAGE, "feature"), "{{feature}}")],
        "percentunit",
        axis=SHARE,
        thresholds=steps(WARN, (DEFAULT.coverage, NEUTRAL), (_PROMISED, GOOD)),
        overrides=_FORECAST_LINES,
        none="no forecast has come due yet",
    )
    skill = time_series(
        "Skill of the forecasts",
        "How much smaller the error is than that of the better naive forecast, on held-out time. At zero the forecast "
        "is the naive one; breach alerts need more.",
        [(per_environment(ml.SKILL, "feature"), "{{feature}}")],
        "percentunit",
        axis=FREE,
        thresholds=steps(WARN, (DEFAULT.skill, NEUTRAL)),
        overrides=_FORECAST_LINES,
    )
    drift = time_series(
        "Drift of the features",
        "Population stability index of the last day against the training window. Above 0.2 a feature no longer looks "
        "as it did when it was learnt, and the next training comes sooner.",
        [(per_environment(ml.DRIFT, "feature"), "{{feature}}")],
        "none",
        thresholds=steps(NEUTRAL, (DEFAULT.drift, WARN)),
        overrides=_LINES,
        none="less than a day of data",
    )
    used = time_series(
        "False-alarm budget used over time",
        "Anomalies of the last 7 days outside excluded spans, divided by what the budget allows.",
        [(per_environment(ml.BUDGET_USED), "{{environment}}")],
        "percentunit",
        thresholds=steps(NEUTRAL, (DEFAULT.budget_used, WARN)),
    )
    return [(panel, 12) for panel in (coverage, skill, drift, used)]


def _trainings() -> list[Sized]:
    rose = f"increase({environment_series(ml.TRAININGS.name)}[{RATE}])"
    runs = time_series(
        "Trainings",
        "Training runs by outcome. A candidate that is worse than the model in service is rejected.",
        [(f"max by (environment, outcome) ({rose})", "{{outcome}}")],
        "none",
        overrides=_OUTCOMES,
    )
    took = time_series(
        "Training time",
        "How long the last training took.",
        [(per_environment(ml.TRAINING_DURATION), "{{environment}}")],
        "s",
        none="none since the sidecar's start",
    )
    versions = state_timeline(
        "Versions in service",
        "Which version of the models was in service when.",
        [(per_environment(ml.MODEL_INFO, "version"), "{{version}}")],
        value_names((1, "in service", GOOD)),
        none="no model trained yet",
    )
    samples = time_series(
        "Rows learnt from",
        "Rows on which each model in service was trained.",
        [(per_environment(ml.MODEL_SAMPLES, "model_name"), "{{model_name}}")],
        "locale",
        overrides=named_lines(
            {
                name: (title.lower(), color)
                for (name, title), color in zip(MODEL_TITLES.items(), _MODEL_COLORS, strict=True)
            }
        ),
    )
    return [(panel, 12) for panel in (runs, took, versions, samples)]


_MODEL_COLORS: Final = (BLUE, ORANGE, VERMILLION)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return frame(
        MODELS,
        TITLE,
        "Age, accuracy, skill, coverage, drift and false-alarm budget of the models, their trainings and versions.",
        [
            Section("Now", _now(), 4),
            Section("In service", _in_service(), 6),
            Section("Do the models keep their promises?", _promises()),
            Section("Trainings and versions", _trainings()),
        ],
        apis="hidden",
    )
