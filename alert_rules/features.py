"""The features: what the models, the alerts and the panels read instead of raw counters.

Every feature exists only while it is fresh. A `rate` over five minutes still answers for minutes after its source has
died, so each rule ends in `and` one of two freshness series, which also decide the window: APIs probed rarely are
recorded over the slow window, all others over the short one, under one name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from alert_rules.expressions import BY_API, ON_API
from alert_rules.model import Group, RecordingRule
from alert_rules.settings import duration
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings

_COVERAGE: Final = 0.95
"""Share of a window's scrapes without which its request count says nothing: one missed scrape in twenty is normal."""


def fresh(window: int) -> str:
    """Return the name of the series that is 1 for each API whose features are recorded over this window now."""
    return f"api:rapidapi_api_fresh:{duration(window)}"


def _recently_probed(settings: Settings) -> str:
    age = f"time() - max {BY_API} ({raw.LAST_PROBE.name})"
    limit = f"2 * max {BY_API} ({raw.PROBE_INTERVAL.name}) + {settings.freshness_slack}"
    return f"({age} <= {limit})"


def _real_traffic() -> str:
    """Return the requests of APIs that nobody probes; they are fresh while their own process can be scraped.

    A probed API that has not been probed yet since the collector started has an interval, but no last probe: it is not
    real traffic either.
    """
    probed = f"({raw.LAST_PROBE.name} or {raw.PROBE_INTERVAL.name})"
    return f"({raw.REQUESTS.name} and on (job, instance) (up == 1))\n    unless {ON_API} {probed}"


def _freshness(window: int, settings: Settings) -> RecordingRule:
    interval = f"max {BY_API} ({raw.PROBE_INTERVAL.name})"
    if window == settings.slow_window:
        probed = f"{_recently_probed(settings)}\n    and {interval} > {settings.slow_probe_interval}"
        return RecordingRule(fresh(window), f"group {BY_API} (\n  {probed}\n)")
    probed = f"{_recently_probed(settings)}\n    and {interval} <= {settings.slow_probe_interval}"
    return RecordingRule(fresh(window), f"group {BY_API} (\n  {probed}\n  or\n  {_real_traffic()}\n)")


def _rate(selector: str, window: int, by: str = BY_API) -> str:
    return f"sum {by} (rate({selector}[{duration(window)}]))"


def _success_rate(window: int) -> str:
    """Return percent; a `success` counter that has not appeared yet counts as zero, else a dead API had no rate."""
    total = _rate(raw.REQUESTS.name, window)
    success = _rate(f'{raw.REQUESTS.name}{{status="success"}}', window)
    return f"100 * ({success} or 0 * {total})\n  / ({total} > 0)\nand {fresh(window)}"


def _response_time(window: int) -> str:
    seconds = _rate(f"{raw.RESPONSE_TIME.name}_sum", window)
    return f"{seconds}\n  / ({_rate(f'{raw.RESPONSE_TIME.name}_count', window)} > 0)\nand {fresh(window)}"


def _response_time_p95(window: int) -> str:
    buckets = _rate(f"{raw.RESPONSE_TIME.name}_bucket", window, f"by ({', '.join(raw.API_LABELS)}, le)")
    answered = f"({_rate(f'{raw.RESPONSE_TIME.name}_count', window)} > 0)"
    return f"histogram_quantile(0.95, {buckets})\nand {answered}\nand {fresh(window)}"


def _requests_per_minute(window: int, interval: int) -> str:
    """Return requests per minute, absent while the counters do not cover the window.

    `rate` divides by the whole window even where the series is younger or has a hole, as after a restart of the
    collector, and would read too low.
    """
    scrapes = math.ceil(_COVERAGE * window / interval)
    no_hole = f"min {BY_API} (count_over_time({raw.REQUESTS.name}[{duration(window)}])) >= {scrapes}"
    old_enough = f"count {BY_API} ({raw.REQUESTS.name} offset {duration(window)})"
    return f"60 * {_rate(raw.REQUESTS.name, window)}\nand {no_hole}\nand {old_enough}\nand {fresh(window)}"


def _group(name: str, window: int, settings: Settings) -> Group:
    success_rate = ml.RECORDED[ml.SUCCESS_RATE]
    rules = (
        _freshness(window, settings),
        RecordingRule(success_rate, _success_rate(window)),
        RecordingRule(ml.RECORDED[ml.ERROR_RATE], f"100 - {success_rate} and {fresh(window)}"),
        RecordingRule(ml.RECORDED[ml.RESPONSE_TIME], _response_time(window)),
        RecordingRule(ml.RESPONSE_TIME_P95, _response_time_p95(window)),
        RecordingRule(ml.RECORDED[ml.REQUESTS_PER_MINUTE], _requests_per_minute(window, settings.interval)),
    )
    return Group(name, rules, settings.interval, settings.series_limit)


def group(settings: Settings) -> Group:
    """Return the features over the short window; freshness comes first, for the others read it."""
    return _group("features", settings.window, settings)


def slow_group(settings: Settings) -> Group:
    """Return the same series for APIs probed rarely.

    A group of its own: were both rules in one, an API whose interval changes would get two samples at one timestamp.
    """
    return _group("features_slow", settings.slow_window, settings)
