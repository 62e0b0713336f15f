"""Every threshold, window and address that the rules are built from, in one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations in seconds, rates in percent, shares from 0 to 1."""

    interval: int = 15
    """Prometheus scrapes and evaluates this often."""
    scrape_timeout: int = 10
    window: int = 300
    """What the features look back over."""
    slow_window: int = 3600
    """The same for APIs that are probed rarely: it must hold several probes."""
    slow_probe_interval: int = 75
    """APIs probed more rarely than this are recorded over `slow_window`; four probes still fit into `window`."""

    down_success_rate: float = 5
    down_window: int = 60
    """A hard outage is seen over this window where it holds enough requests: after five minutes of it everybody knows."""
    down_requests: int = 3
    down_for: int = 120
    success_rate_for: int = 360
    """The threshold's cost counts what lasts for two grid rows. One failed request stays in the window for five minutes,
    which is one row; it must not page."""

    anomaly_window: int = 300
    anomaly_share: float = 0.6
    anomaly_long_window: int = 3600
    anomaly_long_share: float = 0.05
    anomaly_present_score: float = 0.5
    anomaly_present_window: int = 120
    """An API whose score has been below this for so long is well again; its episode stays open for longer, in case."""
    after_down: int = 480
    """After an outage the features look back on it for `window`, and the present score for two minutes more; nobody is
    to be woken again by its tail."""
    anomaly_for: int = 15
    """Two evaluations in a row. The two windows already ask for three minutes of anomaly; more would cost the alert
    its five minutes from the start of an outage."""
    hold: int = 120
    """What rests on the sidecar keeps firing this long, so that its restart resolves nothing."""
    sidecar_max_age: int = 120
    """A score older than this is no longer evidence."""
    sidecar_silent_for: int = 120
    sidecar_memory: int = 86400
    """How long a sidecar that vanished is still expected back in its environment."""

    custom_for: int = 60
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


DEFAULT: Final = Settings()

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"))


def duration(seconds: int) -> str:
    """Write seconds as Prometheus does, in the largest unit that divides them: 300 is `5m`, 90 is `90s`."""
    for size, unit in _UNITS:
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
