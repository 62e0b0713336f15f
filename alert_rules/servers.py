"""Configuration of the two servers, from one place for containers, for the demo and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from alert_rules.settings import DEFAULT, duration
from alert_rules.writer import to_yaml
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alert_rules.settings import Settings

PROMETHEUS_JOB: Final = "prometheus"
ALERTMANAGER_JOB: Final = "alertmanager"
GROUP_BY: Final = ("alertname", *ml.API_LABELS)
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


def alertmanager_config(
    *,
    webhook_url: str | None = None,
    group_wait: int = 30,
    group_interval: int = 300,
    repeat_interval: int = 4 * 3600,
) -> str:
    """Return `alertmanager.yml`.

    Without a webhook nothing leaves the machine: alerts are read in Alertmanager itself, and no account is needed.

    Args:
        webhook_url: Where every alert is posted, the watchdog's included.
        group_wait: Seconds that the first alert of a group waits for company.
        group_interval: Seconds between two messages about one group when something changed.
        repeat_interval: Seconds after which an unchanged group is repeated; a multiple of `group_interval`.

    Raises:
        ValueError: If `repeat_interval` is not a multiple of `group_interval`, which Alertmanager would round up.
    """
    if repeat_interval % group_interval:
        raise ValueError(
            f"repeat_interval={repeat_interval} must be a multiple of group_interval={group_interval}"
        )
    content = {
        "route": {
            "receiver": "default",
            "group_by": list(GROUP_BY),
            "group_wait": duration(group_wait),
            "group_interval": duration(group_interval),
            "repeat_interval": duration(repeat_interval),
            "routes": [
                _watchdog_route(group_interval),
                *(_severity_route(severity) for severity in ("critical", "warning", "info")),
            ],
        },
        "inhibit_rules": _inhibitions(),
        "receivers": [
            _receiver(name, webhook_url, send_resolved=name != "watchdog")
            for name in ("default", "watchdog", "critical", "warning", "info")
        ],
    }
    return to_yaml(content, source=_SOURCE)


def _watchdog_route(group_interval: int) -> dict[str, Any]:
    return {
        "receiver": "watchdog",
        "matchers": ['alertname="Watchdog"'],
        "group_wait": "0s",
        "repeat_interval": duration(group_interval),
    }


def _severity_route(severity: str) -> dict[str, Any]:
    return {"receiver": severity, "matchers": [f'severity="{severity}"']}


def _inhibitions() -> list[dict[str, Any]]:
    """Return the inhibitions: one page a problem, and never one API's alert silenced by another's."""
    return [
        {
            "source_matchers": ['severity="critical"'],
            "target_matchers": ['severity=~"warning|info"'],
            "equal": list(GROUP_BY),
        },
        {
            "source_matchers": ['alertname="RapidAPIDown"'],
            "target_matchers": ['alertname=~"RapidAPISuccessRateLow|RapidAPIAnomaly"'],
            "equal": list(ml.API_LABELS),
        },
        {
            "source_matchers": ['alertname="MLSidecarSilent"'],
            "target_matchers": ['component="ml"'],
            "equal": ["environment"],
        },
    ]


def _receiver(name: str, webhook_url: str | None, *, send_resolved: bool) -> dict[str, Any]:
    if webhook_url is None:
        return {"name": name}
    return {"name": name, "webhook_configs": [{"url": webhook_url, "send_resolved": send_resolved}]}
