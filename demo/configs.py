"""Configuration files of the servers that the demo runs, from the project's own generators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from alert_rules.alertmanager import alertmanager_config
from alert_rules.generate import rule_files
from alert_rules.receivers import Receivers, Webhook
from alert_rules.servers import prometheus_config
from collector.contract import API_LABELS, JOB
from demo.law import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from demo.fleet import Api
    from demo.ports import Ports


def collector_text(apis: Sequence[Api], simulator_url: str) -> str:
    """Return the collector's `apis.yml`."""
    entries = [
        {"name": api.name, "url": f"{simulator_url}/api/{api.name}", "interval": api.interval} for api in apis
    ]
    return yaml.safe_dump({"defaults": {"timeout": TIMEOUT_SECONDS}, "apis": entries}, sort_keys=False)


def prometheus_text(ports: Ports, silent: Collection[str] = ()) -> str:
    """Return `prometheus.yml` for the servers at these ports; what the collector says of `silent` APIs is dropped."""
    text = prometheus_config(
        collectors=[ports.address("collector")],
        sidecars=[ports.address("sidecar")],
        prometheus=ports.address("prometheus"),
        alertmanagers=[ports.address("alertmanager")],
    )
    if not silent:
        return text
    content = yaml.safe_load(text)
    drop = {"source_labels": [API_LABELS[0]], "regex": "|".join(sorted(silent)), "action": "drop"}
    for scrape in content["scrape_configs"]:
        if scrape["job_name"] == JOB:
            scrape["metric_relabel_configs"] = [drop]
    return yaml.safe_dump(content, sort_keys=False)


def alertmanager_text(ports: Ports) -> str:
    """Return `alertmanager.yml`, which delivers to the simulator, and sooner than one would want of a pager."""
    webhook = Webhook(type="webhook", url=f"{ports.url('simulator')}/_demo/alerts")
    return alertmanager_config(Receivers(receivers=[webhook]), group_wait=5, group_interval=15)


def write_rules(directory: Path) -> None:
    """Write all rule files into a folder."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in rule_files().items():
        (directory / name).write_text(text, encoding="utf-8")
