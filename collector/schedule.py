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


async def run_every(
    interval: float, shift: float, action: Callable[[], Awaitable[None]], missed: Callable[[int], None]
) -> None:
    """Await `action` at every slot, until cancelled; slots that pass while it runs are skipped, not caught up.

    Args:
        interval: Seconds between two slots.
        shift: Seconds by which slots lie past multiples of the interval.
        action: What is done.
        missed: Told how many slots have been skipped, whenever there are some.
    """
    slot = -math.inf
    while True:
        # Wall time is read anew each round, so that a corrected clock costs at most one slot.
        previous, slot = slot, next_slot(time.time(), interval, shift, slot)
        if (skipped := (slot - previous) / interval - 1) >= 0.5 and previous != -math.inf:
            missed(round(skipped))
        await asyncio.sleep(slot - time.time())
        await action()
