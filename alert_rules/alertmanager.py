"""Alertmanager's configuration: who is told of which alert, in which words, and what is not worth telling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alert_rules.inhibitions import GROUP_BY, INHIBITIONS
from alert_rules.receivers import NOTIFIED, Email, PagerDuty, Receiver, Receivers, Slack, Webhook
from alert_rules.settings import duration
from alert_rules.writer import GENERATED, GENERATOR, to_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATES: Final = Path("templates/rapidapi.tmpl")
"""Where the words of messages stand, relative to the configuration file."""
_WORDS: Final = Path(__file__).with_name("messages.tmpl")
_SOURCE: Final = "alert_rules/receivers.yml"
_COLOURS: Final = {"critical": "#d62728", "warning": "#ff9d00", "info": "#439fe0"}
_RESOLVED_COLOUR: Final = "#2e7d32"
_DASHBOARD: Final = "{{ (index .Alerts 0).Annotations.dashboard_url }}"


def alertmanager_config(
    receivers: Receivers,
    *,
    group_wait: int = 30,
    group_interval: int = 300,
    repeat_interval: int = 4 * 3600,
) -> str:
    """Return `alertmanager.yml`.

    Args:
        receivers: Who is told; nobody is fine, alerts are then read in Alertmanager itself.
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
    told = {"default": receivers.receivers} | {severity: receivers.of(severity) for severity in NOTIFIED}
    content = {
        "templates": [str(TEMPLATES)],
        "route": {
            "receiver": "default",
            "group_by": list(GROUP_BY),
            "group_wait": duration(group_wait),
            "group_interval": duration(group_interval),
            "repeat_interval": duration(repeat_interval),
            "routes": [
                _watchdog_route(group_interval),
                *(
                    {"receiver": severity, "matchers": [f'severity="{severity}"']}
                    for severity in (*NOTIFIED, "none")
                ),
            ],
        },
        "inhibit_rules": [inhibition.as_mapping() for inhibition in INHIBITIONS],
        "receivers": [
            _watchdog(receivers),
            *(_receiver(name, people) for name, people in told.items()),
            {"name": "none"},
        ],
    }
    return to_yaml(content, source=_SOURCE)


def message_templates() -> str:
    """Return the words of messages under a header; what stands outside of `define` is never shown."""
    header = GENERATED.format(generator=GENERATOR, source="alert_rules/messages.tmpl")
    return header + _WORDS.read_text(encoding="utf-8")


def _watchdog_route(group_interval: int) -> dict[str, Any]:
    return {
        "receiver": "watchdog",
        "matchers": ['alertname="Watchdog"'],
        "group_wait": "0s",
        "repeat_interval": duration(group_interval),
    }


def _watchdog(receivers: Receivers) -> dict[str, Any]:
    if receivers.heartbeat is None:
        return {"name": "watchdog"}
    hook = {"url": receivers.heartbeat.url, "send_resolved": False}
    return {"name": "watchdog", "webhook_configs": [hook]}


def _receiver(name: str, people: Sequence[Receiver]) -> dict[str, Any]:
    """Return one of Alertmanager's receivers, with everybody who is told of that severity."""
    receiver: dict[str, Any] = {"name": name}
    for person in people:
        match person:
            case Email():
                receiver.setdefault("email_configs", []).append(_email(person))
            case Slack():
                receiver.setdefault("slack_configs", []).append(_slack(person, name))
            case PagerDuty():
                receiver.setdefault("pagerduty_configs", []).append(_pagerduty(person, name))
            case Webhook():
                receiver.setdefault("webhook_configs", []).append(_webhook(person))
    return receiver


def _email(person: Email) -> dict[str, Any]:
    """Return plain text alone, which every phone shows as it is, links included."""
    return person.model_dump(by_alias=True, exclude_none=True, exclude={"type", "severities"}) | {
        "headers": {"Subject": '{{ template "rapidapi.subject" . }}'},
        "html": "",
        "text": '{{ template "rapidapi.text" . }}',
        "send_resolved": True,
    }


def _slack(person: Slack, severity: str) -> dict[str, Any]:
    colour = _COLOURS.get(severity, _COLOURS["warning"])
    return {
        "api_url_file": person.api_url_file,
        "channel": person.channel,
        "color": f'{{{{ if eq .Status "firing" }}}}{colour}{{{{ else }}}}{_RESOLVED_COLOUR}{{{{ end }}}}',
        "title": '{{ template "rapidapi.slack.title" . }}',
        "title_link": _DASHBOARD,
        "text": '{{ template "rapidapi.slack.text" . }}',
        "fallback": '{{ template "rapidapi.slack.title" . }}',
        "send_resolved": True,
    }


def _pagerduty(person: PagerDuty, severity: str) -> dict[str, Any]:
    """Return an event; PagerDuty knows the severities of `NOTIFIED`, and shows `details` as rows."""
    return person.model_dump(exclude_none=True, exclude={"type", "severities"}) | {
        "description": '{{ template "rapidapi.title" . }}',
        "severity": severity if severity in NOTIFIED else "error",
        "client": "RapidAPI monitoring",
        "client_url": _DASHBOARD,
        "details": {"firing": '{{ template "rapidapi.text" . }}', "resolved": ""},
        "send_resolved": True,
    }


def _webhook(person: Webhook) -> dict[str, Any]:
    hook: dict[str, Any] = {"url": person.url, "send_resolved": True}
    if person.credentials_file is not None:
        hook["http_config"] = {"authorization": {"credentials_file": person.credentials_file}}
    return hook
