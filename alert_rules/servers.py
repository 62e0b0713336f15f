"""Prometheus' own configuration, from one place for containers, for the demo and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.settings import DEFAULT, duration
from alert_rules.writer import to_yaml
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alert_rules.settings import Settings

PROMETHEUS_JOB: Final = "prometheus"
ALERTMANAGER_JOB: Final = "alertmanager"
_SOURCE: Final = "alert_rules/servers.py"


def prometheus_config(
    *,
    collectors: Sequence[str] = ("collector:9101",),
    sidecars: Sequence[str] = ("ml_sidecar:8080",),
    prometheus: str = "localhost:9090",
    alertmanagers: Sequence[str] = ("alertmanager:9093",),
    rule_files: Sequence[str] = ("rules/*.yml",),
    settings: Settings = DEFAULT,
) -> str:
    """Return `prometheus.yml`.

    Args:
        collectors: `host:port` of each collector, and of any program that measures its own traffic.
        sidecars: `host:port` of each sidecar.
        prometheus: Where Prometheus reaches itself.
        alertmanagers: `host:port` of each Alertmanager.
        rule_files: Globs of rule files, relative to the configuration file or absolute.
        settings: Gives the interval of scrapes and evaluations.
    """
    jobs = {
        raw.JOB: collectors,
        ml.JOB: sidecars,
        PROMETHEUS_JOB: (prometheus,),
        ALERTMANAGER_JOB: alertmanagers,
    }
    interval = duration(settings.interval)
    content = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": duration(settings.scrape_timeout),
            "evaluation_interval": interval,
        },
        "rule_files": list(rule_files),
        "alerting": {"alertmanagers": [{"static_configs": _targets(alertmanagers)}]},
        "scrape_configs": [{"job_name": job, "static_configs": _targets(at)} for job, at in jobs.items()],
    }
    return to_yaml(content, source=_SOURCE)


def _targets(addresses: Sequence[str]) -> list[dict[str, list[str]]]:
    return [{"targets": list(addresses)}]
