"""Who is told of alerts: the strict configuration file `receivers.yml`, from which Alertmanager's is generated."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, get_args, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from alert_rules.errors import ReceiversError
from collector.errors import ConfigError, Problem
from collector.values import field_path
from collector.yaml_file import read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from alert_rules.settings import Settings

RECEIVERS_FILE: Final = Path(__file__).with_name("receivers.yml")
NOTIFIED: Final = ("critical", "warning", "info")
"""Severities that people are told of; an alert of severity `none` is only shown."""
_FILE: Final = "write the path of the file that holds it, as Alertmanager sees it, such as /run/secrets/{}; never the secret itself"


def _wrong(what: str, remedy: str | None = None) -> PydanticCustomError:
    return PydanticCustomError("wrong", "{what}", {"what": what, "remedy": remedy})


def _pattern(pattern: str, problem: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise _wrong(problem)
        return text

    return AfterValidator(check)


SecretFile = Annotated[str, _pattern(r"/[^\s{}]+", "not an absolute path")]
"""Where Alertmanager finds a secret; a secret itself, pasted here by mistake, is no absolute path."""
WebUrl = Annotated[
    str, _pattern(r"https?://[^\s/?#{}]+[^\s{}]*", "not an http:// or https:// URL with a host")
]
HostPort = Annotated[str, _pattern(r"[^\s:{}]+:\d{1,5}", "not a host and a port")]
Addresses = Annotated[
    str, _pattern(r"[^\s@,{}]+@[^\s@,{}]+(, ?[^\s@,{}]+@[^\s@,{}]+)*", "not an e-mail address")
]
Channel = Annotated[str, _pattern(r"[^\s{}]+", "not a channel")]
Severities = Annotated[list[Literal["critical", "warning", "info"]], Field(min_length=1)]


class _Strict(BaseModel):
    # Inputs may be secrets that belong into a file, so no message may quote them.
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, frozen=True)


class Email(_Strict):
    """Mail to one address or several, separated by commas, through an SMTP server."""

    type: Literal["email"]
    to: Addresses
    sender: Addresses = Field(alias="from")
    smarthost: HostPort
    auth_username: str | None = None
    auth_password_file: SecretFile | None = None
    require_tls: bool = True
    severities: Severities = list(NOTIFIED)

    @model_validator(mode="after")
    def _name_needs_password(self) -> Self:
        if (self.auth_username is None) != (self.auth_password_file is None):
            raise _wrong("one of auth_username and auth_password_file is missing", "give both or neither")
        return self


class Slack(_Strict):
    """A channel, by an incoming webhook whose URL is the secret."""

    type: Literal["slack"]
    api_url_file: SecretFile
    channel: Channel
    severities: Severities = ["critical", "warning"]


class PagerDuty(_Strict):
    """A service of PagerDuty, by its integration key (Events API v2); `url` is for other regions."""

    type: Literal["pagerduty"]
    routing_key_file: SecretFile
    url: WebUrl | None = None
    severities: Severities = ["critical"]


class Webhook(_Strict):
    """Any program that takes Alertmanager's JSON."""

    type: Literal["webhook"]
    url: WebUrl
    credentials_file: SecretFile | None = None
    severities: Severities = list(NOTIFIED)


class Heartbeat(_Strict):
    """A service outside that raises an alarm when the watchdog's messages stop arriving."""

    url: WebUrl


class Links(_Strict):
    """Where the links in messages lead; what is left out stays as the rules have it."""

    grafana: WebUrl | None = None
    runbook: WebUrl | None = None

    def applied_to(self, settings: Settings) -> Settings:
        """Return the rules' settings with these addresses in them."""
        return replace(
            settings,
            grafana_url=(self.grafana or settings.grafana_url).rstrip("/"),
            runbook_url=self.runbook or settings.runbook_url,
        )


Receiver = Email | Slack | PagerDuty | Webhook


