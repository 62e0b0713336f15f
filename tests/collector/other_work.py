"""Work that goes on beside what is tested, if that lets it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass
class Turns:
    """How often the other work got its turn."""

    count: int = 0


@contextlib.asynccontextmanager
async def other_work() -> AsyncIterator[Turns]:
    """Work on within the block; give the turns so far."""
    turns = Turns()

    async def work() -> None:
        while True:
            turns.count += 1
            await asyncio.sleep(0)

    worker = asyncio.create_task(work())
    try:
        yield turns
    finally:
        worker.cancel()
