"""Unpacks an answer's body, no further than a limit."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

_UNPACKED: Final = {"", "identity"}
_GZIP: Final = b"\x1f\x8b"
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
_WORTH_A_THREAD: Final = 100_000
"""Bytes from which on unpacking takes long enough to be seen in the times of other probes."""
_MANY_PARTS: Final = 10_000
"""Bytes of a packed body into which enough empty parts fit for the same."""
_MAX_PARTS: Final = 1000
_PIECE: Final = 65_536
"""Bytes that are unpacked at a time: zlib copies what follows a part, which could be all the others each time."""


class BodyError(Exception):
    """A body is not what it should be; the message is for the log and quotes nothing of it."""


async def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body as it was before gzip or deflate.

    Args:
        body: What came.
        encoding: The header `Content-Encoding`.
        limit: Bytes that are unpacked at most; a small body can unpack into gigabytes.

    Raises:
        BodyError: It is packed in another way, is broken, or longer than the limit.
    """
    if encoding.strip().lower() in _UNPACKED:
        return body
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        raise BodyError("the body is packed in a way that was not asked for")
    window = _RAW if encoding.strip().lower() == "deflate" and _lacks_header(body) else _GZIP_OR_ZLIB
    # Deflate packs at most a thousandfold.
    if min(limit, 1000 * len(body)) < _WORTH_A_THREAD and len(body) < _MANY_PARTS:
        return _inflated(body, window, limit)
    return await asyncio.to_thread(_inflated, body, window, limit)


def _lacks_header(body: bytes) -> bool:
    """Return whether a body is deflated without the header of zlib (RFC 1950) or gzip, as some servers send it."""
    return body[:2] != _GZIP and not (body[:1] and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0)


def _inflated(body: bytes, window: int, limit: int) -> bytes:
    """Unpack each part of a body; what follows the last one and is no gzip is left out, as by any client."""
    plain = bytearray()
    rest = memoryview(body)
    for _ in range(_MAX_PARTS):
        rest = _unpack_part(rest, window, plain, limit)
        if bytes(rest[:2]) != _GZIP:
            return bytes(plain)
    raise BodyError(f"a body packed in more than {_MAX_PARTS} parts")


def _unpack_part(packed: memoryview, window: int, plain: bytearray, limit: int) -> memoryview:
    """Append what the first part unpacks into; return what follows it."""
    unpacker = zlib.decompressobj(window)
    while packed and not unpacker.eof:
        piece = packed[:_PIECE]
        try:
            plain += unpacker.decompress(piece, limit + 1 - len(plain))
        except zlib.error:
            raise BodyError("the packed body is broken") from None
        if len(plain) > limit:
            raise BodyError(f"a body that unpacks into more than {limit} bytes")
        packed = packed[len(piece) - len(unpacker.unused_data) :]
    if not unpacker.eof:
        raise BodyError("the packed body is broken")
    return packed
