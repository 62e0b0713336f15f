"""Which APIs are probed, and how: the strict configuration file `apis.yml`."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Constrained

from collector.errors import ConfigError, Problem
from collector.values import Headers, Seconds, Statuses, Text, WebUrl, field_path
from collector.yaml_file import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

DEFAULT_INTERVAL: Final = 60.0
DEFAULT_TIMEOUT: Final = 10.0


class _Strict(BaseModel):
    # Inputs may be secrets, so no message may quote them.
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class _Defaults(_Strict):
    interval: Seconds = DEFAULT_INTERVAL
    timeout: Seconds = DEFAULT_TIMEOUT
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Headers = {}
    expected_status: Statuses | None = None
    reuse_connection: bool = False


class _Entry(_Defaults):
    name: str = Constrained(min_length=1)
    url: WebUrl
    body: Text | None = None


class _File(_Strict):
    defaults: _Defaults = _Defaults()
    apis: list[_Entry] = Constrained(min_length=1)


@dataclass(frozen=True, slots=True)
class Api:
    """One API to probe. What may hold a secret stays out of its repr.

    Attributes:
        name: The value of the label `api_name`; any text.
        url: An absolute http or https URL, variables filled in.
        method: An HTTP method in capitals.
        headers: Request headers, variables filled in.
        body: Request body, sent as UTF-8; None for none.
        timeout: Seconds for the whole request, at most the interval.
        interval: Seconds between the starts of two probes.
        expected_status: The status codes that count as success; None for any 2xx.
        reuse_connection: Keep the connection open between probes, instead of measuring a new one each time.
    """

    name: str
    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = field(default=None, repr=False)
    timeout: float = DEFAULT_TIMEOUT
    interval: float = DEFAULT_INTERVAL
    expected_status: frozenset[int] | None = None
    reuse_connection: bool = False

    def expects(self, status: int) -> bool:
        """Return whether an answer with this status code is a success."""
        return status in self.expected_status if self.expected_status else 200 <= status <= 299


def load_config(path: Path | str, environ: Mapping[str, str] | None = None) -> tuple[Api, ...]:
    """Read the APIs from a YAML file.

    Args:
        path: The file.
        environ: Values for `${VAR}`; the process's environment if None.

    Raises:
        ConfigError: The file is missing, no YAML, or says something the collector does not understand.
    """
    content = read_yaml(Path(path))
    source = str(path)
    if content is None:
        raise ConfigError(source, Problem("", "the file is empty", _REMEDIES["apis"]))
    if not isinstance(content, dict):
        raise ConfigError(source, Problem("", "not a mapping of keys to values", _REMEDIES["apis"]))
    try:
        file = _File.model_validate(content, context=os.environ if environ is None else environ)
    except ValidationError as error:
        problems = [_problem(details) for details in error.errors(include_url=False)]
        raise ConfigError(source, *problems) from None  # the cause would print the values
    apis = tuple(_resolve(file.defaults, entry) for entry in file.apis)
    if problems := [*_duplicates(apis), *_long_timeouts(apis)]:
        raise ConfigError(source, *problems)
    return apis


def _resolve(defaults: _Defaults, entry: _Entry) -> Api:
    values: dict[str, Any] = dict(defaults) | entry.model_dump(exclude_unset=True)
    own = {name.lower() for name in entry.headers}
    inherited = {name: value for name, value in defaults.headers.items() if name.lower() not in own}
    values["headers"] = inherited | entry.headers
    if "timeout" not in defaults.model_fields_set | entry.model_fields_set:
        values["timeout"] = min(DEFAULT_TIMEOUT, values["interval"])
    return Api(**values)


def _duplicates(apis: tuple[Api, ...]) -> Iterator[Problem]:
    counts = Counter(api.name for api in apis)
    for index, api in enumerate(apis):
        if counts[api.name] > 1:
            yield Problem(
                f"apis[{index}].name", f"duplicate API name {api.name!r}", "give each API a name of its own"
            )


def _long_timeouts(apis: tuple[Api, ...]) -> Iterator[Problem]:
    # A probe that outlasts its interval would lose slots just when its API is slow.
    for index, api in enumerate(apis):
        if api.timeout > api.interval:
            what = f"the timeout of {api.timeout:g} s is longer than the interval of {api.interval:g} s"
            yield Problem(f"apis[{index}].timeout", what, f"write at most {api.interval:g}s")


_REMEDIES: Final = {
    "": "write `defaults:` and `apis:` at the top level",
    "apis": "write `apis:` and below it at least one entry with `name:` and `url:`",
    "defaults": "write keys such as `interval: 60s` below `defaults:`",
    "name": "write any text, in quotes if it looks like a number, such as `name: Weather`",
    "url": "write an address such as `url: https://api.example.com/health`",
    "method": "write one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "headers": "write `Name: value` below `headers:`, numbers in quotes",
    "body": 'write text, in quotes if it looks like YAML, such as `body: \'{"city": "Bern"}\'`',
    "interval": "write seconds or a duration such as 15s, 2m or 1h",
    "timeout": "write seconds or a duration such as 500ms or 5s",
    "expected_status": "write a code such as 200 or a list such as [200, 404], or leave it out for any 2xx",
    "reuse_connection": "write true or false",
}


def _problem(details: ErrorDetails) -> Problem:
    location = details["loc"]
    place = field_path(location)
    key = next((step for step in reversed(location) if step in _REMEDIES), "")
    if details["type"] == "extra_forbidden":
        return Problem(place, "unknown key", _known_keys(location))
    if details["type"] == "missing":
        return Problem(place, "missing", _REMEDIES[str(key)])
    remedy = details.get("ctx", {}).get("remedy") or _REMEDIES[str(key)]
    return Problem(place, details["msg"][0].lower() + details["msg"][1:], remedy)


def _known_keys(location: tuple[int | str, ...]) -> str:
    models: dict[int, type[_Strict]] = {1: _File, 2: _Defaults, 3: _Entry}
    model = models[len(location)]
    if near := difflib.get_close_matches(str(location[-1]), model.model_fields, n=1):
        return f"did you mean `{near[0]}`?"
    return f"write one of {', '.join(model.model_fields)}"
