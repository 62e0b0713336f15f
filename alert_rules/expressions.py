"""The few PromQL phrases that several groups share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.foreign import ALERTS
from alert_rules.settings import duration
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings

BY_API: Final = f"by ({', '.join(ml.API_LABELS)})"
DOWN: Final = "RapidAPIDown"
"""The one alert that others refer to: what it tells need not be told again."""
ON_API: Final = f"on ({', '.join(ml.API_LABELS)})"


def sidecar_is_fresh(settings: Settings) -> str:
    """Return a condition, joined on environment, that holds while the last score is recent."""
    return f"on (environment) (time() - max by (environment) ({ml.LAST_SCORE.name}) < {settings.sidecar_max_age})"


def not_after_outage(settings: Settings, window: int = 0) -> str:
    """Return a condition that takes out APIs that are down or were until a moment ago: that has been told already.

    Args:
        settings: Give the shortest moment.
        window: Seconds that the rule itself looks back, in which the outage must not stand any more.
    """
    firing = f'{ALERTS}{{alertname="{DOWN}",alertstate="firing"}}'
    return f"unless {ON_API} max_over_time({firing}[{duration(max(window, settings.after_down))}])"


def learnt(feature: str, severity: str, bound: str) -> str:
    """Return the learnt threshold per API; replicas of the sidecar are aggregated away."""
    selector = f'{ml.THRESHOLD.name}{{feature="{feature}",severity="{severity}",bound="{bound}"}}'
    return f"max {BY_API} ({selector})"


def threshold(feature: str, severity: str, bound: str, fallback: float, settings: Settings) -> str:
    """Return the learnt threshold per API, and the fixed one where none is learnt or the sidecar is silent."""
    return (
        f"(\n    ({learnt(feature, severity, bound)} and {sidecar_is_fresh(settings)})\n"
        f"    or {ON_API} (0 * {ml.RECORDED[feature]} + {fallback:g})\n  )"
    )
