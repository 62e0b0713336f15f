"""Finds `${step.value}` where nothing fills it in, so that it would be sent as it is written.

What is looked through is the file as it is written: the value of an environment variable or of a secret's file may hold such text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.errors import Problem
from collector.template import places, template
from collector.values import field_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from collector.api import Api
    from collector.yaml_file import Document, Location

_FILLED: Final = frozenset({"url", "headers", "body", "rapidapi", "bearer"})
"""The keys in which steps fill values in."""
_ONLY_IN_STEPS: Final = "write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only"


def misplaced(apis: Sequence[Api], document: Document) -> Iterator[Problem]:
    """Yield a problem for each place that is not filled in; the APIs are those of the document."""
    for location, text in _texts(document.content, ()):
        for place in places(template(text)):
            key, in_steps = _use(location, place, apis)
            what = f"${{{place}}} in `{key}`"
            if key == "basic_auth":
                remedy = "use `bearer` or `headers` of a step, where it is filled in"
            elif key == "proxy":
                remedy = _ONLY_IN_STEPS
            elif key in _FILLED and not in_steps:
                what, remedy = f"{what} of a request that is no step", _ONLY_IN_STEPS
            else:
                continue
            yield Problem(field_path(location), what, remedy, document.line(location))


def _texts(value: object, location: Location) -> Iterator[tuple[Location, str]]:
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(item, (*location, key))


def _use(location: Location, place: str, apis: Sequence[Api]) -> tuple[str, bool]:
    """Return the key of a request below which a place stands, and whether only steps are sent with it."""
    match location:
        case ("apis", _, "steps", _, str(key), *_):
            return key, True
        case ("apis", int(index), str(key), *_):
            return key, bool(apis[index].steps)
        case ("defaults", str(key), *_):
            return key, not any(place in _sent(api) for api in apis if not api.steps)
        case (_, _, "settings", str(key), *_) | (_, _, str(key), *_):
            return key, False
    return "", True


def _sent(api: Api) -> set[str]:
    texts = (api.url, *api.headers.values(), api.body or "")
    return {place for text in texts for place in places(template(str(text)))}