class Receivers(_Strict):
    """The content of `receivers.yml`."""

    receivers: list[Annotated[Receiver, Field(discriminator="type")]] = []
    heartbeat: Heartbeat | None = None
    links: Links = Links()

    def of(self, severity: str) -> list[Receiver]:
        """Return who is told of alerts of this severity."""
        return [receiver for receiver in self.receivers if severity in receiver.severities]


def load_receivers(path: Path = RECEIVERS_FILE) -> Receivers:
    """Read who is told.

    Raises:
        ReceiversError: The file is missing, no YAML, says something unknown, or leaves critical alerts unread.
    """
    try:
        content = read_yaml(path).content
    except ConfigError as error:
        raise ReceiversError(path, *error.problems) from None
    if not isinstance(content, dict):
        raise ReceiversError(path, Problem("", "not a mapping of keys to values", _REMEDIES["receivers"]))
    try:
        found = Receivers.model_validate(content)
    except ValidationError as error:
        problems = [_problem(details) for details in error.errors(include_url=False)]
        raise ReceiversError(path, *problems) from None  # the cause would print the values
    if not found.of("critical"):
        problem = Problem("receivers", "nobody is told of critical alerts", _REMEDIES["receivers"])
        raise ReceiversError(path, problem)
    return found


_KINDS: Final = ", ".join(get_args(get_type_hints(kind)["type"])[0] for kind in get_args(Receiver))
_REMEDIES: Final = {
    "receivers": f"write `receivers:` and below it entries with `type:`, which is one of {_KINDS}",
    "type": f"write one of {_KINDS}",
    "to": "write an address such as `to: oncall@example.org`, several with commas between them",
    "from": "write an address such as `from: alerts@example.org`",
    "smarthost": "write host and port such as `smarthost: smtp.example.org:587`",
    "auth_username": "write the name that the mail server knows",
    "auth_password_file": _FILE.format("smtp_password"),
    "require_tls": "write true or false",
    "api_url_file": _FILE.format("slack_url"),
    "routing_key_file": _FILE.format("pagerduty_key"),
    "credentials_file": _FILE.format("webhook_token"),
    "channel": "write it in quotes, such as `channel: '#alerts'`",
    "severities": f"write some of {', '.join(NOTIFIED)}, such as `severities: [critical]`",
    "url": "write an address such as `url: https://example.org/alerts`",
    "heartbeat": "write `heartbeat:` and below it `url:`",
    "links": "write `links:` and below it `grafana:` or `runbook:`",
    "grafana": "write an address such as `grafana: https://grafana.example.org`",
    "runbook": "write an address such as `runbook: https://wiki.example.org/runbook`",
}


def _problem(details: ErrorDetails) -> Problem:
    # Below `receivers` pydantic names the entry's number and then its type, which is no key of the file.
    location = tuple(step for place, step in enumerate(details["loc"]) if place != 2)
    if details["type"].startswith("union_tag"):
        location += ("type",)
    place = field_path(location)
    if details["type"] == "extra_forbidden":
        return Problem(place, "unknown key", _known_keys(details["loc"]))
    key = next(step for step in reversed(location) if step in _REMEDIES)
    if details["type"] in {"missing", "union_tag_not_found"}:
        return Problem(place, "missing", _REMEDIES[str(key)])
    what = "none of the types" if details["type"] == "union_tag_invalid" else details["msg"]
    remedy = details.get("ctx", {}).get("remedy") or _REMEDIES[str(key)]
    return Problem(place, what[0].lower() + what[1:], remedy)


def _known_keys(location: tuple[int | str, ...]) -> str:
    kinds: dict[int | str, type[_Strict]] = {
        "email": Email, "slack": Slack, "pagerduty": PagerDuty, "webhook": Webhook,
        "heartbeat": Heartbeat, "links": Links,
    }  # fmt: skip
    model = next((kinds[step] for step in reversed(location[:-1]) if step in kinds), Receivers)
    keys = [field.alias or name for name, field in model.model_fields.items()]
    if near := difflib.get_close_matches(str(location[-1]), keys, n=1):
        return f"did you mean `{near[0]}`?"
    return f"write one of {', '.join(keys)}"
