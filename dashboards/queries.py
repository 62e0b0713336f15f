"""PromQL for panels, built from the contracts' names; replicas of the sidecar are always aggregated away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Mapping

API_VARIABLES: Final = {label: f'{label}=~"${label}"' for label in ml.API_LABELS}
ENVIRONMENT: Final = 'environment=~"$environment"'


def series(name: str, matchers: Mapping[str, str] | None = None) -> str:
    """Return a selector of a per-API series that follows the dashboard's variables."""
    return _selector(name, [*API_VARIABLES.values()], matchers or {})


def environment_series(name: str, matchers: Mapping[str, str] | None = None) -> str:
    """Return a selector of a series without `api_name`."""
    return _selector(name, [ENVIRONMENT], matchers or {})


def _selector(name: str, variables: list[str], matchers: Mapping[str, str]) -> str:
    own = [f'{label}="{value}"' for label, value in matchers.items()]
    return f"{name}{{{', '.join(variables + own)}}}"


def feature(name: str) -> str:
    """Return the recorded series of a feature."""
    return series(ml.RECORDED[name])


def per_api(expr: str, *labels: str, by: str = "max") -> str:
    """Aggregate to one sample per API, and per further label where given."""
    return f"{by} by ({', '.join((*ml.API_LABELS, *labels))}) ({expr})"
