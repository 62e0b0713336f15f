"""Reads lists of targets in the format of Prometheus' http_sd and file_sd.

A list comes from outside: its text is data, in which no `${VAR}` is filled in, and an error quotes nothing of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from yarl import URL

from collector.addresses import is_refused
from collector.secret_values import wrong
from collector.strict import Strict
from collector.values import MAX_SECONDS, UNIT_SECONDS, field_path, web_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.api import Api

MAX_TARGETS: Final = 5000
"""Targets that a list may hold; whoever writes it decides how many series there are."""
MAX_BYTES: Final = 5_000_000
"""How long a list may be."""
_MIN_INTERVAL: Final = 1.0
_DURATION: Final = re.compile(r"(?:\d{1,9}(?:ms|[smhdw]))+", re.ASCII)
_PART: Final = re.compile(r"(\d+)(ms|[smhdw])", re.ASCII)
_UNIT_SECONDS: Final = UNIT_SECONDS | {"d": 86400.0, "w": 604800.0}
_PARAMETER: Final = "__param_"
_SHOWN: Final = re.compile(r"(?P<scheme>\w+://)(?:[^/?#]*@)?(?P<rest>[^?#]*)")


class TargetError(Exception):
    """A list is not what it should be; the message says where and what, without quoting it."""


class Target(NamedTuple):
    """One API that a list names.

    Attributes:
        name: The value of the label `api_name`.
        url: An absolute http or https URL.
        interval: Seconds between the starts of two probes; None for what the source's settings say.
        timeout: Seconds for the whole probe; None likewise.
    """

    name: str
    url: str
    interval: float | None = None
    timeout: float | None = None

    def api(self, template: Api) -> Api:
        """Return the API, everything else about which the template says."""
        interval = self.interval or template.interval
        timeout = min(self.timeout or template.timeout, interval)
        return replace(template, name=self.name, url=self.url, interval=interval, timeout=timeout)


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write and no exposition can hold
        raise wrong("not Unicode text") from None
    return text


_Text = Annotated[str, AfterValidator(_unicode)]


class TargetGroup(Strict):
    """Some targets and what they have in common, as Prometheus has it."""

    targets: list[_Text] | None = None
    labels: dict[_Text, _Text] | None = None


_LIST: Final = TypeAdapter(list[TargetGroup])


def parse_json(text: bytes) -> object:
    """Return what a JSON text says.

    Raises:
        TargetError: It is no JSON, or not UTF-8.
    """
    try:
        return json.loads(text.decode())
    except UnicodeDecodeError:
        raise TargetError("not UTF-8 text") from None
    except (ValueError, RecursionError):  # the cause would quote the text
        raise TargetError("not JSON") from None


def read_targets(content: object, *, allow_link_local: bool = False) -> tuple[Target, ...]:
    """Return the targets of a list.

    Args:
        content: What its JSON or YAML says.
        allow_link_local: Whether a target may be a link-local or metadata address. Names are looked at by who connects.

    Raises:
        TargetError: It is no such list, or one of its targets cannot be probed.
    """
    try:
        groups = _LIST.validate_python(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[0]
        words = details["msg"][0].lower() + details["msg"][1:]
        raise TargetError(_at(details["loc"], words)) from None
    if sum(len(group.targets or ()) for group in groups) > MAX_TARGETS:
        raise TargetError(f"more than {MAX_TARGETS} targets")
    targets = tuple(target for index, group in enumerate(groups) for target in _targets(group, index))
    if not allow_link_local and any(is_refused(URL(target.url).raw_host or "") for target in targets):
        raise TargetError("a target at a link-local or metadata address")
    return targets


def _at(location: tuple[int | str, ...], words: str) -> str:
    # The names of labels are text from outside too.
    known = tuple(step for step in location if isinstance(step, int) or step in TargetGroup.model_fields)
    return f"{field_path(known)}: {words}" if known else words


def _targets(group: TargetGroup, index: int) -> Iterator[Target]:
    labels = group.labels or {}
    try:
        interval, timeout = _timing(labels)
    except ValueError as error:
        raise TargetError(_at((index, "labels"), str(error))) from None
    for number, text in enumerate(group.targets or ()):
        try:
            url = web_url(text if "://" in text else _address(text, labels))
        except (ValueError, PydanticCustomError):
            words = "neither an http:// or https:// URL nor host:port"
            raise TargetError(_at((index, "targets", number), words)) from None
        yield Target(labels.get("api_name") or _shown(text), url, interval, timeout)


def _timing(labels: dict[str, str]) -> tuple[float | None, float | None]:
    interval, timeout = _seconds(labels, "__scrape_interval__"), _seconds(labels, "__scrape_timeout__")
    if interval is not None and interval < _MIN_INTERVAL:
        raise ValueError(f"__scrape_interval__ is less than {_MIN_INTERVAL:g} s")
    if interval is not None and timeout is not None and timeout > interval:
        raise ValueError("__scrape_timeout__ is longer than __scrape_interval__")
    return interval, timeout


def _seconds(labels: dict[str, str], label: str) -> float | None:
    text = labels.get(label)
    if not text:
        return None
    parts = _PART.findall(text) if _DURATION.fullmatch(text) else []
    seconds = sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"{label} is not a duration above 0 and up to 7 days")
    return seconds


def _address(text: str, labels: dict[str, str]) -> str:
    """Return the URL of a target `host:port`, as Prometheus makes it from its labels."""
    if not text or re.search(r"[/?#@]", text):
        raise ValueError("not host:port")
    path = labels.get("__metrics_path__") or "/"
    query = {
        label.removeprefix(_PARAMETER): value
        for label, value in labels.items()
        if label.startswith(_PARAMETER)
    }
    url = URL.build(
        scheme=labels.get("__scheme__") or "http",
        authority=text,
        path=path if path.startswith("/") else f"/{path}",
        query=query,
    )
    return str(url)


def _shown(text: str) -> str:
    """Return a target as a name, without the parts of a URL in which keys stand."""
    found = _SHOWN.match(text)
    return f"{found['scheme']}{found['rest']}" if found else text
