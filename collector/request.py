"""What is sent: the first request of a probe, and those that redirects lead to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from yarl import URL

from collector.http_message import message
from collector.pool import Place
from collector.probe_failure import ProbeFailure
from collector.template import filled, in_body, in_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.answer import Answer
    from collector.api import Api, Step

_NOWHERE: Final = "a redirect to what is no address of HTTP"  # without the address, which may hold a key
REDIRECTS: Final = {301, 302, 303, 307, 308}


parsed_url: Final = lru_cache(maxsize=10_000)(URL)  # parsing costs a twentieth of a probe


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        api: The API that is probed, which says how its requests travel.
        method: An HTTP method in capitals.
        url: Where it goes.
        headers: Those of the configuration, or none once it has left their host.
        body: What is sent; None for nothing.
    """

    api: Api
    method: str
    url: URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)

    @classmethod
    def of(cls, api: Api, step: Step, values: Mapping[str, str]) -> Request:
        """Return a step's request, with what earlier steps have taken by `step.value`."""
        headers = {name: filled(text, values) for name, text in step.headers.items()}
        content_type = next((text for name, text in headers.items() if name.lower() == "content-type"), "")
        body = None if step.body is None else filled(step.body, values, in_body(content_type)).encode()
        # One that is filled in is another each time, and holds what an answer gave.
        url = parsed_url(step.url) if isinstance(step.url, str) else URL(filled(step.url, values, in_url))
        return cls(api, step.method, url, headers, body)

    @cached_property
    def proxy(self) -> URL | None:
        """Past which it goes; None for straight to its host."""
        return parsed_url(self.api.proxy) if self.api.proxy else None

    @cached_property
    def place(self) -> Place:
        """Where its connection leads."""
        return Place.of(self.url, self.proxy)

    @cached_property
    def message(self) -> bytes:
        """What is sent of it."""
        keep = self.api.reuse_connection
        return message(self.method, self.url, self.headers, self.body, keep=keep, proxy=self.proxy)

    def after(self, answer: Answer) -> Request | None:
        """Return the request that a redirect asks for; None if the answer is none.

        Headers and body may hold a key that is for this host alone; another origin gets neither.

        Raises:
            ProbeFailure: The redirect's address is not one that can be followed.
        """
        location = answer.headers.get("Location")
        if answer.status not in REDIRECTS or location is None:
            return None
        try:
            url = self.url.join(URL(location))
            same_origin = url.origin() == self.url.origin()  # fails for what has no host
        except ValueError:
            raise ProbeFailure("body", _NOWHERE) from None
        if url.scheme not in {"http", "https"}:
            raise ProbeFailure("body", _NOWHERE)
        becomes_get = answer.status == 303 or (answer.status in {301, 302} and self.method == "POST")
        method = "GET" if becomes_get and self.method != "HEAD" else self.method
        body = self.body if same_origin and not becomes_get else None
        return Request(self.api, method, url, self.headers if same_origin else {}, body)
