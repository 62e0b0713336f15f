"""What surrounds the panels of every dashboard: variables, links, annotations, time range."""

from __future__ import annotations

from typing import Any, Final

from grafanalib.core import Annotations, Dashboard, DashboardLink, Template, Templating, Time

from dashboards.modernize import DATASOURCE, Json
from dashboards.queries import ENVIRONMENT, per_api, series
from ml_sidecar import contract as ml

TAG: Final = "rapidapi"
REFRESH: Final = "30s"


def _variables() -> Templating:
    source = ml.RECORDED[ml.SUCCESS_RATE]
    return Templating(
        [
            Template(
                "datasource", "prometheus", type="datasource", label="Data source", default="prometheus"
            ),
            _label_variable("environment", "Environment", f"label_values({source}, environment)"),
            _label_variable("api_name", "API", f"label_values({source}{{{ENVIRONMENT}}}, api_name)"),
        ]
    )


def _label_variable(name: str, label: str, query: str) -> Template:
    return Template(name, query, label=label, multi=True, includeAll=True, allValue=".*", refresh=2)


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
    firing = {"alertstate": "firing"}
    return Annotations(
        [
            _annotation(
                "Anomalies", "yellow", f"{per_api(series(ml.ANOMALY.name))} == 1", "{{api_name}} is anomalous"
            ),
            _annotation("Alerts", "dark-red", series("ALERTS", firing), "{{alertname}}: {{api_name}}"),
        ]
    )


def frame(uid: str, title: str, description: str, panels: list[Any]) -> Dashboard:
    """Return a dashboard with the shared surroundings and ids for its panels."""
    link = DashboardLink(title="RapidAPI", tags=[TAG], asDropdown=True, includeVars=True, keepTime=True)
    return Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=[TAG],
        panels=panels,
        templating=_variables(),
        annotations=_annotations(),
        links=[link],
        refresh=REFRESH,
        time=Time("now-6h", "now"),
    ).auto_panel_ids()
