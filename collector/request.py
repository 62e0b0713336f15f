"""What is sent: the first request of a probe, and those that redirects lead to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from yarl import URL

from collector.template import filled, in_body, in_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from collector.api import Step

REDIRECTS: Final = {301, 302, 303, 307, 308}


class RedirectError(Exception):
    """A redirect leads nowhere; the message is for the log, without the address, which may hold a key."""


_url: Final = lru_cache(maxsize=10_000)(URL)  # parsing costs a twentieth of a probe


class Request(NamedTuple):
    """One request.

    Attributes:
        method: An HTTP method in capitals.
        url: Where it goes.
        headers: Those of the configuration, or none once it has left their host.
        body: What is sent; None for nothing.
    """

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None

    @classmethod
    def of(cls, step: Step, values: Mapping[str, str]) -> Request:
        """Return a step's request, with what earlier steps have taken by `step.value`."""
        headers = {name: filled(text, values) for name, text in step.headers.items()}
        content_type = next((text for name, text in headers.items() if name.lower() == "content-type"), "")
        body = None if step.body is None else filled(step.body, values, in_body(content_type)).encode()
        # One that is filled in is another each time, and holds what an answer gave.
        url = _url(step.url) if isinstance(step.url, str) else URL(filled(step.url, values, in_url))
        return cls(step.method, url, headers, body)

    def after(self, answer: aiohttp.ClientResponse) -> Request | None:
        """Return the request that a redirect asks for; None if the answer is none.

        Headers and body may hold a key that is for this host alone; another origin gets neither.

        Raises:
            RedirectError: The redirect's address is not one that can be followed.
        """
        location = answer.headers.get("Location")
        if answer.status not in REDIRECTS or location is None:
            return None
        try:
            url = self.url.join(URL(location))
            same_origin = url.origin() == self.url.origin()  # fails for what has no host
        except ValueError:
            raise RedirectError("a redirect to what is no address of HTTP") from None
        if url.scheme not in {"http", "https"}:
            raise RedirectError("a redirect to what is no address of HTTP")
        becomes_get = answer.status == 303 or (answer.status in {301, 302} and self.method == "POST")
        method = "GET" if becomes_get and self.method != "HEAD" else self.method
        body = self.body if same_origin and not becomes_get else None
        return Request(method, url, self.headers if same_origin else {}, body)
