"""One API to probe, everything about it decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from collector.config_file import DEFAULT_INTERVAL, DEFAULT_MAX_BODY, DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.body_checks import BodyChecks
    from collector.credentials import Tls


@dataclass(frozen=True, slots=True)
class Api:
    """One API to probe. What may hold a secret stays out of its repr.

    Attributes:
        name: The value of the label `api_name`; any text.
        url: An absolute http or https URL, variables filled in.
        method: An HTTP method in capitals.
        headers: Request headers, those of RapidAPI and of the authentication included.
        body: Request body, sent as UTF-8; None for none.
        timeout: Seconds for the whole probe, at most the interval.
        interval: Seconds between the starts of two probes.
        expected_status: The status codes that count as success; None for any 2xx.
        expected_body: What the body has to be; None for anything that arrives whole.
        max_body: Bytes of a body that are read at most; a longer one is an error of reason `body`.
        follow_redirects: Follow redirects; each costs the same timeout's time.
        reuse_connection: Keep the connection open between probes, instead of measuring a new one each time.
        ip_version: 4 or 6 to use that only; None for either.
        allow_link_local: Connect to link-local addresses and those of cloud metadata too.
        proxy: URL of an HTTP proxy; None for none.
        quota_reserve: Requests of each stated quota that probing does not touch; None to use it up.
        tls: Authorities to trust and the client's certificate; None for the system's and none.
        depends_on: Names of the APIs without which it cannot work.
    """

    name: str
    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | None = field(default=None, repr=False)
    timeout: float = DEFAULT_TIMEOUT
    interval: float = DEFAULT_INTERVAL
    expected_status: frozenset[int] | None = None
    expected_body: BodyChecks | None = field(default=None, repr=False)
    max_body: int = DEFAULT_MAX_BODY
    follow_redirects: bool = False
    reuse_connection: bool = False
    ip_version: Literal[4, 6] | None = None
    allow_link_local: bool = False
    proxy: str | None = field(default=None, repr=False)
    quota_reserve: int | None = None
    tls: Tls | None = None
    depends_on: tuple[str, ...] = ()

    def expects(self, status: int) -> bool:
        """Return whether an answer with this status code is a success."""
        return status in self.expected_status if self.expected_status else 200 <= status <= 299
