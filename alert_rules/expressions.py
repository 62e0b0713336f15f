"""The few PromQL phrases that several groups share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.settings import duration
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from alert_rules.settings import Settings

BY_API: Final = f"by ({', '.join(ml.API_LABELS)})"
ON_API: Final = f"on ({', '.join(ml.API_LABELS)})"


def sidecar_is_fresh(settings: Settings) -> str:
    """Return a condition, joined on environment, that holds while the last score is recent."""
    return f"on (environment) (time() - max by (environment) ({ml.LAST_SCORE.name}) < {settings.sidecar_max_age})"


def not_after_outage(settings: Settings) -> str:
    """Return a condition that takes out APIs that are down or were until a moment ago: that has been told already."""
    firing = 'ALERTS{alertname="RapidAPIDown",alertstate="firing"}'
    return f"unless {ON_API} max_over_time({firing}[{duration(settings.after_down)}])"


def threshold(feature: str, severity: str, bound: str) -> str:
    """Return the learnt threshold per API; replicas of the sidecar are aggregated away."""
    selector = f'{ml.THRESHOLD.name}{{feature="{feature}",severity="{severity}",bound="{bound}"}}'
    return f"max {BY_API} ({selector})"
