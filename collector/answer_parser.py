"""Reads one answer of HTTP/1.x out of the bytes that come."""

from __future__ import annotations

from typing import Final

import httptools
from multidict import CIMultiDict

from collector.probe_failure import ProbeFailure

_MAX_HEAD: Final = 65_536
"""Bytes of status line and headers; most servers send some hundred."""
_MAX_FIELDS: Final = 256
_WRAPPING: Final = 200_000
_WRAPPING_RATIO: Final = 1.5
"""More than so many bytes for each of the body, and this allowance, are only sent in chunks of ten bytes and less; reading
megabytes of those would keep other probes waiting."""
_SWITCHING: Final = 101
_WITHOUT_BODY: Final = frozenset({_SWITCHING, 204, 304})
_TEXT: Final = ("utf-8", "surrogateescape")
"""How headers are read: bytes that are no UTF-8 remain what they are."""
_NO_HTTP: Final = "the answer is no valid HTTP"
_BROKEN: Final = "the body is no valid HTTP"
_TOO_LONG: Final = "more came than the answer says it has"


class _GiveUp(Exception):  # noqa: N818 - it ends the parsing, which is no error of the parser
    """Nothing more is read; the message says what is wrong."""


class AnswerParser:
    """Is fed what comes until the answer is complete.

    It tolerates what aiohttp and browsers do: bare line feeds, odd bytes in headers, spaces behind the size of a chunk.

    Args:
        to_head: The request is one whose answer has no body: HEAD or CONNECT.
        max_body: Bytes of a body that are read at most.
        keep: Whether anybody looks at the body.

    Attributes:
        status: The status code.
        headers: The headers.
        received: Bytes that have come.
        complete: Nothing more is to be read.
        problem: What is wrong with the body of a complete answer, for the log; None if nothing is.
        reusable: Whether the connection of a complete answer can serve another request.
    """

    def __init__(self, *, to_head: bool, max_body: int, keep: bool) -> None:
        self.status = 0
        self.headers: CIMultiDict[str] = CIMultiDict()
        self.received = 0
        self.complete = False
        self.problem: str | None = None
        self.reusable = False
        self._to_head = to_head
        self._max_body = max_body
        self._keep = keep
        self._in_head = True
        self._until_end = False
        self._fields: list[tuple[bytes, bytes]] = []
        self._unasked = False
        self._head_size = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    @property
    def body(self) -> bytes:
        """What has come of the body, if anybody looks at it and nothing is wrong with it."""
        return b"" if self.problem else b"".join(self._chunks)

    def feed(self, data: bytes) -> bool:
        """Read on; return whether the answer is complete.

        Raises:
            ProbeFailure: This is no answer.
        """
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            self.give_up(str(error.__context__))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not (self.complete and self.status == _SWITCHING):
                self.give_up(_TOO_LONG if self.complete else _BROKEN)
        self._give_up_what_is_mostly_wrapping()
        return self.complete

    def end(self, failure: ProbeFailure | None) -> None:
        """Take note that the connection has ended, by a failure or in good order.

        Raises:
            ProbeFailure: The status line and the headers have not come whole; the failure, if there is one.
        """
        if self._in_head:
            raise failure or ProbeFailure("connect", "the connection was closed before the answer")
        if self._until_end and failure is None:
            self.complete = True
        else:
            self.give_up(f"the body broke off ({failure.detail if failure else 'the connection was closed'})")

    def give_up(self, problem: str) -> None:
        """Complete the answer with what is wrong with its body.

        Raises:
            ProbeFailure: The status line and the headers have not come whole.
        """
        if self._in_head:
            raise ProbeFailure("body", _NO_HTTP)
        self.complete, self.problem, self.reusable = True, problem, False

    def release(self) -> None:
        """Let go of httptools' parser, which holds this one too: the body would stay until Python looks for cycles."""
        del self._parser

    def _give_up_what_is_mostly_wrapping(self) -> None:
        if self._in_head and self.received > _MAX_HEAD:
            raise ProbeFailure("body", _NO_HTTP)
        if not self.complete and self.received > _WRAPPING + _WRAPPING_RATIO * self._size:
            self.give_up("the body comes in far too small pieces")

    # What follows is called by httptools.

    def on_message_begin(self) -> None:
        """Begin the answer, what servers send before it (`103 Early Hints`), or one behind it that nobody asked for."""
        self._fields.clear()
        if self.complete:
            self._unasked, self.reusable = True, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or count one behind the body."""
        self._fields.append((name, value))
        self._head_size += len(name) + len(value)
        if len(self._fields) > _MAX_FIELDS or self._head_size > _MAX_HEAD or b"\0" in value:
            raise _GiveUp(_BROKEN)

    def on_headers_complete(self) -> None:
        """Take over the status and the headers, unless they are those before the answer or behind it."""
        status = self._parser.get_status_code()
        if self._unasked or (100 <= status < 200 and status != _SWITCHING):
            return
        self._in_head = False
        self.status = status
        self.headers = CIMultiDict(
            [(name.decode(*_TEXT), value.decode(*_TEXT)) for name, value in self._fields]
        )
        self.reusable = self._parser.should_keep_alive() and status != _SWITCHING
        self._until_end = status not in _WITHOUT_BODY and _lasts_until_end(self.headers)
        self.complete = self._to_head

    def on_body(self, data: bytes) -> None:
        """Count the body's bytes, and keep them if anybody looks at them."""
        if self._unasked:
            return
        if self.complete:
            raise _GiveUp(_TOO_LONG)
        self._size += len(data)
        if self._size > self._max_body:
            raise _GiveUp(f"a body of more than {self._max_body} bytes")
        if self._keep:
            self._chunks.append(data)

    def on_message_complete(self) -> None:
        """Complete the answer, unless it is what comes before it."""
        if not self._in_head:
            self.complete = True


def _lasts_until_end(headers: CIMultiDict[str]) -> bool:
    """Return whether a body ends only with its connection (RFC 9112, section 6.3)."""
    codings = ",".join(headers.getall("Transfer-Encoding", ()))
    if codings:
        return codings.rpartition(",")[2].strip().lower() != "chunked"
    return "Content-Length" not in headers
