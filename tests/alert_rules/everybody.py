"""Receivers of every kind, with every secret in its file."""

from __future__ import annotations

from typing import Final

from alert_rules.receivers import Email, Heartbeat, PagerDuty, Receivers, Slack, Webhook

EVERYBODY: Final = Receivers(
    receivers=[
        Email.model_validate(
            {
                "type": "email",
                "to": "oncall@example.org, boss@example.org",
                "from": "alerts@example.org",
                "smarthost": "smtp.example.org:587",
                "auth_username": "alerts",
                "auth_password_file": "/run/secrets/smtp",
            }
        ),
        Slack(type="slack", api_url_file="/run/secrets/slack", channel="#alerts"),
        PagerDuty(type="pagerduty", routing_key_file="/run/secrets/pagerduty"),
        Webhook(type="webhook", url="http://127.0.0.1:5001/alerts", credentials_file="/run/secrets/hook"),
    ],
    heartbeat=Heartbeat(url="http://127.0.0.1:5001/heartbeat"),
)
