"""What the headers of requests have in common, whoever sends them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from collector.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

USER_AGENT: Final = f"rapidapi-collector/{__version__}"
ACCEPT_ENCODING: Final = "gzip, deflate"
"""What `body.unpacked` knows."""


def merged(*headers: Mapping[str, str]) -> dict[str, str]:
    """Return all headers; a later one replaces an earlier one of the same name, whatever its case."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in (item for mapping in headers for item in mapping.items()):
        found.pop(name.lower(), None)
        found[name.lower()] = (name, value)
    return dict(found.values())


def basic(username: str, password: str) -> str:
    """Return the value of `Authorization` or `Proxy-Authorization` for a name and a password."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"
