"""Answers are read alike however their bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.answer_parser import AnswerParser
from collector.probe_failure import ProbeFailure

HEAD = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-Empty:\r\n"
ANSWERS = {
    "length": HEAD + b"Content-Length: 5\r\n\r\nhello",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-T: u\r\n\r\n",
    "hints before it": b"HTTP/1.1 103 Early Hints\r\nX-A: no\r\nContent-Length: 9\r\n\r\n" + HEAD + b"Content-Length: 5\r\n\r\nhello",
    "bare line feeds": HEAD.replace(b"\r", b"") + b"Content-Length: 5\n\nhello",
}  # fmt: skip


def parser(*, to_head: bool = False, max_body: int = 1000, keep: bool = True) -> AnswerParser:
    """Return a parser of one answer."""
    return AnswerParser(to_head=to_head, max_body=max_body, keep=keep)


def read(reader: AnswerParser, data: bytes, cuts: list[int]) -> AnswerParser:
    """Feed the data in pieces."""
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        if end > start:
            reader.feed(data[start:end])
    return reader


@pytest.mark.parametrize("name", ANSWERS)
@given(cuts=st.lists(st.integers(0, 500), max_size=30))
def test_cuts(name: str, cuts: list[int]) -> None:
    """Where the network cuts an answer makes no difference."""
    answer = read(parser(), ANSWERS[name], cuts)
    assert answer.complete
    assert answer.reusable
    assert answer.problem is None
    assert (answer.status, answer.body) == (200, b"hello")
    assert (answer.headers["x-a"], answer.headers["X-Empty"]) == ("1", "")


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes(data: bytes, cuts: list[int]) -> None:
    """Whatever comes is an answer, none, or the beginning of one; it never ends in another error."""
    reader = parser()
    reason = None
    try:
        read(reader, b"HTTP/1.1 200 OK\r\n" + data, cuts)
        reader.end(None)
    except ProbeFailure as failure:
        reason = failure.reason
    assert reader.complete if reason is None else reason in {"body", "connect"}


def test_until_the_end() -> None:
    """A body without a length lasts until the connection ends in good order, and is broken if it ends in another."""
    for failure, problem in (None, None), (ProbeFailure("connect", "reset"), "the body broke off (reset)"):
        answer = read(parser(), HEAD + b"\r\nhello", [])
        assert not answer.complete
        answer.end(failure)
        assert (answer.complete, answer.reusable, answer.problem) == (True, False, problem)
        assert answer.body == (b"" if problem else b"hello")


@pytest.mark.parametrize(
    ("coding", "until_end"),
    [("chunked", False), ("gzip, Chunked ", False), ("gzip", True), ("chunked, gzip", True)],
)
def test_transfer_coding(coding: str, *, until_end: bool) -> None:
    """Only what is chunked at last tells its end itself."""
    answer = read(parser(), HEAD + f"Transfer-Encoding: {coding}\r\n\r\n1\r\na\r\n".encode(), [])
    assert not answer.complete
    answer.end(None)
    assert (answer.problem is None) is until_end


@pytest.mark.parametrize(
    ("line", "reusable"),
    [("HTTP/1.1 200 OK", True), ("HTTP/1.0 200 OK", False), ("HTTP/1.1 200 OK\r\nConnection: close", False)],
)
def test_reuse(line: str, *, reusable: bool) -> None:
    """A connection is kept if its server will have it so."""
    assert read(parser(), f"{line}\r\nContent-Length: 0\r\n\r\n".encode(), []).reusable is reusable


def test_what_nobody_asked_for() -> None:
    """A second answer leaves the first one as it is, and the connection is of no more use."""
    answer = read(
        parser(), ANSWERS["length"] + b"HTTP/1.1 500 Oops\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nno", []
    )
    assert (answer.status, answer.body, answer.headers["X-A"], answer.problem) == (200, b"hello", "1", None)
    assert not answer.reusable


def test_an_unread_body_is_counted_all_the_same() -> None:
    """A body that nobody looks at is not kept, but may not be longer than allowed either."""
    assert read(parser(keep=False), ANSWERS["length"], []).body == b""
    assert (
        read(parser(keep=False, max_body=4), ANSWERS["length"], []).problem == "a body of more than 4 bytes"
    )
    assert read(parser(keep=False, max_body=5), ANSWERS["length"], []).problem is None
