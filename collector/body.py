"""Unpacks an answer's body, no further than a limit."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

_UNPACKED: Final = {"", "identity"}
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_WORTH_A_THREAD: Final = 100_000
"""Bytes from which on unpacking takes long enough to be seen in the times of other probes."""


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
    if min(limit, 1000 * len(body)) < _WORTH_A_THREAD:  # deflate packs at most a thousandfold
        return _inflated(body, limit)
    return await asyncio.to_thread(_inflated, body, limit)


def _inflated(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise BodyError("the packed body is broken") from None
    if len(plain) > limit:
        raise BodyError(f"a body that unpacks into more than {limit} bytes")
    if not unpacker.eof:
        raise BodyError("the packed body is broken")
    return plain
