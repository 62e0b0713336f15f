"""Grafana dashboards as Python.

`grafana_integration` and `create_grafana_dashboards` push them to a running Grafana; both are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.grafana import DashboardResult, GrafanaIntegration

    grafana_integration: GrafanaIntegration

__all__ = ["create_grafana_dashboards", "grafana_integration"]


async def create_grafana_dashboards(*, overwrite: bool = False) -> list[DashboardResult]:
    """Create or update every generated dashboard in the Grafana that the environment names.

    Args:
        overwrite: Replace dashboards even if someone has edited them in Grafana since.

    Returns:
        One result per dashboard; failures are told in it, not raised.
    """
    from dashboards.grafana import GrafanaIntegration  # noqa: PLC0415 - generating needs none of its imports

    return await GrafanaIntegration().create_dashboards(overwrite=overwrite)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name != "grafana_integration":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dashboards.grafana import GrafanaIntegration  # noqa: PLC0415 - generating needs none of its imports

    globals()[name] = GrafanaIntegration()
    return globals()[name]
