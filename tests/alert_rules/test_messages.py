"""What people read at night: messages as a real Alertmanager writes them, taken by servers on loopback."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import requests

from alert_rules.alertmanager import TEMPLATES, alertmanager_config, message_templates
from alert_rules.receivers import load_receivers
from demo.processes import Server, start_alertmanager
from tests.alert_rules.recorders import Mail, Post, recorded_mails, recorded_posts
from tests.integration.stack import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("messages")]

SINCE: Final = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
NAME: Final = "Wetter <!channel> & Söhne"
ESCAPED: Final = "Wetter &lt;!channel&gt; &amp; Söhne"
SAID: Final = (
    f"{NAME} (production) is down: expected a success rate of 99.8 %, seen 0 %. Most failures: http_5xx."
)
DASHBOARD: Final = "http://grafana.example/d/rapidapi_overview?var-api_name=Wetter"
RUNBOOK: Final = "https://runbook.example/runbook.md#rapidapidown"
FILTER: Final = (
    "/#/silences/new?filter=%7Balertname%3D%22RapidAPIDown%22%2C"
    "api_name%3D%22Wetter%20%3C%21channel%3E%20%26%20S%C3%B6hne%22%2Cenvironment%3D%22production%22%7D"
)
CONFIG: Final = """
receivers:
- {type: email, to: oncall@example.org, from: alerts@example.org, smarthost: "SMTP", require_tls: false,
   auth_username: me, auth_password_file: HOME/key}
- {type: slack, api_url_file: HOME/slack, channel: "#alerts"}
- {type: pagerduty, routing_key_file: HOME/key, url: "HTTP/pagerduty"}
- {type: webhook, url: "HTTP/hook", credentials_file: HOME/key}
heartbeat: {url: "HTTP/heartbeat"}
"""


class World:
    """An Alertmanager, and what it has sent."""

    def __init__(self, server: Server, posts: list[Post], mails: list[Mail]) -> None:
        self.server = server
        self.posts = posts
        self.mails = mails

    def alert(
        self, alertname: str, severity: str, resolved_after: timedelta | None = None, **labels: str
    ) -> None:
        """Send an alert as Prometheus does."""
        annotations = {
            "summary": "Almost every request to an API fails.",
            "description": SAID,
            "runbook_url": RUNBOOK,
            "dashboard_url": DASHBOARD,
        }
        alert: dict[str, Any] = {
            "labels": {"alertname": alertname, "severity": severity, **labels},
            "annotations": annotations,
            "startsAt": SINCE.isoformat(),
        }
        if resolved_after:
            alert["endsAt"] = (SINCE + resolved_after).isoformat()
        requests.post(f"{self.server.url}/api/v2/alerts", json=[alert], timeout=10).raise_for_status()

    def posted(self, path: str) -> list[dict[str, Any]]:
        """What was posted to a path."""
        return [post.content for post in self.posts if post.path == path]

    def told(self, path: str, count: int) -> list[dict[str, Any]]:
        """What was posted to a path, as soon as it is so much."""
        return wait_for(f"{count} at {path}", lambda: len(self.posted(path)) >= count and self.posted(path))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An Alertmanager that has told of an outage at night, and of its end fourteen and a half minutes later."""
    home = tmp_path_factory.mktemp("messages")
    (home / "am" / TEMPLATES).parent.mkdir(parents=True)
    (home / "am" / TEMPLATES).write_text(message_templates(), encoding="utf-8")
    (home / "key").write_text("secret-key")
    with recorded_posts() as (http, posts), recorded_mails() as (smtp, mails):
        (home / "slack").write_text(f"{http}/slack\n")
        path = home / "receivers.yml"
        path.write_text(CONFIG.replace("HOME", str(home)).replace("HTTP", http).replace("SMTP", smtp))
        config = alertmanager_config(load_receivers(path), group_wait=1, group_interval=1)
        with start_alertmanager(home / "am", config) as server:
            found = World(server, posts, mails)
            labels = {"api_name": NAME, "environment": "production", "component": "api"}
            found.alert("Watchdog", "none")
            found.alert("RapidAPIDown", "critical", **labels)
            for path_ in ("/slack", "/pagerduty", "/hook"):
                found.told(path_, 1)
            wait_for("the mail", lambda: mails)
            found.alert("RapidAPIDown", "critical", timedelta(minutes=14, seconds=30), **labels)
            for path_ in ("/slack", "/pagerduty", "/hook"):
                found.told(path_, 2)
            wait_for("the second mail", lambda: len(mails) == 2)
            yield found


def _text(mail: Mail) -> str:
    part = mail.message.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_mail_says_it_all_in_plain_text(world: World) -> None:
    """The subject fits a lock screen; then what is wrong, since when, where to look, and how to have quiet."""
    mail = world.mails[0]
    assert mail.message["Subject"] == f"[CRITICAL] {NAME}: RapidAPIDown (production)"
    assert (mail.message["From"], mail.message["To"]) == ("alerts@example.org", "oncall@example.org")
    assert [part.get_content_type() for part in mail.message.walk() if not part.is_multipart()] == [
        "text/plain"
    ]
    lines = _text(mail).splitlines()
    assert lines[:-1] == [
        SAID,
        "Firing since 03:12 UTC, Sun 22 Nov.",
        f"Dashboard: {DASHBOARD}",
        f"Runbook: {RUNBOOK}",
        "",
        "What it means: Almost every request to an API fails.",
    ]
    assert lines[-1].startswith("Silence it: http://")
    assert lines[-1].endswith(FILTER)


