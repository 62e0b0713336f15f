"""The file that says who is told: what it may say, and what it is told when it says something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from alert_rules.errors import ReceiversError
from alert_rules.receivers import (
    RECEIVERS_FILE,
    Email,
    Heartbeat,
    Links,
    PagerDuty,
    Receivers,
    Slack,
    Webhook,
    load_receivers,
)
from alert_rules.settings import DEFAULT

BAD = Path("tests/bad_config/alert_rules")
SECRET = "s3cr3t"
LIST_REMEDY = (
    "write `receivers:` and below it entries with `type:`, which is one of email, slack, pagerduty, webhook"
)
TYPE_REMEDY = "write one of email, slack, pagerduty, webhook"
FILE_REMEDY = (
    "not an absolute path; write the path of the file that holds it, as Alertmanager sees it, "
    "such as /run/secrets/{}; never the secret itself"
)
SEVERITY_REMEDY = "write some of critical, warning, info, such as `severities: [critical]`"

MESSAGES = {
    "missing": ["cannot be read (No such file or directory); give the path of the file with --config"],
    "empty": [f"not a mapping of keys to values; {LIST_REMEDY}"],
    "key_twice": [
        ":4: not valid YAML (the key 'url' is written twice); check indentation, quotes and colons there"
    ],
    "unknown_keys": [
        "receivers[0].api_url: unknown key; did you mean `api_url_file`?",
        "receivers[1].colour: unknown key; write one of type, routing_key_file, url, severities",
        "recievers: unknown key; did you mean `receivers`?",
    ],
    "bad_type": [
        f"receivers[0].type: none of the types; {TYPE_REMEDY}",
        f"receivers[1].type: missing; {TYPE_REMEDY}",
        f"receivers[2]: input should be a valid dictionary or object to extract fields from; {LIST_REMEDY}",
    ],
    "secret_inline": [
        "receivers[0].api_url_file: " + FILE_REMEDY.format("slack_url"),
        "receivers[1].routing_key_file: " + FILE_REMEDY.format("pagerduty_key"),
        "receivers[2].credentials_file: " + FILE_REMEDY.format("webhook_token"),
    ],
    "bad_email": [
        (
            "receivers[0].to: not an e-mail address; write an address such as `to: oncall@example.org`, "
            "several with commas between them"
        ),
        (
            "receivers[0].smarthost: not a host and a port; "
            "write host and port such as `smarthost: smtp.example.org:587`"
        ),
        "receivers[0].require_tls: input should be a valid boolean; write true or false",
        "receivers[1]: one of auth_username and auth_password_file is missing; give both or neither",
    ],
    "bad_severity": [
        f"receivers[0].severities[0]: input should be 'critical', 'warning' or 'info'; {SEVERITY_REMEDY}",
        f"receivers[1].severities: list should have at least 1 item after validation, not 0; {SEVERITY_REMEDY}",
    ],
    "bad_url": [
        (
            "receivers[0].url: not an http:// or https:// URL with a host; "
            "write an address such as `url: https://example.org/alerts`"
        ),
        (
            "heartbeat: input should be a valid dictionary or instance of Heartbeat; "
            "write `heartbeat:` and below it `url:`"
        ),
        (
            "links.grafana: not an http:// or https:// URL with a host; "
            "write an address such as `grafana: https://grafana.example.org`"
        ),
    ],
    "nobody_for_critical": [f"receivers: nobody is told of critical alerts; {LIST_REMEDY}"],
}


def test_every_bad_file_has_its_message() -> None:
    """No example of a mistake lies around untested."""
    assert {path.stem for path in BAD.glob("*.yml")} == set(MESSAGES) - {"missing"}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_wrong_is_named_with_its_remedy_and_no_secret(name: str) -> None:
    """Each problem is one line: the file, the field, what is wrong, what to write; never the value."""
    path = BAD / f"{name}.yml"
    with pytest.raises(ReceiversError) as caught:
        load_receivers(path)
    lines = [message if message.startswith(":") else f": {message}" for message in MESSAGES[name]]
    assert str(caught.value).splitlines() == [f"{path}{line}" for line in lines]
    assert SECRET not in str(caught.value)


def test_the_committed_file_tells_somebody_and_shows_every_kind() -> None:
    """As it comes, alerts of all severities go somewhere that needs no account; the other kinds stand there as comments."""
    found = load_receivers()
    assert all(found.of(severity) for severity in ("critical", "warning", "info"))
    assert {receiver.type for receiver in found.receivers} == {"webhook"}


def test_every_commented_example_is_valid(tmp_path: Path) -> None:
    """Whoever takes the comment signs away has a file that works."""
    text = RECEIVERS_FILE.read_text(encoding="utf-8")
    path = tmp_path / "receivers.yml"
    path.write_text(
        re.sub(r"^( *)# ( *(?:- )?[a-z_]+:.*)$", r"\1\2", text, flags=re.MULTILINE), encoding="utf-8"
    )
    found = load_receivers(path)
    assert {receiver.type for receiver in found.receivers} == {"webhook", "email", "slack", "pagerduty"}
    assert found.heartbeat
    assert found.links.grafana


def test_links_in_messages_lead_where_the_file_says() -> None:
    """Addresses of Grafana and runbook replace those of the rules; what is left out stays."""
    links = Receivers.model_validate({"links": {"grafana": "https://grafana.example.org/"}}).links
    assert links.applied_to(DEFAULT).grafana_url == "https://grafana.example.org"
    assert links.applied_to(DEFAULT).runbook_url == DEFAULT.runbook_url


def test_each_kind_has_its_default_severities() -> None:
    """Nobody is paged for a warning, and a channel is not filled with what asks for nothing, unless asked for."""
    slack = Slack(type="slack", api_url_file="/run/secrets/slack_url", channel="#alerts")
    found = Receivers(receivers=[slack])
    assert found.of("critical") == found.of("warning") == [slack]
    assert found.of("info") == []


@pytest.mark.parametrize("kind", [Email, Slack, PagerDuty, Webhook, Heartbeat, Links, Receivers])
def test_every_setting_is_described(kind: type[BaseModel]) -> None:
    """The page about alerting names each key that the file may have."""
    page = Path("docs/alerting.md").read_text(encoding="utf-8")
    keys = {field.alias or name for name, field in kind.model_fields.items()}
    assert {key for key in keys if f"`{key}`" not in page} == set()
