"""Looks at bodies without keeping other probes waiting, however long that takes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from collector.contents import Findings

if TYPE_CHECKING:
    from collector.contents import Contents

_WORTH_A_PROCESS: Final = 250_000
"""Bytes from which on JSON may hold up other probes: `json.loads` lets no other thread run, and takes up to 10 ms for
250 kB, 45 ms for 1 MB and 900 ms for 10 MB (`benchmarks/body_checks.py`). A process costs 0.4 s of processor time."""
_PROCESS_SECONDS: Final = 30.0
_PIECE: Final = 100_000
_TOO_LONG: Final = f"looking at the body took more than {_PROCESS_SECONDS:g} s"
_FAILED: Final = "the body is too much to look at"


class BodyJudge:
    """Looks at bodies: small ones at once, those with a regular expression in threads, big ones in a process.

    The package `regex` lets other threads run while it searches. There is one process at a time, and none without need.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="body")
        self._one_process = asyncio.Lock()

    async def look(self, contents: Contents, body: bytes, charset: str, now: float) -> Findings:
        """Return what `Contents.look` does, or that finding out takes too long or too much memory."""
        if len(body) > _WORTH_A_PROCESS:
            async with self._one_process:
                return await _in_a_process(contents, body, charset, now)
        if not contents.has_pattern:
            return contents.look(body, charset, now)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, contents.look, body, charset, now)

    def close(self) -> None:
        """Give up the threads; what they are at is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _in_a_process(contents: Contents, body: bytes, charset: str, now: float) -> Findings:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a traceback could quote the body
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    try:
        async with asyncio.timeout(_PROCESS_SECONDS):
            await _feed(process.stdin, pickle.dumps((contents, charset, now)), body)
            answer, _ = await process.communicate()
    except TimeoutError:
        return Findings(_TOO_LONG)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Findings(*json.loads(answer)) if process.returncode == 0 else Findings(_FAILED)


async def _feed(stdin: asyncio.StreamWriter, question: bytes, body: bytes) -> None:
    """Write in pieces, as one write of megabytes would keep the others waiting, too."""
    with contextlib.suppress(ConnectionError):  # the process has died, which its exit status will say
        stdin.write(question)
        for start in range(0, len(body), _PIECE):
            stdin.write(body[start : start + _PIECE])
            await stdin.drain()
    stdin.close()


def main() -> None:
    """Read what is looked for, and the body, from standard input, and write what was found as JSON."""
    contents, charset, now = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    found = contents.look(sys.stdin.buffer.read(), charset, now)
    print(json.dumps([found.problem, found.taken, found.lifetime]))  # noqa: T201 - for that process


if __name__ == "__main__":
    main()
