"""What is to come: slow degradation, a breach within hours, thresholds that have moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alert_rules.annotations import API, SELECT_API, alert
from alert_rules.expressions import BY_API, not_after_outage, sidecar_is_fresh
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings


def degrading(settings: Settings) -> AlertingRule:
    """Return the alert for a success rate that falls from day to day."""
    return alert(
        "RapidAPIDegrading",
        settings,
        expr=(
            f'min {BY_API} ({ml.TREND.name}{{feature="{ml.SUCCESS_RATE}"}}) < {settings.trend:g}\n'
            f"and {sidecar_is_fresh(settings)}\n{not_after_outage(settings)}"
        ),
        for_=settings.trend_for,
        hold=settings.hold,
        severity="warning",
        kind="sign",
        component="ml",
        summary="An API's success rate falls from day to day.",
        description=(
            f"{API}: expected a steady success rate, seen it change by "
            f'{{{{ $value | printf "%.3g" }}}} points a day; {settings.trend:g} is the limit.'
        ),
    )


def breach_predicted(settings: Settings) -> AlertingRule:
    """Return the alert for a feature that will probably be beyond its critical threshold within hours.

    Only where the forecast has proven better than a naive one: without skill a probability is a guess.
    """
    by = f"by ({', '.join(ml.API_LABELS)}, feature)"
    skill = f"max by (environment, feature) ({ml.SKILL.name}) > {settings.skill:g}"
    soonest = (
        f'{{{{ with printf "sort_desc(max by (horizon) ({ml.BREACH_PROBABILITY.name}{{%s,feature=%q}}))" $api '
        '$labels.feature | query }}{{ . | first | label "horizon" }}{{ end }}'
    )
    predicted = (
        f'{{{{ with printf "min({ml.PREDICTED.name}{{%s,feature=%q}})" $api $labels.feature | query }}}}'
        ' (forecasts from {{ . | first | value | printf "%.4g" }}{{ end }}'
        f'{{{{ with printf "max({ml.PREDICTED.name}{{%s,feature=%q}})" $api $labels.feature | query }}}}'
        ' to {{ . | first | value | printf "%.4g" }}){{ end }}'
    )
    return alert(
        "RapidAPIBreachPredicted",
        settings,
        expr=(
            f"max {by} ({ml.BREACH_PROBABILITY.name}) > {settings.breach_probability:g}\n"
            f"and on (environment, feature) {skill}\n"
            f"and {sidecar_is_fresh(settings)}\n{not_after_outage(settings)}"
        ),
        for_=settings.breach_for,
        hold=settings.hold,
        severity="warning",
        kind="sign",
        component="ml",
        summary="An API will probably breach its critical threshold within hours.",
        description=(
            f'{SELECT_API}{API}: expected its {{{{ reReplaceAll "_" " " $labels.feature }}}} to stay within its '
            "critical threshold, seen a probability of {{ $value | humanizePercentage }} that it will not, most "
            f"probably in {soonest}{predicted}."
        ),
    )


def threshold_changed(settings: Settings) -> AlertingRule:
    """Return the note about thresholds that were learnt anew; `offset` shows what they were."""
    window = duration(settings.threshold_change_window)
    by = f"by ({', '.join(ml.API_LABELS)}, feature)"
    lookup = f'{ml.THRESHOLD.name}{{%s,feature=%q,severity=\\"warning\\"}}'

    def warning(offset: str) -> str:
        return (
            f'{{{{ with printf "max({lookup}{offset})" $api $labels.feature | query }}}}'
            '{{ . | first | value | printf "%.4g" }}{{ else }}none{{ end }}'
        )

    return alert(
        "RapidAPIThresholdChanged",
        settings,
        expr=f"sum {by} (increase({ml.THRESHOLD_CHANGES.name}[{window}])) > 0",
        for_=settings.threshold_change_for,
        severity="info",
        kind="note",
        component="ml",
        summary="A learnt threshold has changed.",
        description=(
            f'{SELECT_API}{API}: the warning threshold of its {{{{ reReplaceAll "_" " " $labels.feature }}}} was '
            f"learnt anew; expected {warning(f' offset {window}')} as before, seen {warning('')} now."
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules = (degrading(settings), breach_predicted(settings), threshold_changed(settings))
    return Group("forecast", rules, settings.interval, settings.series_limit)
