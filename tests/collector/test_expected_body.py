"""What is asked of an answer's body, against real servers."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

import collector.body
from collector.api import Api
from collector.body import BodyError, unpacked
from collector.body_checks import BodyChecks

if TYPE_CHECKING:
    from collector.probe import Prober
    from tests.collector.conftest import Serve, ServeRaw

pytestmark = pytest.mark.integration

NOW = int(time.time())
BODY = (
    b'{"status": "ok", "items": [{"n": 3}], "one": 1, "yes": true, "void": null, '
    b'"updated": "2001-02-03T04:05:06Z", "now": %d, "now_ms": %d, "now_us": %d, "old": 981173106, '
    b'"huge": 1%s, "nan": NaN}' % (NOW, NOW * 1000, NOW * 1_000_000, b"0" * 400)
)


def expected(*checks: dict[str, Any], **conditions: str) -> BodyChecks:
    """Return what `expected_body` of the configuration gives."""
    return BodyChecks.model_validate(conditions | {"json": list(checks)})


@pytest.mark.parametrize(
    ("checks", "problem"),
    [
        (expected(contains='"ok"'), None),
        (expected(contains="OK"), "the body does not contain what is expected"),
        (expected(matches=r'"n":\s*\d'), None),
        (expected(matches="^ok$"), "the body does not match what is expected"),
        (expected({"path": "$.status", "equals": "ok"}), None),
        (expected({"path": "$.status", "equals": "up"}), "$.status is not as expected"),
        (expected({"path": "$.one", "equals": True}), "$.one is not as expected"),
        (expected({"path": "$.yes", "equals": 1}), "$.yes is not as expected"),
        (expected({"path": "$.yes", "equals": True}, {"path": "$.void", "equals": None}), None),
        (expected({"path": "$.status.x", "equals": None}), "the body has no $.status.x"),
        (expected({"path": "items[0].n", "above": 2, "below": 4}), None),
        (expected({"path": "items[0].n", "above": 3}), "items[0].n is not above 3"),
        (expected({"path": "items[0].n", "below": 3}), "items[0].n is not below 3"),
        (expected({"path": "$.yes", "above": 0}), "$.yes is no number"),
        (expected({"path": "$.now", "max_age": "1h"}, {"path": "$.now_ms", "max_age": 3600}), None),
        (expected({"path": "$.status", "max_age": 1}), "$.status is no time"),
        (expected({"path": "$.huge", "max_age": 1}), "$.huge is no time"),
        (expected({"path": "$.nan", "max_age": 1}), "$.nan is no time"),
        (expected({"path": "$.now_us", "max_age": 1}), "$.now_us is no time"),
    ],
)
async def test_conditions(serve: Serve, prober: Prober, checks: BodyChecks, problem: str | None) -> None:
    """A body that breaks a condition is an error of the body, and the log says which, without quoting the body."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=BODY)

    outcome = await prober.probe(Api("A", await serve(answer), expected_body=checks))
    assert (outcome.reason, outcome.detail) == (("body", problem) if problem else (None, ""))


@pytest.mark.parametrize("key", ["updated", "old"])
async def test_an_old_answer(serve: Serve, prober: Prober, key: str) -> None:
    """An API that answers with yesterday's data is caught, whether it states ISO 8601 or Unix time."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=BODY)

    checks = expected({"path": f"$.{key}", "max_age": "2m"})
    outcome = await prober.probe(Api("A", await serve(answer), expected_body=checks))
    assert outcome.reason == "body"
    assert outcome.detail.endswith("s old, expected at most 120 s")


@pytest.mark.parametrize("charset", ["idna", "undefined", "base64", "no-such-charset"])
async def test_an_odd_charset(serve: Serve, prober: Prober, charset: str) -> None:
    """A body whose charset is none that text is sent in is taken for UTF-8."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=BODY, headers={"Content-Type": f"text/plain; charset={charset}"})

    outcome = await prober.probe(Api("A", await serve(answer), expected_body=expected(contains='"ok"')))
    assert (outcome.reason, outcome.detail) == (None, "")


