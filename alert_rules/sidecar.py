"""Does the sidecar score, in time, everything, and from what Prometheus answers?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alert_rules.annotations import API, PIPELINE, alert
from alert_rules.expressions import BY_API, ON_API, sidecar_is_fresh
from alert_rules.features import fresh
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings


def silent(settings: Settings) -> AlertingRule:
    """Return the alert for a sidecar that no longer scores, whether it hangs, has died or was never started.

    The last timestamp is remembered after its series has gone, so that both cases are one age and keep their
    environment; only where no sidecar was heard for `memory` does the alert come without one. No job is asked for: a sidecar
    that somebody scrapes under another name is not silent.
    """
    memory = duration(settings.memory)
    return alert(
        "MLSidecarSilent",
        settings,
        expr=(
            f"time() - max by (environment) (last_over_time({ml.LAST_SCORE.name}[{memory}])) > {settings.sidecar_max_age}\n"
            f"or on () absent_over_time({ml.LAST_SCORE.name}[{memory}])"
        ),
        for_=settings.sidecar_silent_for,
        severity="warning",
        kind="health",
        component="sidecar",
        per_api=False,
        board=PIPELINE,
        summary="The ML sidecar does not score.",
        description=(
            f"Expected a score at most {duration(settings.sidecar_max_age)} old, seen "
            "{{ if $labels.environment }}one of {{ $value | humanizeDuration }} ago in {{ $labels.environment }}"
            f"{{{{ else }}}}none for {memory}{{{{ end }}}}. "
            "Anomalies, forecasts and learnt thresholds are not watched meanwhile."
        ),
    )


def not_scoring(settings: Settings) -> AlertingRule:
    """Return the alert for an API that has features and no score while the sidecar scores others."""
    features = f"({fresh(settings.window)} or {fresh(settings.slow_window)})"
    return alert(
        "MLSidecarNotScoring",
        settings,
        expr=(
            f"{features}\nand {sidecar_is_fresh(settings)}\n"
            f"unless {ON_API} max {BY_API} (last_over_time({ml.ANOMALY_SCORE.name}[{duration(settings.window)}]))"
        ),
        for_=settings.not_scoring_for,
        severity="warning",
        kind="health",
        component="sidecar",
        summary="An API is measured but not scored.",
        description=(
            f"{API}: expected an anomaly score, seen none for {duration(settings.not_scoring_for)}, while it is "
            "measured and other APIs are scored."
        ),
    )


def queries_failing(settings: Settings) -> AlertingRule:
    """Return the alert for a sidecar whose queries Prometheus does not answer."""
    window = duration(settings.query_window)
    failures = f"sum by (environment) (rate({ml.QUERY_FAILURES.name}[{window}]))"
    queries = f"sum by (environment) (rate({ml.QUERIES.name}[{window}]))"
    return alert(
        "MLSidecarQueriesFailing",
        settings,
        expr=f"{failures}\n  / ({queries} > 0) > {settings.query_failures:g}",
        for_=settings.query_for,
        severity="warning",
        kind="health",
        component="sidecar",
        per_api=False,
        board=PIPELINE,
        summary="Queries of the ML sidecar to Prometheus fail.",
        description=(
            f"{{{{ $labels.environment }}}}: expected at most {100 * settings.query_failures:g} % of the sidecar's "
            f"queries to fail, seen {{{{ $value | humanizePercentage }}}} over {window}."
        ),
    )


def cycle_slow(settings: Settings) -> AlertingRule:
    """Return the alert for scoring that hardly keeps up with its interval."""
    limit = settings.cycle_share * settings.interval
    window = duration(settings.cycle_window)
    return alert(
        "MLSidecarCycleSlow",
        settings,
        expr=f"max by (environment) (avg_over_time({ml.CYCLE_DURATION.name}[{window}])) > {limit:g}",
        for_=settings.cycle_for,
        severity="warning",
        kind="health",
        component="sidecar",
        per_api=False,
        board=PIPELINE,
        summary="Scoring takes almost as long as its interval.",
        description=(
            f"{{{{ $labels.environment }}}}: expected a scoring cycle to take at most {limit:g} s, as there is one "
            f'every {duration(settings.interval)}; seen {{{{ $value | printf "%.4g" }}}} s on average over {window}.'
        ),
    )


def series_dropped(settings: Settings) -> AlertingRule:
    """Return the alert for results that the cap on exported series cuts off."""
    window = duration(settings.dropped_window)
    return alert(
        "MLSidecarSeriesDropped",
        settings,
        expr=f"sum by (environment) (increase({ml.SERIES_DROPPED.name}[{window}])) > 0",
        for_=settings.dropped_for,
        severity="warning",
        kind="health",
        component="sidecar",
        per_api=False,
        board=PIPELINE,
        summary="The ML sidecar leaves series out because of its cap.",
        description=(
            f"{{{{ $labels.environment }}}}: expected every series to be exported, seen "
            f'{{{{ $value | printf "%.0f" }}}} left out within {window} because of the cap.'
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules = tuple(
        build(settings) for build in (silent, not_scoring, queries_failing, cycle_slow, series_dropped)
    )
    return Group("sidecar", rules, settings.interval, settings.series_limit)
