"""How Grafana finds its data sources and dashboards."""

from __future__ import annotations

from typing import Any, Final

from alert_rules.settings import DEFAULT, Settings, duration

PROMETHEUS_VERSION: Final = "3.14.0"
DASHBOARDS_PATH: Final = "/var/lib/grafana/dashboards"
"""Where the containers mount the generated dashboards; outside `/etc/grafana/provisioning` on purpose."""


def datasources(
    prometheus_url: str = "http://prometheus:9090",
    alertmanager_url: str = "http://alertmanager:9093",
    settings: Settings = DEFAULT,
) -> dict[str, Any]:
    """Return the file that declares Prometheus and Alertmanager as data sources."""
    prometheus = _datasource("Prometheus", "prometheus", prometheus_url, default=True) | {
        "jsonData": {
            "httpMethod": "POST",
            "timeInterval": duration(settings.interval),
            "prometheusType": "Prometheus",
            "prometheusVersion": PROMETHEUS_VERSION,
            "cacheLevel": "Low",
            "manageAlerts": True,
        }
    }
    alertmanager = _datasource("Alertmanager", "alertmanager", alertmanager_url, default=False) | {
        "jsonData": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False}
    }
    return {"apiVersion": 1, "prune": True, "datasources": [prometheus, alertmanager]}


def _datasource(name: str, kind: str, url: str, *, default: bool) -> dict[str, Any]:
    return {
        "name": name,
        "uid": kind,
        "type": kind,
        "access": "proxy",
        "url": url,
        "isDefault": default,
        "editable": False,
    }


def dashboard_providers() -> dict[str, Any]:
    """Return the file that tells Grafana to load every folder of dashboards."""
    provider = {
        "name": "rapidapi",
        "orgId": 1,
        "folder": "",
        "folderUid": "",
        "type": "file",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": DASHBOARDS_PATH, "foldersFromFilesStructure": True},
    }
    return {"apiVersion": 1, "providers": [provider]}
