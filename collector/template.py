"""Text with places for what earlier steps have taken: `Bearer ${login.token}`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLACE: Final = re.compile(r"\$\{([^${}]*\.[^${}]*)\}")
"""Anything in `${}` with a dot, which no environment variable has; so a mistyped place is found instead of sent."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text with at least one place; the text beside the places may hold secrets and stays out of the repr."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return self.text

    def filled(self, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
        """Return the text with each place's value, escaped; a value is not looked through for places."""
        return _PLACE.sub(lambda match: escape(values[match[1]]), self.text)


def template(text: str) -> str | Template:
    """Return a template, or the text itself if it has no places."""
    return Template(text) if _PLACE.search(text) else text


def places(text: str | Template | None) -> list[str]:
    """Return what is filled in, as `step.value`, in the order of the text; nothing for text that is no template."""
    return _PLACE.findall(text.text) if isinstance(text, Template) else []


def filled(text: str | Template, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """Return text with the places of a template filled in.

    Args:
        text: The text.
        values: What was taken, by `step.value`.
        escape: Makes a value safe for where it will stand.
    """
    return text if isinstance(text, str) else text.filled(values, escape)


def in_url(value: str) -> str:
    """Return a value percent-encoded, so that it stays within its part of a path or query."""
    return quote(value, safe="")


def in_body(content_type: str) -> Callable[[str], str]:
    """Return what makes a value safe within a body: quoted as JSON or a form wants it, as it is in any other."""
    if "json" in content_type.lower():
        return lambda value: json.dumps(value)[1:-1]
    return in_url if "x-www-form-urlencoded" in content_type.lower() else str
