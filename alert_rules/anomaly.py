"""Anomalies: a share of anomalous time over two windows, not one sample; and a score that stays high."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alert_rules.annotations import API, EXPECTED_AND_SEEN, SELECT_API, alert, value_of
from alert_rules.expressions import BY_API, ON_API, not_after_outage, sidecar_is_fresh
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings


def _share(window: int, share: float) -> str:
    return f"max {BY_API} (avg_over_time({ml.ANOMALY.name}[{duration(window)}])) >= {share:g}"


def _still_unusual(settings: Settings) -> str:
    score = f"max_over_time({ml.ANOMALY_SCORE.name}[{duration(settings.anomaly_present_window)}])"
    return f"max {BY_API} ({score}) >= {settings.anomaly_present_score:g}"


def anomaly(settings: Settings) -> AlertingRule:
    """Return the alert; the short window lets it resolve soon, the long one keeps single blips out.

    `avg_over_time` still answers for minutes after an API's series has gone, so the present sample is asked for too; and
    an episode stays open for minutes after its cause has gone, so the present score is.
    """
    description = (
        f"{SELECT_API}{API} does not behave as it usually does: anomalous for "
        f"{{{{ $value | humanizePercentage }}}} of the last {duration(settings.anomaly_window)}, anomaly score "
        f"{value_of(f'{ml.ANOMALY_SCORE.name}{{%s}}', 'of 1')}.\n{EXPECTED_AND_SEEN}"
    )
    return alert(
        "RapidAPIAnomaly",
        settings,
        expr=(
            f"{_share(settings.anomaly_window, settings.anomaly_share)}\n"
            f"and {_share(settings.anomaly_long_window, settings.anomaly_long_share)}\n"
            f"and {ON_API} {ml.ANOMALY.name}\n"
            f"and {_still_unusual(settings)}\n"
            f"and {sidecar_is_fresh(settings)}\n"
            f"{not_after_outage(settings)}"
        ),
        for_=settings.anomaly_for,
        hold=settings.hold,
        severity="warning",
        kind="sign",
        component="ml",
        summary="An API does not behave as it usually does.",
        description=description,
    )


def score_high(settings: Settings) -> AlertingRule:
    """Return the alert for a score that stays high without enough evidence for an episode.

    An API whose series has gone still has an average for minutes, so the present sample is asked for too.
    """
    score = ml.ANOMALY_SCORE.name
    return alert(
        "RapidAPIAnomalyScoreHigh",
        settings,
        expr=(
            f"max {BY_API} (avg_over_time({score}[{duration(settings.score_window)}])) > {settings.score:g}\n"
            f"and {ON_API} {score}\n"
            f"and {sidecar_is_fresh(settings)}\n"
            f"{not_after_outage(settings, settings.score_window)}"
        ),
        for_=settings.score_for,
        hold=settings.hold,
        severity="warning",
        kind="sign",
        component="ml",
        summary="An API's anomaly score stays high.",
        description=(
            f"{SELECT_API}{API}: expected an anomaly score of at most {settings.score:g}, seen "
            f'{{{{ $value | printf "%.4g" }}}} on average over {duration(settings.score_window)}.\n{EXPECTED_AND_SEEN}'
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules = (anomaly(settings), score_high(settings))
    return Group("anomaly", rules, settings.interval, settings.series_limit)
