"""PromQL for panels, built from the contracts' names; replicas of the sidecar are always aggregated away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VARIABLES: Final = {label: f'{label}=~"${label}"' for label in ml.API_LABELS}
ENVIRONMENT: Final = 'environment=~"$environment"'
PROCESS: Final = ('job=~"$job"', 'instance=~"$instance"')
RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"
"""What happened in the time span that is chosen on the dashboard."""

_COUNTED: Final = 'severity!="none"'

AnyMetric = raw.Metric | ml.Metric


def series(name: str, matchers: Mapping[str, str] | None = None) -> str:
    """Return a selector of a per-API series that follows the dashboard's variables."""
    return _selector(name, [*API_VARIABLES.values()], matchers or {})


def environment_series(name: str, matchers: Mapping[str, str] | None = None) -> str:
    """Return a selector of a series without `api_name`."""
    return _selector(name, [ENVIRONMENT], matchers or {})


def process_series(name: str, matchers: Mapping[str, str] | None = None) -> str:
    """Return a selector of a series that any process has: only job and instance tell whose it is."""
    return _selector(name, [*PROCESS], matchers or {})


def own_series(metric: AnyMetric) -> str:
    """Return a selector of a metric that follows the choice of processes too."""
    variables = [*API_VARIABLES.values()] if metric.per_api else [ENVIRONMENT]
    return _selector(metric.name, [*variables, *PROCESS], {})


def _selector(name: str, variables: list[str], matchers: Mapping[str, str]) -> str:
    own = [f'{label}="{value}"' for label, value in matchers.items()]
    return f"{name}{{{', '.join(variables + own)}}}"


def feature(name: str) -> str:
    """Return the recorded series of a feature."""
    return series(ml.RECORDED[name])


def per_api(expr: str, *labels: str, by: str = "max") -> str:
    """Aggregate to one sample per API, and per further label where given."""
    return f"{by} by ({', '.join((*ml.API_LABELS, *labels))}) ({expr})"


def of_api(metric: AnyMetric, *labels: str, **matchers: str) -> str:
    """Return a per-API metric, its replicas aggregated away, split by the labels given."""
    return per_api(series(metric.name, matchers), *labels)


def shifted(metric: AnyMetric, offset: str, **matchers: str) -> str:
    """Return a per-API metric as it was `offset` ago, drawn now: a forecast at the time for which it was made."""
    return per_api(f"{series(metric.name, matchers)} offset {offset}")


def per_environment(metric: AnyMetric, *labels: str, **matchers: str) -> str:
    """Return a metric without `api_name`, its replicas aggregated away, split by the labels given."""
    by = ", ".join(("environment", *labels))
    return f"max by ({by}) ({environment_series(metric.name, matchers)})"


def increase(selector: str, *labels: str, window: str = RANGE) -> str:
    """Return how much a per-API counter rose; replicas count the same, so the largest is taken."""
    return per_api(f"increase({selector}[{window}])", *labels)


def alerts_active(severity: str) -> str:
    """Return the number of firing alerts of one severity."""
    return f"sum({environment_series(ml.ALERTS_ACTIVE, {'severity': severity})})"


def firing(name: str = "ALERTS", *, state: bool = True) -> str:
    """Return the alerts that fire now, the watchdog apart, which always does.

    Args:
        name: `ALERTS`, or `ALERTS_FOR_STATE` for the times since which they hold.
        state: Whether the series has the label `alertstate`.
    """
    own = ['alertstate="firing"'] if state else []
    return f"{name}{{{', '.join([*API_VARIABLES.values(), *own, _COUNTED])}}}"


def state_of_api() -> str:
    """Return 2 for an API with a critical alert, else 1 while an anomaly is open, 0 if scored, -1 if probed only."""
    critical = series("ALERTS", {"alertstate": "firing", "severity": "critical"})
    probed = f"0 * {series(raw.PROBE_INTERVAL.name)} - 1"
    return per_api(f"{series(ml.ANOMALY.name)} or 2 * {critical} or {probed}")


def why(nothing: str, least: float) -> str:
    """Return for each API one series whose label `feature` names what makes it unusual.

    Args:
        nothing: The label's value where the score is lower than `least`: shares of next to nothing say nothing.
        least: The score from which a reason is worth telling.
    """
    labels = ", ".join(ml.API_LABELS)
    score = of_api(ml.ANOMALY_SCORE)
    shares = of_api(ml.CONTRIBUTION, "feature")
    first = f"topk by ({labels}) (1, {shares}) and on ({labels}) ({score} >= {least:g})"
    return f'{first} or on ({labels}) label_replace({score}, "feature", "{nothing}", "", "")'


def quota_left() -> str:
    """Return the share of the tightest quota that is left, 0 to 1; absent for APIs that state none."""
    left = f"{series(raw.QUOTA_REMAINING.name)} / ({series(raw.QUOTA_LIMIT.name)} > 0)"
    return per_api(left, by="min")
