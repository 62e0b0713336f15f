"""Service level objective: how fast each API burns its error budget.

Multi-window, multi-burn-rate alerts (Google, The Site Reliability Workbook, chapter 5): the long window says that it matters,
the short one that it still goes on. What is read from the counters stands in a group of the usual interval; longer
windows are sums of counts that a second group takes every `slo_slot`, without gap or overlap, so that a month costs
thousands of samples per API and not hundreds of thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.annotations import API, SELECT_API, alert, failures, value_of
from alert_rules.expressions import BY_API, ON_API, not_after_outage
from alert_rules.model import AlertingRule, Group, RecordingRule
from alert_rules.settings import duration
from collector import contract as raw

if TYPE_CHECKING:
    from alert_rules.model import Rule, Severity
    from alert_rules.settings import Settings

Tier = tuple[float, int, int]
"""Burn rate, short window, long window."""

OBJECTIVE: Final = "api:rapidapi_api_slo_objective:ratio"
BUDGET: Final = "api:rapidapi_api_slo_error_budget:ratio"
BURN_RATE: Final = "api:rapidapi_api_slo_current_burn_rate:ratio"
PERIOD_BURN_RATE: Final = "api:rapidapi_api_slo_period_burn_rate:ratio"
REMAINING: Final = "api:rapidapi_api_slo_period_error_budget_remaining:ratio"


def failed_ratio(window: int) -> str:
    """Return the name of the share of requests that failed over a window."""
    return f"api:rapidapi_api_requests_failed:ratio_rate{duration(window)}"


def _count(what: str, window: int) -> str:
    return f"api:rapidapi_api_{what}:increase{duration(window)}"


def _slot(what: str, settings: Settings) -> str:
    """Return the name of a count that is taken once a slot, and may be added up."""
    return f"api:rapidapi_api_{what}:slot{duration(settings.slo_slot)}"


def _from_counters(settings: Settings) -> tuple[int, ...]:
    """Return the windows that are read from the counters themselves; the rest is summed from slots."""
    windows = {window for tier in (*settings.slo_page, *settings.slo_ticket) for window in tier[1:]}
    return tuple(sorted(window for window in windows if window <= settings.slow_window))


def _from_slots(settings: Settings) -> tuple[int, ...]:
    windows = {window for tier in (*settings.slo_page, *settings.slo_ticket) for window in tier[1:]}
    return (*sorted(windows - set(_from_counters(settings))), settings.slo_period)


def _counts(requests: str, failed: str, window: int) -> tuple[RecordingRule, RecordingRule]:
    """Return what counts requests and failures of a window; no failure is not the same as no request."""

    def increase(selector: str) -> str:
        return f"sum {BY_API} (increase({raw.REQUESTS.name}{selector}[{duration(window)}]))"

    failures = increase('{status="error"}')
    return (
        RecordingRule(requests, increase("")),
        RecordingRule(failed, failures + f"\nor 0 * {requests}"),
    )


def _from_counts(window: int) -> tuple[RecordingRule, ...]:
    requests, failed = _count("requests", window), _count("requests_failed", window)
    return (
        *_counts(requests, failed, window),
        RecordingRule(failed_ratio(window), f"{failed} / ({requests} > 0)"),
    )


def _from_sums(window: int, settings: Settings) -> RecordingRule:
    """Return the share over a long window; nothing while less than `slo_known` of it has been counted, the period apart."""
    failed, requests = _summed("requests_failed", window, settings), _summed("requests", window, settings)
    slots = f"count_over_time({_slot('requests', settings)}[{duration(window)}])"
    least = settings.slo_known * window / settings.slo_slot
    known = "" if window == settings.slo_period else f"\nand {slots} >= {least:g}"
    return RecordingRule(failed_ratio(window), f"{failed}\n  / ({requests} > 0){known}")


def _elapsed(settings: Settings) -> str:
    """Return the share of the period that has been counted: the first day can use up a thirtieth at the allowed pace."""
    slots = f"count_over_time({_slot('requests', settings)}[{duration(settings.slo_period)}])"
    return f"clamp_max({slots} / {settings.slo_period / settings.slo_slot:g}, 1)"


def _summed(what: str, window: int, settings: Settings) -> str:
    return f"sum_over_time({_slot(what, settings)}[{duration(window)}])"


def group(settings: Settings) -> Group:
    """Return what is evaluated as often as everything else: short windows, objective, present burn rate, the page."""
    objective = settings.slo_objective / 100
    shortest = _from_counters(settings)[0]
    rules: tuple[Rule, ...] = (
        *(rule for window in _from_counters(settings) for rule in _from_counts(window)),
        RecordingRule(OBJECTIVE, f"0 * group {BY_API} ({raw.REQUESTS.name}) + {objective:g}"),
        RecordingRule(BUDGET, f"1 - {OBJECTIVE}"),
        RecordingRule(BURN_RATE, f"{failed_ratio(shortest)} / {BUDGET}"),
        budget_burn(settings, "critical"),
    )
    return Group("slo", rules, settings.interval, settings.series_limit)


def slow_group(settings: Settings) -> Group:
    """Return what is evaluated every `slo_slot`: the counts, the long windows, the budget of the period, the ticket."""
    slot, period = settings.slo_slot, settings.slo_period
    rules: tuple[Rule, ...] = (
        *_counts(_slot("requests", settings), _slot("requests_failed", settings), slot),
        *(_from_sums(window, settings) for window in _from_slots(settings)),
        RecordingRule(PERIOD_BURN_RATE, f"{failed_ratio(period)} / {BUDGET}"),
        RecordingRule(REMAINING, f"1 - {PERIOD_BURN_RATE} * {_elapsed(settings)}"),
        budget_burn(settings, "warning"),
        not_recorded(settings),
    )
    return Group("slo_slow", rules, slot, settings.series_limit)


def _present(name: str, window: int, settings: Settings) -> str:
    """Return a recorded ratio; what is recorded once a slot is looked up over three, else it would flicker."""
    if window in _from_counters(settings):
        return name
    return f"last_over_time({name}[{duration(3 * settings.slo_slot)}])"


def _failed_often(window: int, settings: Settings) -> str:
    name = _count("requests_failed", window)
    counted = name if window in _from_counters(settings) else _summed("requests_failed", window, settings)
    return f"{counted} >= {settings.slo_failures}"


def _tier(tier: Tier, settings: Settings, *, page: bool) -> str:
    rate, short, long = tier
    limit = f"{rate:g} * {1 - settings.slo_objective / 100:.10g}"
    burns = (
        f"{_present(failed_ratio(short), short, settings)} > {limit}\n"
        f"  and {_present(failed_ratio(long), long, settings)} > {limit}\n"
        f"  and {_failed_often(long, settings)}"
    )
    told = f"\n  {not_after_outage(settings, short)}" if page else ""
    return f"(\n  {burns}{told}\n)"


def budget_burn(settings: Settings, severity: Severity) -> AlertingRule:
    """Return the alert for an error budget that burns too fast.

    A page is not sent for the tail of an outage that `RapidAPIDown` has told; the ticket is, for it says what the
    outage has cost.
    """
    page = severity == "critical"
    tiers = settings.slo_page if page else settings.slo_ticket
    remaining = value_of(f"100 * {REMAINING}{{%s}}", "%", "an unknown part")
    return alert(
        "RapidAPIErrorBudgetBurn",
        settings,
        expr="\nor\n".join(_tier(tier, settings, page=page) for tier in tiers),
        for_=settings.slo_critical_for if page else settings.slo_warning_for,
        severity=severity,
        kind="symptom",
        component="api",
        summary="An API burns its error budget too fast.",
        description=(
            f"{SELECT_API}{API}: expected at most {100 - settings.slo_objective:g} % of the requests to fail, "
            f"seen {{{{ $value | humanizePercentage }}}}. Of the error budget of {duration(settings.slo_period)} "
            f"{remaining} is left.\n{failures(settings)}"
        ),
    )


def not_recorded(settings: Settings) -> AlertingRule:
    """Return the alert for an API whose requests are measured and whose budget is not kept."""
    recorded = f"last_over_time({_slot('requests', settings)}[{duration(3 * settings.slo_slot)}])"
    return alert(
        "RapidAPIErrorBudgetNotRecorded",
        settings,
        expr=f"group {BY_API} ({raw.REQUESTS.name})\nunless {ON_API} {recorded}",
        for_=settings.slo_recorded_for,
        severity="warning",
        kind="health",
        component="prometheus",
        summary="An API's error budget is not kept.",
        description=(
            f"{API}: expected its requests to be counted every {duration(settings.slo_slot)}, seen no count for "
            f"{duration(settings.slo_recorded_for)}; alerts on its error budget are blind."
        ),
    )
