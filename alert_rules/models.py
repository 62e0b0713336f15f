"""Do the models keep what they promise? Age, drift, coverage, skill, false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alert_rules.annotations import MODELS, alert
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings

_FEATURE = '{{ reReplaceAll "_" " " $labels.feature }} ({{ $labels.environment }})'


def old(settings: Settings) -> AlertingRule:
    """Return the alert for a model that is older than two runs while no run has come to its end.

    A candidate that is rejected leaves an older and better model in service; that run was successful all the same.
    """
    age = settings.model_runs * settings.training_interval
    ended = f'{ml.TRAININGS.name}{{outcome!="failed"}}[{duration(age)}]'
    return alert(
        "MLModelOld",
        settings,
        expr=(
            f"time() - max by (environment, model_name) ({ml.MODEL_TRAINED.name}) > {age}\n"
            f"unless on (environment) sum by (environment) (increase({ended})) > 0"
        ),
        for_=settings.model_for,
        severity="warning",
        kind="health",
        component="model",
        per_api=False,
        board=MODELS,
        summary="A model has not been trained for two runs.",
        description=(
            "{{ $labels.model_name }} ({{ $labels.environment }}): expected a training every "
            f"{duration(settings.training_interval)}, seen the last one {{{{ $value | humanizeDuration }}}} ago."
        ),
    )


def drift(settings: Settings) -> AlertingRule:
    """Return the alert for a feature that is not distributed any more as in training, retraining notwithstanding."""
    return _promise(
        "MLModelDrift",
        settings,
        f"max by (environment, feature) ({ml.DRIFT.name}) > {settings.drift:g}",
        "A feature is no longer what the models were trained on.",
        f"{_FEATURE}: expected a population stability index of at most {settings.drift:g} against the training "
        'window, seen {{ $value | printf "%.3g" }}.',
    )


def coverage_low(settings: Settings) -> AlertingRule:
    """Return the alert for forecast intervals that hold too few of the values."""
    return _promise(
        "MLModelCoverageLow",
        settings,
        f"min by (environment, feature) ({ml.COVERAGE.name}) < {settings.coverage:g}",
        "Forecast intervals hold fewer values than promised.",
        f"{_FEATURE}: expected 90 % of the values inside their forecast interval, and at least "
        f"{100 * settings.coverage:g} %; seen {{{{ $value | humanizePercentage }}}}.",
    )


def skill_lost(settings: Settings) -> AlertingRule:
    """Return the alert for forecasts that are worse than the better naive one."""
    return _promise(
        "MLModelSkillLost",
        settings,
        f"max by (environment, feature) ({ml.SKILL.name}) < {settings.skill:g}",
        "Forecasts are worse than naive ones.",
        f"{_FEATURE}: expected forecasts better than naive ones, a skill above {settings.skill:g}; "
        'seen {{ $value | printf "%.3g" }}.',
    )


def false_alarms(settings: Settings) -> AlertingRule:
    """Return the alert for more episodes than the budget of false alarms allows."""
    return _promise(
        "MLModelFalseAlarms",
        settings,
        f"max by (environment) ({ml.BUDGET_USED.name}) > {settings.budget_used:g}",
        "There were more anomalies than the false-alarm budget allows.",
        "{{ $labels.environment }}: expected the anomalies of 7 days to stay within the false-alarm budget, seen "
        "{{ $value | humanizePercentage }} of it used, unless real incidents were among them.",
    )


def _promise(name: str, settings: Settings, expr: str, summary: str, description: str) -> AlertingRule:
    return alert(
        name,
        settings,
        expr=expr,
        for_=settings.model_for,
        hold=settings.hold,
        severity="warning",
        kind="health",
        component="model",
        per_api=False,
        board=MODELS,
        summary=summary,
        description=description,
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules = tuple(build(settings) for build in (old, drift, coverage_low, skill_lost, false_alarms))
    return Group("models", rules, settings.interval, settings.series_limit)
