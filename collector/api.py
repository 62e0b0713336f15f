"""One API to probe, everything about it decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from collector.config_file import DEFAULT_INTERVAL, DEFAULT_MAX_BODY, DEFAULT_TIMEOUT
from collector.json_path import JsonPath
from collector.template import places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from collector.body_checks import BodyChecks
    from collector.credentials import Tls
    from collector.take import Source
    from collector.template import Template


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and which answer to it is a success. What may hold a secret stays out of its repr.

    Attributes:
        name: What it is called; unique in its API.
        url: An absolute http or https URL, variables filled in.
        method: An HTTP method in capitals.
        headers: Request headers, those of RapidAPI and of the authentication included.
        body: Request body, sent as UTF-8; None for none.
        expected_status: The status codes that count as success; None for any 2xx.
        expected_body: What the body has to be; None for anything that arrives whole.
        take: Where in the answer the values stand that later steps use, by their names.
        cache: Seconds for which these values are used again, or where the answer says so; None for not at all.
    """

    name: str
    url: str | Template = field(default="", repr=False)
    method: str = "GET"
    headers: Mapping[str, str | Template] = field(default_factory=dict, repr=False)
    body: str | Template | None = field(default=None, repr=False)
    expected_status: frozenset[int] | None = None
    expected_body: BodyChecks | None = field(default=None, repr=False)
    take: Mapping[str, Source] = field(default_factory=dict, repr=False)
    cache: float | JsonPath | None = None

    def expects(self, status: int) -> bool:
        """Return whether an answer with this status code is a success."""
        return status in self.expected_status if self.expected_status else 200 <= status <= 299

    @property
    def needs_body(self) -> bool:
        """Whether anybody looks at the answer's body."""
        from_body = any(source.header is None for source in self.take.values())
        return from_body or self.expected_body is not None or isinstance(self.cache, JsonPath)

    def places(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield each place where a value of another step is sent: its key, and the value as `step.value`."""
        yield from ((("url",), place) for place in places(self.url))
        for name, text in self.headers.items():
            yield from ((("headers", name), place) for place in places(text))
        yield from ((("body",), place) for place in places(self.body))


@dataclass(frozen=True, slots=True)
class Api(Step):
    """One API to probe. Without steps it is the only step of its probe; with some, they say what is sent.

    Attributes:
        steps: What is sent one after the other; empty for the API's own request.
        timeout: Seconds for the whole probe, at most the interval.
        interval: Seconds between the starts of two probes.
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

    steps: tuple[Step, ...] = ()
    timeout: float = DEFAULT_TIMEOUT
    interval: float = DEFAULT_INTERVAL
    max_body: int = DEFAULT_MAX_BODY
    follow_redirects: bool = False
    reuse_connection: bool = False
    ip_version: Literal[4, 6] | None = None
    allow_link_local: bool = False
    proxy: str | None = field(default=None, repr=False)
    quota_reserve: int | None = None
    tls: Tls | None = None
    depends_on: tuple[str, ...] = ()

    @property
    def chain(self) -> tuple[Step, ...]:
        """The requests of a probe in their order, at least one."""
        return self.steps or (self,)

    def located(self) -> Iterator[tuple[tuple[int | str, ...], Step]]:
        """Yield these requests with where they stand below the API in the configuration."""
        for index, step in enumerate(self.chain):
            yield (("steps", index) if self.steps else ()), step
