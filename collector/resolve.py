"""Decides everything about an API from what the configuration says of it and of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from collector.api import Api, Step
from collector.config_file import DEFAULT_TIMEOUT, Defaults, Entry
from collector.headers import merged
from collector.request_file import RequestSettings
from collector.strict import given
from collector.template import template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.request_file import StepEntry

_AUTHENTICATION: Final = ("basic_auth", "bearer")


def resolved(defaults: Defaults, entry: Entry) -> Api:
    """Return the API of an entry."""
    own: dict[str, Any] = {"name": entry.name, "depends_on": entry.depends_on}
    if not entry.steps:
        return Api(url=entry.url or "", **own, **all_settings(defaults, entry))
    steps = tuple(_step(defaults, entry, step) for step in entry.steps)
    return Api(steps=steps, **own, **_settings(defaults, entry))


def all_settings(*levels: Defaults) -> dict[str, Any]:
    """Return what an API is made with beside its name and URL; a later level wins over those before it."""
    return _settings(*levels) | _request(*levels)


def _settings(*levels: Defaults) -> dict[str, Any]:
    keys = Defaults.model_fields.keys() - RequestSettings.model_fields.keys()
    values = {key: _value(key, *levels) for key in keys}
    values["tls"] = values["tls"] and values["tls"].settings()
    if not any("timeout" in level.model_fields_set for level in levels):
        values["timeout"] = min(DEFAULT_TIMEOUT, values["interval"])
    return values


def _step(defaults: Defaults, entry: Entry, step: StepEntry) -> Step:
    request = _request(defaults, entry, step)
    request["headers"] = {name: template(text) for name, text in request["headers"].items()}
    request["body"] = request["body"] and template(request["body"])
    return Step(name=step.name, url=template(step.url), take=step.take, cache=step.cache, **request)


def _request(*levels: RequestSettings) -> dict[str, Any]:
    values = {key: _value(key, *levels) for key in ("method", "body", "expected_status", "expected_body")}
    credentials = [_value("rapidapi", *levels), *_authentication(levels)]
    own = (section.headers() for section in credentials if section)
    return values | {"headers": merged(*(level.headers for level in levels), *own)}


def _value(key: str, *levels: RequestSettings) -> Any:  # noqa: ANN401 - of whichever type the key has
    level = next((level for level in reversed(levels) if key in level.model_fields_set), levels[0])
    return getattr(level, key)


def _authentication(levels: Sequence[RequestSettings]) -> list[Any]:
    """Return the authentication of the last level that has one, unless it writes that header itself."""
    for level in reversed(levels):
        if any(name.lower() == "authorization" for name in level.headers):
            return []
        if keys := given(level, *_AUTHENTICATION):
            return [getattr(level, key) for key in keys]
    return []
