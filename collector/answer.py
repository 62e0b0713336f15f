"""The answer to one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multidict import CIMultiDict


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The status code.
        headers: The headers; capitals do not matter.
        body: The body as it came, packed or not; empty if nobody looks at it.
        problem: What is wrong with the body, for the log; None if it arrived whole.
        first_byte: Reading of `time.perf_counter` when the first byte came.
        last_byte: The same for the last one.
        certificate_expiry: Unix time at which the server's certificate ends; None without TLS.
    """

    status: int
    headers: CIMultiDict[str] = field(repr=False)
    body: bytes = field(repr=False)
    problem: str | None
    first_byte: float
    last_byte: float
    certificate_expiry: float | None = None

    @property
    def charset(self) -> str | None:
        """What `Content-Type` says of how the body's text is encoded."""
        message = Message()
        # Neither is anything beyond ASCII the name of a charset, nor can `Message` read all of it.
        message["Content-Type"] = self.headers.get("Content-Type", "").encode("ascii", "replace").decode()
        return message.get_content_charset()
