"""What surrounds the panels of every dashboard: variables, links, annotations, time range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafanalib.core import Annotations, Dashboard, DashboardLink, Time

from dashboards.layout import place
from dashboards.modernize import DATASOURCE, Json
from dashboards.palette import BAD, GOOD, PURPLE, WARN
from dashboards.queries import RATE, environment_series, firing, increase, of_api, series
from dashboards.variables import Choice, variables
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.layout import Section

TAG: Final = "rapidapi"
REFRESH: Final = "30s"


def _annotation(name: str, color: str, expr: str, title: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "target": {"expr": expr, "interval": "60s", "refId": "Annotation"},
        "titleFormat": title,
        "textFormat": "{{environment}}",
    }


def _annotations() -> Annotations:
    changes = f"{increase(series(ml.THRESHOLD_CHANGES.name), 'feature', window=RATE)} > 0"
    promoted = environment_series(ml.TRAININGS.name, {"outcome": "promoted"})
    return Annotations(
        [
            _annotation("Anomalies", WARN, f"{of_api(ml.ANOMALY)} == 1", "{{api_name}} is anomalous"),
            _annotation("Alerts", BAD, firing(), "{{alertname}}: {{api_name}}"),
            _annotation("Threshold changes", PURPLE, changes, "{{api_name}}: new threshold for {{feature}}"),
            _annotation(
                "New models",
                GOOD,
                f"max by (environment) (increase({promoted}[{RATE}])) > 0",
                "New models are in service",
            ),
        ]
    )


def frame(
    uid: str,
    title: str,
    description: str,
    sections: Sequence[Section],
    *,
    apis: Choice = "any",
    processes: bool = False,
) -> Dashboard:
    """Return a dashboard with the shared surroundings, its sections placed one below the other.

    Args:
        uid: Fixed, for links.
        title: Of the dashboard.
        description: Of the dashboard.
        sections: From the top down.
        apis: Whether it is about any number of APIs, single ones, or none.
        processes: Whether it is about our own processes, so that job and instance can be chosen.
    """
    link = DashboardLink(title="RapidAPI", tags=[TAG], asDropdown=True, includeVars=True, keepTime=True)
    return Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=[TAG],
        panels=place(sections),
        templating=variables(apis, processes=processes),
        annotations=_annotations(),
        links=[link],
        refresh=REFRESH,
        time=Time("now-6h", "now"),
    ).auto_panel_ids()
