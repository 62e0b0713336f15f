"""Alerts on the success rate: a fixed limit for hard outages, the learnt threshold for everything milder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.annotations import API, FAILURES, SELECT_API, alert_annotations, value_of
from alert_rules.expressions import BY_API, ON_API, not_after_outage, sidecar_is_fresh, threshold
from alert_rules.features import fresh
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings

_SUCCESS_RATE: Final = ml.RECORDED[ml.SUCCESS_RATE]


def down(settings: Settings) -> AlertingRule:
    """Return the alert for an API whose requests fail; its spans are left out of training."""
    name = "RapidAPIDown"
    description = (
        f"{SELECT_API}{API} is down: expected a success rate of "
        + value_of(
            f'{ml.EXPECTED.name}{{%s,feature="{ml.SUCCESS_RATE}"}}',
            "%",
            f"more than {settings.down_success_rate:g} %",
        )
        + ', seen {{ $value | printf "%.4g" }} %.'
        + f"\n{FAILURES}"
    )
    return AlertingRule(
        alert=name,
        expr=_down(settings),
        for_=settings.down_for,
        severity="critical",
        labels={"component": "api", "training_exclude": "true"},
        annotations=alert_annotations(name, "Almost every request to an API fails.", description, settings),
    )


def _down(settings: Settings) -> str:
    """Return percent of requests that succeed, over a short window where it holds enough of them, else as recorded."""
    limit = f"{settings.down_success_rate:g}"
    total = f"sum {BY_API} (increase({raw.REQUESTS.name}[{duration(settings.down_window)}]))"
    success = total.replace(raw.REQUESTS.name, f'{raw.REQUESTS.name}{{status="success"}}')
    recent = f"100 * ({success} or 0 * {total})\n  / ({total} >= {settings.down_requests}) <= {limit}"
    return f"{recent}\nand {ON_API} {fresh(settings.window)}\nor {_SUCCESS_RATE} <= {limit}"


def success_rate_low(settings: Settings) -> AlertingRule:
    """Return the alert for a success rate below what the API has shown to be normal."""
    name = "RapidAPISuccessRateLow"
    selector = f'{ml.THRESHOLD.name}{{%s,feature="{ml.SUCCESS_RATE}",severity="warning",bound="lower"}}'
    description = (
        f"{SELECT_API}{API}: expected a success rate of at least {value_of(selector, '%')} (learnt), "
        f'seen {{{{ $value | printf "%.4g" }}}} %.\n{FAILURES}'
    )
    return AlertingRule(
        alert=name,
        expr=(
            f"{_SUCCESS_RATE}\n  < {ON_API} {threshold(ml.SUCCESS_RATE, 'warning', 'lower')}\n"
            f"and {sidecar_is_fresh(settings)}\n"
            f"{not_after_outage(settings)}"
        ),
        for_=settings.success_rate_for,
        hold=settings.hold,
        severity="warning",
        labels={"component": "api"},
        annotations=alert_annotations(
            name, "An API's success rate is below its learnt threshold.", description, settings
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    return Group(
        "availability", (down(settings), success_rate_low(settings)), settings.interval, settings.series_limit
    )