def test_a_mail_says_that_it_is_over(world: World) -> None:
    """The first line of the second mail says that it is over, and how long it was."""
    assert world.mails[1].message["Subject"] == f"[RESOLVED] {NAME}: RapidAPIDown (production)"
    lines = _text(world.mails[1]).splitlines()
    assert lines[0] == f"Over since 03:26 UTC, after 14m30s. It said: {SAID}"
    assert not any("Silence" in line for line in lines)


def test_the_mail_server_gets_the_password_of_the_file(world: World) -> None:
    """The secret is read from its file."""
    assert base64.b64decode(world.mails[0].credentials) == b"\0me\0secret-key"


def test_slack_shows_title_words_and_links(world: World) -> None:
    """The attachment has the title first; a name that means something to Slack stays a name."""
    [attachment] = world.posted("/slack")[0]["attachments"]
    assert attachment["title"] == f"[CRITICAL] {ESCAPED}: RapidAPIDown (production)"
    assert attachment["fallback"] == attachment["title"]
    assert attachment["title_link"] == DASHBOARD
    assert attachment["color"] == "#d62728"
    said, when, links = attachment["text"].splitlines()
    assert said == SAID.replace(NAME, ESCAPED)
    assert when == "Firing since 03:12 UTC, Sun 22 Nov."
    assert links.startswith(f"<{DASHBOARD}|Dashboard> · <{RUNBOOK}|Runbook> · <http://")
    assert links.endswith(f"{FILTER}|Silence>")


def test_slack_turns_green_when_it_is_over(world: World) -> None:
    """The end is told in the same place, with its length."""
    [attachment] = world.posted("/slack")[1]["attachments"]
    assert attachment["title"] == f"[RESOLVED] {ESCAPED}: RapidAPIDown (production)"
    assert attachment["color"] == "#2e7d32"
    assert attachment["text"].startswith("Over since 03:26 UTC, after 14m30s. It said: Wetter &lt;!channel")
    assert "Silence" not in attachment["text"]


def test_pagerduty_gets_one_incident_with_its_details(world: World) -> None:
    """The page names API and alert, links the dashboard, holds the whole text, and the end closes the same incident."""
    opened, closed = world.posted("/pagerduty")[:2]
    assert opened["routing_key"] == "secret-key"
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]
    assert opened["payload"]["summary"] == f"{NAME}: RapidAPIDown (production)"
    assert opened["payload"]["severity"] == "critical"
    assert opened["client_url"] == DASHBOARD
    details = opened["payload"]["custom_details"]["firing"]
    assert details.startswith(f"{SAID}\nFiring since 03:12 UTC")


def test_a_webhook_gets_everything_with_its_token(world: World) -> None:
    """Alertmanager's JSON arrives, resolved too, with the token of the file."""
    firing, resolved = world.posted("/hook")[:2]
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["alerts"][0]["annotations"]["description"] == SAID
    assert {post.authorization for post in world.posts if post.path == "/hook"} == {"Bearer secret-key"}


def test_the_heartbeat_beats_and_reaches_nobody_else(world: World) -> None:
    """The watchdog is posted again and again, to the service outside alone."""
    beats = world.told("/heartbeat", 3)
    assert {beat["commonLabels"]["alertname"] for beat in beats} == {"Watchdog"}
    everywhere = [*world.posted("/hook"), *world.posted("/pagerduty"), *world.posted("/slack")]
    assert not any("Watchdog" in str(message) for message in everywhere)


def test_several_alerts_of_one_api_are_one_message(world: World) -> None:
    """What has one name, API and environment arrives together, each with its own words; the title counts them."""
    labels = {"api_name": "weather", "environment": "production"}
    for feature in ("success_rate", "response_time"):
        world.alert("RapidAPIBreachPredicted", "warning", feature=feature, **labels)

    def both() -> dict[str, Any] | None:
        attachments = [post["attachments"][0] for post in world.posted("/slack")]
        return next(
            (found for found in attachments if "weather" in found["title"] and "2" in found["title"]), None
        )

    attachment = wait_for("both in one message", both)
    assert attachment["title"] == "[WARNING] weather: RapidAPIBreachPredicted (production), 2 alerts"
    assert attachment["color"] == "#ff9d00"
    assert attachment["text"].count("Firing since 03:12 UTC, Sun 22 Nov.") == 2
    assert not any("weather" in str(page) for page in world.posted("/pagerduty"))


def test_what_was_sent_was_taken(world: World) -> None:
    """Alertmanager has counted no failed notification and has nothing to complain of."""
    metrics = requests.get(f"{world.server.url}/metrics", timeout=10).text
    failed = [
        line for line in metrics.splitlines() if line.startswith("alertmanager_notifications_failed_total")
    ]
    assert failed
    assert all(line.endswith(" 0") for line in failed)
