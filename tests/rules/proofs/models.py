"""Promises of the models."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_HEALTH: Final = {"component": "model", "kind": "health"}
_LABELS: Final = {"environment": "e", "feature": "response_time"}
_E: Final = {"environment": "e"}
_BOARD: Final = "rapidapi_models"
_TRAINED: Final = 'rapidapi_ml_model_last_trained_timestamp_seconds{environment="e",model_name="m"}'
_RUNS: Final = 'rapidapi_ml_trainings_total{environment="e",outcome="%s"}'

OLD: Final = Proof(
    "MLModelOld",
    "warning",
    _HEALTH,
    "A model has not been trained for two runs.",
    fires=(
        # Two days are 192 quarters of an hour; it is too old in the next one, and told after one more.
        Fires(
            {_TRAINED: "0x300", _RUNS % "failed": "0+0.1x300", _RUNS % "promoted": "1x300"},
            "48h15m",
            "48h30m",
            "m (e): expected a training every 1d, seen the last one 2d 0h 30m 0s ago.",
            {**_E, "model_name": "m"},
        ),
    ),
    healthy=(
        Quiet({_TRAINED: "0x95 86400x96 172800x100", _RUNS % "promoted": "1x95 2x96 3x100"}, ("30h", "70h")),
    ),
    just_below=(
        Quiet({_TRAINED: "0x192 172800x100"}, ("48h", "48h15m", "48h30m")),
        Quiet({_TRAINED: "0x300", _RUNS % "rejected": "0x95 1x300"}, ("60h",)),
        # Two candidates were no better: the old model is the best there is.
        Quiet({_TRAINED: "0x300", _RUNS % "rejected": "0x95 1x96 2x150"}, ("49h15m", "70h")),
    ),
    interval="15m",
    board=_BOARD,
)


def _promise(
    alert: str,
    summary: str,
    series: str,
    kept: str,
    broken: str,
    limit: str,
    says: str,
    labels: dict[str, str],
) -> Proof:
    """Return the proof of an alert that waits for a quarter of an hour and is held for two minutes."""
    return Proof(
        alert,
        "warning",
        _HEALTH,
        summary,
        fires=(
            Fires({series: f"{kept}x4 {broken}x100"}, "19m", "20m", says, labels),
            Fires({series: f"{broken}x30 {kept}x20"}, "", "32m", says, labels),
        ),
        healthy=(Quiet({series: f"{kept}x60"}, ("40m",)),),
        just_below=(
            Quiet({series: f"{limit}x60"}, ("40m",)),
            Quiet({series: f"{kept}x4 {broken}x14 {kept}x30"}, ("19m", "20m")),
        ),
        also=(Quiet({series: f"{broken}x30 {kept}x20"}, ("34m",)),),
        interval="1m",
        board=_BOARD,
    )


DRIFT: Final = _promise(
    "MLModelDrift",
    "A feature is no longer what the models were trained on.",
    'rapidapi_ml_feature_drift{environment="e",feature="response_time"}',
    "0.05",
    "0.21",
    "0.2",
    "response time (e): expected a population stability index of at most 0.2 against the training window, seen 0.21.",
    _LABELS,
)
COVERAGE: Final = _promise(
    "MLModelCoverageLow",
    "Forecast intervals hold fewer values than promised.",
    'rapidapi_ml_interval_coverage_ratio{environment="e",feature="response_time"}',
    "0.91",
    "0.79",
    "0.8",
    "response time (e): expected 90 % of the values inside their forecast interval, and at least 80 %; seen 79%.",
    _LABELS,
)
SKILL: Final = _promise(
    "MLModelSkillLost",
    "Forecasts are worse than naive ones.",
    'rapidapi_ml_forecast_skill_ratio{environment="e",feature="response_time"}',
    "0.3",
    "-0.01",
    "0",
    "response time (e): expected forecasts better than naive ones, a skill above 0; seen -0.01.",
    _LABELS,
)
FALSE_ALARMS: Final = _promise(
    "MLModelFalseAlarms",
    "There were more anomalies than the false-alarm budget allows.",
    "rapidapi_ml_false_alarm_budget_used_ratio{e}",
    "0.4",
    "1.1",
    "1",
    "e: expected the anomalies of 7 days to stay within the false-alarm budget, seen 110% of it used, "
    "unless real incidents were among them.",
    _E,
)

PROOFS: Final = (OLD, DRIFT, COVERAGE, SKILL, FALSE_ALARMS)