async def test_a_charset_that_cannot_be_read(serve_raw: ServeRaw, prober: Prober) -> None:
    """Neither does a charset of letters and bytes that are no text do more than leave the body UTF-8."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind = b"text/plain; charset*=\xc3\xa4'\xff'x"
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: 4\r\n\r\n"ok"' % kind)

    api = Api("A", await serve_raw(answer), expected_body=expected(contains='"ok"'))
    outcome = await prober.probe(api)
    assert (outcome.reason, outcome.detail) == (None, "")


def raw(body: bytes) -> bytes:
    """Return a body deflated without zlib's header."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def bomb(wbits: int = 31) -> bytes:
    """Return 100 MB of zeros in gzip (31) or deflate (15, raw -15), about 100 kB."""
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()


@pytest.mark.parametrize(
    ("body", "encoding", "problem"),
    [
        (gzip.compress(BODY), "gzip", None),
        (zlib.compress(BODY), "deflate", None),
        (gzip.compress(BODY[:9]) + gzip.compress(b"") + gzip.compress(BODY[9:]), "gzip", None),
        (gzip.compress(BODY) + bytes(7), "gzip", None),
        (raw(BODY), "deflate", None),
        (raw(b" " * 150_000 + BODY), "Deflate", None),
        (raw(BODY)[:-2], "deflate", "the packed body is broken"),
        (gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])[:-1], "gzip", "the packed body is broken"),
        (gzip.compress(BODY)[:-20], "gzip", "the packed body is broken"),
        (BODY, "gzip", "the packed body is broken"),
        (BODY, "br", "the body is packed in a way that was not asked for"),
        (bomb(), "gzip", "a body that unpacks into more than 200000 bytes"),
        (bomb(15), "deflate", "a body that unpacks into more than 200000 bytes"),
        (bomb(-15), "deflate", "a body that unpacks into more than 200000 bytes"),
        (3 * gzip.compress(bytes(70_000)), "gzip", "a body that unpacks into more than 200000 bytes"),
        (gzip.compress(b"") * 5000, "gzip", "a body packed in more than 1000 parts"),
    ],
    ids=[
        "gzip",
        "deflate",
        "gzip in parts",
        "padded",
        "raw deflate",
        "large raw deflate",
        "raw deflate cut",
        "part cut",
        "cut",
        "not packed",
        "brotli",
        "gzip bomb",
        "deflate bomb",
        "raw deflate bomb",
        "bomb in parts",
        "many parts",
    ],
)
async def test_packed_bodies(
    serve: Serve, prober: Prober, body: bytes, encoding: str, problem: str | None
) -> None:
    """A packed body is unpacked for the conditions, but never beyond the limit."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    checks = expected({"path": "$.status", "equals": "ok"})
    outcome = await prober.probe(Api("A", await serve(answer), expected_body=checks, max_body=200_000))
    assert (outcome.reason, outcome.detail) == (("body", problem) if problem else (None, ""))


async def test_a_bomb_does_not_fill_the_memory() -> None:
    """Of a body that unpacks into 100 MB no more than the limit is ever in memory."""
    packed = bomb()
    tracemalloc.start()
    try:
        with pytest.raises(BodyError):
            await unpacked(packed, "gzip", 200_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "in_thread"),
    [(raw(b"ok"), False), (raw(bytes(300_000)), True), (gzip.compress(b"") * 900, True)],
    ids=["small", "large", "many parts"],
)
async def test_where_bodies_are_unpacked(
    monkeypatch: pytest.MonkeyPatch, body: bytes, *, in_thread: bool
) -> None:
    """What takes long to unpack is unpacked in a thread, beside other probes; a small body at once."""
    threads: list[bool] = []
    inflate = collector.body._inflated

    def note(body: bytes, window: int, limit: int) -> bytes:
        threads.append(threading.current_thread() is not threading.main_thread())
        return inflate(body, window, limit)

    monkeypatch.setattr("collector.body._inflated", note)
    await unpacked(body, "deflate", 99_999 if body[:2] == b"\x1f\x8b" else 10_000_000)
    assert threads == [in_thread]


async def test_no_json(serve: Serve, prober: Prober) -> None:
    """What cannot be JSON, or is nested without end, is an error of the body and no defect of ours."""
    bodies = iter([b"<html>", b"[" * 100_000, b"\xff"])

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=next(bodies))

    api = Api("A", await serve(answer), expected_body=expected({"path": "$", "equals": 1}))
    for _ in range(3):
        outcome = await prober.probe(api)
        assert (outcome.reason, outcome.detail) == ("body", "the body is no JSON")
