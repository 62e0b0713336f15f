"""Every threshold, window and address that the rules are built from, in one object."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import cycle
from typing import Annotated, Any, Final, get_args, get_type_hints

Seconds = Annotated[int, "seconds"]
"""What `Settings.scaled` multiplies; everything else stays as it is."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations in seconds, rates in percent, shares and probabilities from 0 to 1."""

    interval: Seconds = 15
    """Prometheus scrapes and evaluates this often."""
    scrape_timeout: Seconds = 10
    window: Seconds = 300
    """What the features look back over."""
    slow_window: Seconds = 3600
    """The same for APIs that are probed rarely: it must hold several probes."""
    slow_probe_interval: Seconds = 75
    """APIs probed more rarely than this are recorded over `slow_window`; four probes still fit into `window`."""

    down_success_rate: float = 5
    down_window: Seconds = 60
    """A hard outage is seen over this window where it holds enough requests: after five minutes of it everybody knows."""
    down_requests: int = 3
    down_for: Seconds = 120
    threshold_for: Seconds = 360
    """The threshold's cost counts what lasts for two grid rows. One failed request stays in the window for five minutes,
    which is one row; it must not page."""
    success_rate_fallback: tuple[float, float] = (90, 50)
    """Below this where nothing has been learnt: warning, critical."""
    response_time_fallback: tuple[float, float] = (2.5, 10)
    """Seconds; above this where nothing has been learnt: warning, critical."""
    response_time_harm: float = 1
    """Seconds. Beyond the critical threshold an API is slower than it ever is; nobody is woken while nobody feels it."""
    after_down: Seconds = 480
    """After an outage the features look back on it for `window`, and the present score for two minutes more; nobody is
    to be woken again by its tail."""

    silent_intervals: int = 3
    silent_for: Seconds = 30
    paused_for: Seconds = 3600
    """Shorter pauses are what `Retry-After` and quotas of a minute or an hour are for."""
    vanished_memory: Seconds = 3600
    """How long an API that is no longer reported is still expected back; then whoever removed it meant it."""
    vanished_for: Seconds = 300
    many: int = 3
    many_share: float = 0.3
    """So many APIs, and this share of all in the environment, have a cause in common."""
    many_for: Seconds = 105
    """One evaluation less than `down_for`, so that the common alert is there before the single ones."""

    quota_window: Seconds = 1800
    quota_for: Seconds = 300
    certificate_left: tuple[Seconds, Seconds] = (14 * 86400, 2 * 86400)
    """Left until the certificate expires: warning, critical."""
    certificate_for: Seconds = 600

    anomaly_window: Seconds = 300
    anomaly_share: float = 0.6
    anomaly_long_window: Seconds = 3600
    anomaly_long_share: float = 0.05
    anomaly_present_score: float = 0.5
    anomaly_present_window: Seconds = 120
    """An API whose score has been below this for so long is well again; its episode stays open for longer, in case."""
    anomaly_for: Seconds = 15
    """Two evaluations in a row. The two windows already ask for three minutes of anomaly; more would cost the alert
    its five minutes from the start of an outage."""
    score: float = 0.7
    score_window: Seconds = 600
    score_for: Seconds = 300
    trend: float = -5
    """Points of success rate per day."""
    trend_for: Seconds = 900
    breach_probability: float = 0.6
    breach_for: Seconds = 900
    """Three grid rows, as for the trend: both are made anew on each."""
    many_anomalous_for: Seconds = 30
    threshold_change_window: Seconds = 900
    threshold_change_for: Seconds = 30

    slo_objective: float = 99
    """Percent of requests that are to succeed; the rest is the error budget."""
    slo_period: Seconds = 30 * 86400
    slo_page: tuple[tuple[float, Seconds, Seconds], ...] = ((14.4, 300, 3600), (6, 1800, 6 * 3600))
    """Burn rate, short window, long window: at 14.4 an hour costs 2 % of a month's budget, at 6 six hours cost 5 %."""
    slo_ticket: tuple[tuple[float, Seconds, Seconds], ...] = ((3, 7200, 86400), (1, 6 * 3600, 3 * 86400))
    """At 3 a day costs a tenth of a month's budget, at 1 three days do."""
    slo_slot: Seconds = 300
    """Long windows are summed from counts of this length, not read from raw counters: a month of them would be."""
    slo_known: float = 0.5
    """Share of a long window that must have been counted, or one outage on the first day would be a tenth of all there is."""
    slo_failures: int = 5
    """So many failures at least in the long window: one failed probe in an hour is no trend."""
    slo_critical_for: Seconds = 120
    slo_warning_for: Seconds = 900
    slo_recorded_for: Seconds = 900

    hold: Seconds = 120
    """What rests on the sidecar keeps firing this long, so that its restart resolves nothing."""
    sidecar_max_age: Seconds = 120
    """A score older than this is no longer evidence."""
    sidecar_silent_for: Seconds = 120
    memory: Seconds = 86400
    """How long a sidecar or collector that vanished is still expected back in its environment."""
    not_scoring_for: Seconds = 900
    query_failures: float = 0.05
    query_window: Seconds = 300
    query_for: Seconds = 300
    cycle_share: float = 0.8
    """Share of the interval that a scoring cycle may take on average."""
    cycle_window: Seconds = 300
    cycle_for: Seconds = 300
    dropped_window: Seconds = 900
    dropped_for: Seconds = 60

    training_interval: Seconds = 86400
    model_runs: int = 2
    model_for: Seconds = 900
    """Three grid rows."""
    drift: float = 0.2
    coverage: float = 0.8
    """Share of values inside their interval below which the promise of 90 % is broken."""
    budget_used: float = 1
    skill: float = 0

    collector_down_for: Seconds = 60
    reload_for: Seconds = 120
    discovery_for: Seconds = 600
    """Ten looks at the default interval."""
    target_for: Seconds = 120
    restart_window: Seconds = 1800
    restarts: int = 2
    restart_for: Seconds = 30
    meta_window: Seconds = 300
    meta_for: Seconds = 120
    evaluation_for: Seconds = 600
    notification_failures: float = 0.01

    custom_for: Seconds = 60
    """What people ask for must hold this long."""

    series_limit: int = 50_000
    """Above this many series or alerts a rule fails visibly instead of filling the memory."""

    grafana_url: str = "http://localhost:3000"
    runbook_url: str = "docs/runbook.md"

    @property
    def freshness_slack(self) -> int:
        """What a probe may seem older than it is: it waits for the next scrape, then for the next evaluation.

        Without it an API that is probed as often as it is scraped would flicker: two probe intervals are 30 s, and a
        probe that is 15 s old is regularly seen 45 s after it ended.
        """
        return 2 * self.interval

    def scaled(self, factor: float) -> Settings:
        """Return the same settings with every duration multiplied, rounded to whole seconds and at least one."""

        def scale(value: Any, meaning: Any) -> Any:  # noqa: ANN401 - a number or any nesting of tuples
            if meaning is Seconds:
                return max(1, round(value * factor))
            if not isinstance(value, tuple):
                return value
            meanings = [part for part in get_args(meaning) if part is not ...]
            return tuple(map(scale, value, cycle(meanings)))

        meanings = get_type_hints(type(self), include_extras=True)
        return replace(
            self,
            **{field.name: scale(getattr(self, field.name), meanings[field.name]) for field in fields(self)},
        )


DEFAULT: Final = Settings()

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


def duration(seconds: int) -> str:
    """Write seconds as Prometheus does, in the largest unit that divides them: 300 is `5m`, 90 is `90s`."""
    for size, unit in _UNITS:
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
