"""Turns pydantic's findings in `apis.yml` into problems: the line, the key, what to write instead."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, get_args

from collector.config_file import ApisFile
from collector.errors import Problem
from collector.strict import Strict
from collector.values import field_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from collector.yaml_file import Document

_DURATION: Final = "write seconds or a duration such as 15s, 2m or 1h"
_NUMBER: Final = "write a number such as 0.5"
_FROM_OUTSIDE: Final = "write text, such as '${VAR}' for the value of an environment variable"
_FILE: Final = "give the path of a file, relative to this one"
REMEDIES: Final = {
    "": "write `apis:`, `http_sd:` or `file_sd:` at the top level",
    "apis": "write `apis:` and below it at least one entry with `name:` and `url:`",
    "http_sd": "write `http_sd:` and below it entries with `name:` and `url:`",
    "file_sd": "write `file_sd:` and below it entries with `name:` and `files:`",
    "files": "write a list such as [targets/*.json, more.yml]",
    "refresh_interval": _DURATION,
    "settings": "write keys such as `interval: 60s` below `settings:`",
    "defaults": "write keys such as `interval: 60s` below `defaults:`",
    "name": "write any text, in quotes if it looks like a number, such as `name: Weather`",
    "url": "write an address such as `url: https://api.example.com/health`",
    "steps": "write `steps:` and below it up to ten entries with `name:` and `url:`",
    "take": "write `take: {token: {json: $.access_token}}`, or `header:` or `matches:` instead of `json:`",
    "header": "write the name of a header of the answer, such as `header: X-Token`",
    "cache": "write a duration such as 50m, or where the answer says it, such as $.expires_in",
    "depends_on": "write the name of another API of this file, or a list of names",
    "method": "write one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "headers": "write `Name: value` below `headers:`, numbers in quotes",
    "body": 'write text, in quotes if it looks like YAML, such as `body: \'{"city": "Bern"}\'`',
    "interval": _DURATION,
    "timeout": "write seconds or a duration such as 500ms or 5s",
    "expected_status": "write a code such as 200 or a list such as [200, 404], or leave it out for any 2xx",
    "reuse_connection": "write true or false",
    "follow_redirects": "write true or false",
    "allow_link_local": "write true or false",
    "max_body": "write bytes or a size such as 64kB or 1MB",
    "ip_version": "write 4 or 6, or leave it out for both",
    "proxy": "write an address such as `proxy: http://proxy.example:3128`",
    "rapidapi": "write `rapidapi: {host: weather.p.rapidapi.com, key: '${RAPIDAPI_KEY}'}`",
    "host": "write the host that RapidAPI shows, such as weather.p.rapidapi.com",
    "basic_auth": "write `basic_auth: {username: me, password: '${PASSWORD}'}`",
    "bearer": "write `bearer: {token: '${TOKEN}'}`",
    "username": "write the user's name",
    "tls": "write `tls: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key}`, what is needed of it",
    **dict.fromkeys(("key", "password", "token"), _FROM_OUTSIDE),
    **dict.fromkeys(("key_file", "password_file", "token_file", "ca_file", "cert_file"), _FILE),
    "quota_reserve": "write how many requests are to be left, such as 100",
    "expected_body": "write `contains:`, `matches:` or `json:` below `expected_body:`",
    "contains": "write text, in quotes if it looks like a number",
    "matches": 'write a regular expression of Python in single quotes, such as \'"status": *"(ok|up)"\'',
    "json": "write a list such as [{path: $.status, equals: ok}, {path: $.updated, max_age: 10m}]",
    "path": "write a path such as $.data.items[0].name",
    "equals": "write text, a number, true, false or null",
    **dict.fromkeys(("above", "below"), _NUMBER),
    "max_age": _DURATION,
}
"""What to write, by key."""


_ELSEWHERE: Final = {
    "authorization": "bearer",
    "body_size_limit": "max_body",
    "fail_if_body_not_matches_regexp": "expected_body",
    "preferred_ip_protocol": "ip_version",
    "proxy_url": "proxy",
    "target": "url",
    "tls_config": "tls",
    "valid_status_codes": "expected_status",
}
"""What the keys of blackbox_exporter and Prometheus are called here."""
_MAPPING_TYPES: Final = {"model_type", "dict_type"}


def problems(error: ValidationError, document: Document) -> list[Problem]:
    """Return pydantic's findings as problems, by line."""
    found = [_problem(details, document) for details in error.errors(include_url=False)]
    return sorted(dict.fromkeys(found), key=lambda problem: problem.line or 0)


def empty_values(document: Document) -> Iterator[Problem]:
    """Yield a problem for each key without a value, below which something has been forgotten; `null` is one."""
    for location in document.empty:
        yield Problem(field_path(location), "empty", REMEDIES[_remedy_key(location)], document.line(location))


def _problem(details: ErrorDetails, document: Document) -> Problem:
    location = _location(details["loc"])
    place, line = field_path(location), document.line(location)
    if details["type"] == "extra_forbidden":
        return Problem(place, "unknown key", _known_keys(location), line)
    if details["type"] == "missing":
        return Problem(place, "missing", REMEDIES[_remedy_key(location)], line)
    remedy = details.get("ctx", {}).get("remedy") or REMEDIES[_remedy_key(location)]
    return Problem(place, _words(details, location), remedy, line)


def _remedy_key(location: tuple[int | str, ...]) -> str:
    return next((str(step) for step in reversed(_keys(location)) if step in REMEDIES), "")


def _words(details: ErrorDetails, location: tuple[int | str, ...]) -> str:
    if details["type"] in _MAPPING_TYPES:
        return "not a mapping of keys to values"
    if location[-1:] == ("equals",):  # pydantic has one finding for each of the types that it might have been
        return "not a single value"
    return details["msg"][0].lower() + details["msg"][1:]


def _location(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the location without what pydantic adds for the members of `equals`, which may be of several types."""
    return location[: location.index("equals") + 1] if "equals" in location else location


def _keys(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the location without the name of a value that is taken, which may be any word, `token` for example."""
    return tuple(step for index, step in enumerate(location) if index == 0 or location[index - 1] != "take")


def _known_keys(location: tuple[int | str, ...]) -> str:
    keys = [field.alias or name for name, field in _section(location[:-1]).model_fields.items()]
    key = str(location[-1])
    if near := [name for name in keys if name == _ELSEWHERE.get(key)] or difflib.get_close_matches(
        key, keys, n=1
    ):
        return f"did you mean `{near[0]}`?"
    return f"write one of {', '.join(keys)}"


def _section(location: tuple[int | str, ...]) -> type[Strict]:
    section: type[Strict] = ApisFile
    for step in (step for step in _keys(location) if isinstance(step, str)):
        field = next(field for name, field in section.model_fields.items() if step in {name, field.alias})
        section = _model_in(field.annotation) or section
    return section


def _model_in(annotation: object) -> type[Strict] | None:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
