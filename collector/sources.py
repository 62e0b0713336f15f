"""Where APIs are found beside the configuration file, everything about it decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from collector.api import Api
    from collector.credentials import Tls


@dataclass(frozen=True, slots=True)
class HttpList:
    """A list in Prometheus' format that is asked for over HTTP.

    Attributes:
        url: An absolute http or https URL, variables filled in.
        refresh_interval: Seconds between the end of one request and the start of the next.
        headers: Request headers, those of the authentication included.
        tls: Authorities to trust and the client's certificate; None for the system's and none.
        proxy: URL of an HTTP proxy; None for none.
    """

    url: str = field(repr=False)
    refresh_interval: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Tls | None = None
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FileLists:
    """Files with lists in Prometheus' format.

    Attributes:
        folder: Where relative paths begin.
        files: Paths, each of which may hold wildcards.
    """

    folder: Path
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiscoverySource:
    """A source of APIs.

    Attributes:
        name: The value of the label `source`; any text.
        where: Where the lists are.
        template: What holds for the APIs that it finds; its own name and URL mean nothing.
    """

    name: str
    where: HttpList | FileLists
    template: Api
