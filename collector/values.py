"""The kinds of value that `apis.yml` knows: durations, URLs, header names, status codes, text with `${VAR}`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError
from yarl import URL

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110's token
_MAX_SECONDS = 7 * 86400.0


def wrong(what: str, remedy: str | None = None) -> PydanticCustomError:
    """Return an error for a validator to raise; the field's standing remedy applies unless one is given."""
    # pydantic fills braces in the template, and `what` may contain some; hence the detour.
    return PydanticCustomError("wrong", "{what}", {"what": what, "remedy": remedy})


def _seconds(value: object) -> float:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        seconds = float(match[1]) * _UNIT_SECONDS[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise wrong("not a duration")
    if not 0 < seconds <= _MAX_SECONDS:
        raise wrong("not a duration above 0 and up to 7 days")
    return seconds


def _statuses(value: object) -> frozenset[int]:
    codes = value if isinstance(value, list) else [value]
    if not codes or not all(type(code) is int and 100 <= code <= 599 for code in codes):
        raise wrong("not an HTTP status code from 100 to 599, nor a list of them")
    return frozenset(codes)


def _expanded(text: str, info: ValidationInfo) -> str:
    environ: dict[str, str] = info.context or {}

    def value_of(match: re.Match[str]) -> str:
        value = environ.get(match[1], "")
        if not value:  # also what docker compose makes of a variable that nobody set
            what = f"the environment variable {match[1]} is not set"
            raise wrong(what, f"set {match[1]} for the collector, and not empty")
        if any("\ud800" <= char <= "\udfff" for char in value):  # how Python reads bytes that are not UTF-8
            raise wrong(f"the environment variable {match[1]} is not UTF-8", f"set {match[1]} to UTF-8 text")
        return value

    return _VARIABLE.sub(value_of, text)


def _web_url(text: str) -> str:
    try:
        url = URL(text)
    except ValueError:
        raise wrong("not a URL") from None
    if url.scheme not in {"http", "https"} or not url.host or re.search(r"[\s\x00-\x1f]", text):
        raise wrong("not an http:// or https:// URL with a host")
    return text


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise wrong("not a header name")
    return text


def _header_value(text: str) -> str:
    if re.search(r"[\r\n\0]", text):
        raise wrong(
            "contains a line break or NUL", "remove it, also from the end of the environment variable"
        )
    return text


Seconds = Annotated[float, BeforeValidator(_seconds)]
Statuses = Annotated[frozenset[int], BeforeValidator(_statuses)]
Text = Annotated[str, AfterValidator(_expanded)]
WebUrl = Annotated[Text, AfterValidator(_web_url)]
Headers = dict[Annotated[str, AfterValidator(_header_name)], Annotated[Text, AfterValidator(_header_value)]]


def statuses_text(statuses: frozenset[int] | None) -> str:
    """Return the expected statuses in words, "2xx" for the default."""
    return ", ".join(map(str, sorted(statuses))) if statuses else "2xx"


def field_path(location: tuple[Any, ...]) -> str:
    """Return pydantic's location as one writes it: `apis[0].headers.Accept`."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]"]
    return "".join(steps).removeprefix(".")
