"""Alerts on what people feel: outages on a fixed limit, failures and slowness on learnt thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.annotations import API, SELECT_API, alert, failures, slowest_phase, value_of
from alert_rules.expressions import BY_API, DOWN, ON_API, not_after_outage, threshold
from alert_rules.features import fresh
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.model import Severity
    from alert_rules.settings import Settings

_SUCCESS_RATE: Final = ml.RECORDED[ml.SUCCESS_RATE]
_RESPONSE_TIME: Final = ml.RECORDED[ml.RESPONSE_TIME]
_PAIR: Final[tuple[Severity, Severity]] = ("warning", "critical")


def down(settings: Settings) -> AlertingRule:
    """Return the alert for an API whose requests fail; its spans are left out of training."""
    description = (
        f"{SELECT_API}{API} is down: expected a success rate of "
        + value_of(
            f'{ml.EXPECTED.name}{{%s,feature="{ml.SUCCESS_RATE}"}}',
            "%",
            f"more than {settings.down_success_rate:g} %",
        )
        + ', seen {{ $value | printf "%.4g" }} %.'
        + f"\n{failures(settings)}"
    )
    return alert(
        DOWN,
        settings,
        expr=_down(settings),
        for_=settings.down_for,
        severity="critical",
        kind="symptom",
        component="api",
        labels={"training_exclude": "true"},
        summary="Almost every request to an API fails.",
        description=description,
    )


def _down(settings: Settings) -> str:
    """Return percent of requests that succeed, over a short window where it holds enough of them, else as recorded."""
    limit = f"{settings.down_success_rate:g}"
    total = f"sum {BY_API} (increase({raw.REQUESTS.name}[{duration(settings.down_window)}]))"
    success = total.replace(raw.REQUESTS.name, f'{raw.REQUESTS.name}{{status="success"}}')
    recent = f"100 * ({success} or 0 * {total})\n  / ({total} >= {settings.down_requests}) <= {limit}"
    return f"{recent}\nand {ON_API} {fresh(settings.window)}\nor {_SUCCESS_RATE} <= {limit}"


def _expected(feature: str, severity: str, bound: str, unit: str, fallback: float) -> str:
    selector = f'{ml.THRESHOLD.name}{{%s,feature="{feature}",severity="{severity}",bound="{bound}"}}'
    return value_of(selector, f"{unit} (learnt)", f"{fallback:g} {unit} (fixed, nothing is learnt yet)")


def success_rate_low(settings: Settings, severity: Severity) -> AlertingRule:
    """Return the alert for a success rate below what the API has shown to be normal.

    A page asks for harm too: a success rate below the objective, not only below what is usual.
    """
    fallback = settings.success_rate_fallback[_PAIR.index(severity)]
    harm = f"and {_SUCCESS_RATE} < {settings.slo_objective:g}\n" if severity == "critical" else ""
    expected = _expected(ml.SUCCESS_RATE, severity, "lower", "%", fallback)
    return alert(
        "RapidAPISuccessRateLow",
        settings,
        expr=(
            f"{_SUCCESS_RATE}\n  < {ON_API} {threshold(ml.SUCCESS_RATE, severity, 'lower', fallback, settings)}\n"
            f"{harm}{not_after_outage(settings)}"
        ),
        for_=settings.threshold_for,
        hold=settings.hold,
        severity=severity,
        kind="symptom",
        component="api",
        summary="An API's success rate is below its threshold.",
        description=(
            f"{SELECT_API}{API}: expected a success rate of at least {expected}, "
            f'seen {{{{ $value | printf "%.4g" }}}} %.\n{failures(settings)}'
        ),
    )


def response_time_high(settings: Settings, severity: Severity) -> AlertingRule:
    """Return the alert for responses slower than the API has shown to be normal.

    A page asks for harm too: responses so slow that a person waits, not only slower than usual.
    """
    fallback = settings.response_time_fallback[_PAIR.index(severity)]
    harm = f"and {_RESPONSE_TIME} > {settings.response_time_harm:g}\n" if severity == "critical" else ""
    expected = _expected(ml.RESPONSE_TIME, severity, "upper", "s", fallback)
    return alert(
        "RapidAPIResponseTimeHigh",
        settings,
        expr=(
            f"{_RESPONSE_TIME}\n  > {ON_API} {threshold(ml.RESPONSE_TIME, severity, 'upper', fallback, settings)}\n"
            f"{harm}{not_after_outage(settings)}"
        ),
        for_=settings.threshold_for,
        hold=settings.hold,
        severity=severity,
        kind="symptom",
        component="api",
        summary="An API's response time is above its threshold.",
        description=(
            f"{SELECT_API}{API}: expected a response time of at most {expected}, "
            f'seen {{{{ $value | printf "%.4g" }}}} s.\n{slowest_phase(settings)}'
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules = (
        down(settings),
        *(success_rate_low(settings, severity) for severity in _PAIR),
        *(response_time_high(settings, severity) for severity in _PAIR),
    )
    return Group("availability", rules, settings.interval, settings.series_limit)
