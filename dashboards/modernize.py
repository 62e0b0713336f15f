"""grafanalib's JSON to what Grafana 13 reads and types: the one place that knows what grafanalib gets wrong.

grafanalib 0.7.1 writes schema version 12 with nulls, name strings for data sources and keys of panels long gone. A file
that claims schema 41 is not migrated by Grafana, so all of that is put right here, and nowhere else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from grafanalib._gen import DashboardEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grafanalib.core import Dashboard

SCHEMA_VERSION: Final = 41
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]

_DASHBOARD_LEGACY: Final = (
    *("__inputs", "gnetId", "hideControls", "id", "rows", "sharedCrosshair", "style", "version"),
)
_PANEL_LEGACY: Final = (
    *("cacheTimeout", "color", "columns", "editable", "error", "fontSize", "height", "hideTimeOverride"),
    *("mappings", "maxDataPoints", "minSpan", "span"),
)
_TARGET_LEGACY: Final = ("hide", "interval", "intervalFactor", "metric", "query", "step", "target")
_ROW_KEYS: Final = ("collapsed", "gridPos", "id", "panels", "repeat", "title", "type")


def modernize(dashboard: Dashboard) -> Json:
    """Return the dashboard as classic JSON of the present schema, without nulls.

    Args:
        dashboard: With panel ids and grid positions set.
    """
    raw: Json = json.loads(json.dumps(dashboard, cls=DashboardEncoder))
    raw = _without(raw, _DASHBOARD_LEGACY)
    raw |= {
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "timepicker": {},
        "panels": [_panel(panel) for panel in raw["panels"]],
        "templating": {"list": [_variable(variable) for variable in raw["templating"]["list"]]},
    }
    pruned: Json = _prune(raw)
    return pruned


def _without(mapping: Mapping[str, Any], keys: tuple[str, ...]) -> Json:
    return {key: value for key, value in mapping.items() if key not in keys}


def _prune(value: Any, parent: str = "") -> Any:  # noqa: ANN401 - any JSON
    """Drop nulls all the way down; the first threshold step's null stands for minus infinity and stays."""
    if isinstance(value, dict):
        return {
            key: _prune(item, key)
            for key, item in value.items()
            if item is not None or (parent == "steps" and key == "value")
        }
    return [_prune(item, parent) for item in value] if isinstance(value, list) else value


def _panel(panel: Json) -> Json:
    if panel["type"] == "row":
        row = {key: panel[key] for key in _ROW_KEYS}
        return row | {"panels": [_panel(inner) for inner in panel["panels"]]}
    modern = _without(panel, _PANEL_LEGACY)
    modern |= {"datasource": DATASOURCE, "targets": [_target(target) for target in panel["targets"]]}
    defaults = modern["fieldConfig"]["defaults"]
    defaults["color"] = defaults.get("color") or {"mode": "thresholds"}
    defaults["thresholds"]["steps"] = defaults["thresholds"]["steps"] or [{"color": "text", "value": None}]
    modern["fieldConfig"]["defaults"] = {key: value for key, value in defaults.items() if value != ""}
    _PANELS[panel["type"]](modern)
    return modern


def _target(target: Json) -> Json:
    return _without(target, _TARGET_LEGACY) | {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "range": not target["instant"],
    }


def _timeseries(panel: Json) -> None:
    custom = panel["fieldConfig"]["defaults"]["custom"]
    custom["stacking"] = custom["stacking"] or {"group": "A", "mode": "none"}
    custom["scaleDistribution"] = {"type": custom["scaleDistribution"]["type"]}
    panel["options"]["legend"]["showLegend"] = True


def _stat(panel: Json) -> None:
    panel["options"] |= {"percentChangeColorMode": "standard", "showPercentChange": False, "wideLayout": True}


def _state_timeline(panel: Json) -> None:
    panel["fieldConfig"]["defaults"]["custom"] |= {
        "hideFrom": {"legend": False, "tooltip": False, "viz": False}
    }
    panel["options"]["legend"] |= {"calcs": [], "showLegend": False}
    panel["options"]["tooltip"]["sort"] = "none"


def _table(panel: Json) -> None:
    custom = panel["fieldConfig"]["defaults"]["custom"]
    del custom["displayMode"]
    custom |= {"cellOptions": {"type": "auto"}, "inspect": False}
    panel["options"] |= {"cellHeight": "sm", "frameIndex": 0}


_PANELS: Final[Mapping[str, Callable[[Json], None]]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "state-timeline": _state_timeline,
    "table": _table,
}


def _variable(variable: Json) -> Json:
    common = {key: variable[key] for key in ("hide", "label", "name", "type")}
    if variable["type"] == "datasource":
        default = variable["current"]["value"]
        return common | {
            "current": {"text": default.capitalize(), "value": default},
            "includeAll": False,
            "multi": False,
            "options": [],
            "query": variable["query"],
            "refresh": 1,
            "regex": "",
        }
    query = variable["query"]
    return common | {
        "allValue": variable["allValue"],
        "current": {"text": ["All"], "value": ["$__all"]} if variable["includeAll"] else None,
        "datasource": DATASOURCE,
        "includeAll": variable["includeAll"],
        "multi": variable["multi"],
        "options": [],
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": variable["refresh"],
        "regex": "",
        "sort": variable["sort"],
    }
