"""When each API is probed: spread over the interval, aligned to wall time, never late on another's account."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def offset(name: str, interval: float) -> float:
    """Return an API's place in the interval, in [0, interval) seconds; the same in every process and after a restart.

    Args:
        name: The API's name, whose hash decides.
        interval: Seconds between two probes.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53 * interval  # 53 bits, so that rounding cannot reach 1


def next_slot(now: float, interval: float, shift: float, previous: float = -math.inf) -> float:
    """Return the first Unix time after `now` that is `shift` past a multiple of the interval.

    A slot is not given twice, although a timer may fire a moment before its time: within half an interval of
    `previous`, the one after it is returned.
    """
    slot = (math.floor((now - shift) / interval) + 1) * interval + shift
    return slot + interval if abs(slot - previous) < interval / 2 else slot


async def run_every(interval: float, shift: float, action: Callable[[], Awaitable[None]]) -> None:
    """Await `action` at every slot, until cancelled; slots that pass while it runs are skipped, not caught up."""
    slot = -math.inf
    while True:
        # Wall time is read anew each round, so that a corrected clock costs at most one slot.
        slot = next_slot(time.time(), interval, shift, slot)
        await asyncio.sleep(slot - time.time())
        await action()
