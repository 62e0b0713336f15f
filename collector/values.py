"""The kinds of value that `apis.yml` knows: durations, sizes, URLs, header names, status codes, patterns."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import regex
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from yarl import URL

from collector.json_path import JsonPath
from collector.secret_values import Secret, Text, wrong

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_ONE_UNIT: Final = "write one number and one of ms, s, m, h, such as 90m"
UNIT_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|kB|MB)")
_UNIT_BYTES: Final = {"B": 1, "kB": 1000, "MB": 1_000_000}
_TARGET_FILE = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)")  # Prometheus' own rule
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110's token
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_PATH: Final = "write a path such as $.data.items[0].name"
MAX_SECONDS: Final = 7 * 86400.0
_MAX_BYTES: Final = 100_000_000


def _seconds(value: object) -> float:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        seconds = float(match[1]) * UNIT_SECONDS[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    else:
        composed = isinstance(value, str) and value[:1].isdigit()
        raise wrong("not a duration", _ONE_UNIT if composed else None)
    if not 0 < seconds <= MAX_SECONDS:
        raise wrong("not a duration above 0 and up to 7 days")
    return float(seconds)


def _bytes(value: object) -> int:
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        size = round(min(float(match[1]) * _UNIT_BYTES[match[2]], _MAX_BYTES + 1))
    elif type(value) is int:
        size = value
    else:
        raise wrong("not a size")
    if not 0 < size <= _MAX_BYTES:
        raise wrong("not a size above 0 and up to 100 MB")
    return size


def _statuses(value: object) -> frozenset[int]:
    codes = value if isinstance(value, list) else [value]
    if not codes or not all(type(code) is int and 100 <= code <= 599 for code in codes):
        raise wrong("not an HTTP status code from 100 to 599, nor a list of them")
    return frozenset(codes)


def _names(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise wrong("not a name, nor a list of names")
    return tuple(dict.fromkeys(names))


def web_url(text: str) -> str:
    """Return the text if it is an absolute http or https URL; for a validator."""
    try:
        url = URL(text)
    except ValueError:
        raise wrong("not a URL") from None
    if url.scheme not in {"http", "https"} or not url.raw_host or re.search(r"[\s\x00-\x1f]", text):
        raise wrong("not an http:// or https:// URL with a host")
    return text


def _proxy_url(text: str) -> str:
    if not text.startswith("http://"):  # not every event loop speaks TLS within TLS
        raise wrong("not an http:// URL")
    return web_url(text)


def _target_file(text: str) -> str:
    if not _TARGET_FILE.fullmatch(text):
        raise wrong("not the path of a .json, .yml or .yaml file with a * in its last part at most")
    return text


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise wrong("not a header name")
    return text


def _sent_header(text: str) -> str:
    if text.lower() in {
        "content-length",
        "transfer-encoding",
    }:  # anything but our own would break the request
        raise wrong(
            "a header that says how the body is sent, which the collector does itself", "leave it out"
        )
    return text


def _pattern(text: str) -> str:
    try:
        regex.compile(text)
    except regex.error as error:
        words = error.msg  # type: ignore[attr-defined] # missing from the stubs
        raise wrong(f"not a regular expression ({words})") from None
    except RecursionError:
        raise wrong("a regular expression that is nested too deeply") from None
    return text


def _group_pattern(text: str) -> str:
    groups = regex.compile(text).groups
    if groups != 1:
        raise wrong(
            f"a regular expression with {groups} groups",
            "write exactly one group in parentheses, around what is taken; `(?:...)` groups without taking",
        )
    return text


def _cache(value: object) -> float | JsonPath:
    if isinstance(value, str) and value.startswith("$"):
        return _json_path(value)
    return _seconds(value)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise wrong(
            "not a name of up to 32 letters, digits, _ and -, a letter first", "write a name such as `login`"
        )
    return text


def _json_path(value: object) -> JsonPath:
    if not isinstance(value, str):
        raise wrong("not a path", _PATH)
    try:
        return JsonPath(value)
    except ValueError:
        raise wrong("not a path", _PATH) from None


_SECONDS: Final = [
    {"type": "number", "exclusiveMinimum": 0},
    {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h)$"},
]
Seconds = Annotated[float, BeforeValidator(_seconds), WithJsonSchema({"anyOf": _SECONDS})]
Cache = Annotated[
    float | JsonPath,
    PlainValidator(_cache),
    WithJsonSchema({"anyOf": [*_SECONDS, {"type": "string", "pattern": r"^\$"}]}),
]
Bytes = Annotated[
    int,
    BeforeValidator(_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)? ?(B|kB|MB)$"},
            ]
        }
    ),
]
_STATUS: Final = {"type": "integer", "minimum": 100, "maximum": 599}
Statuses = Annotated[
    frozenset[int],
    BeforeValidator(_statuses),
    WithJsonSchema({"anyOf": [_STATUS, {"type": "array", "items": _STATUS, "minItems": 1}]}),
]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
Pattern = Annotated[str, AfterValidator(_pattern), WithJsonSchema({"type": "string", "format": "regex"})]
"""A regular expression that compiles, as text: compiled ones of the package `regex` are equal to none but themselves."""
GroupPattern = Annotated[Pattern, AfterValidator(_group_pattern)]
Name = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})
]
Path = Annotated[JsonPath, PlainValidator(_json_path), WithJsonSchema({"type": "string"})]
WebUrl = Annotated[Text, AfterValidator(web_url)]
ProxyUrl = Annotated[Text, AfterValidator(_proxy_url)]
TargetFiles = Annotated[list[Annotated[str, AfterValidator(_target_file)]], Field(min_length=1)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Headers = dict[Annotated[HeaderName, AfterValidator(_sent_header)], Secret]


def statuses_text(statuses: frozenset[int] | None) -> str:
    """Return the expected statuses in words, "2xx" for the default."""
    return ", ".join(map(str, sorted(statuses))) if statuses else "2xx"


def field_path(location: tuple[Any, ...]) -> str:
    """Return pydantic's location as one writes it: `apis[0].headers.Accept`."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location if step != "[key]"]
    return "".join(steps).removeprefix(".")
