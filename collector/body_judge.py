"""Looks at bodies without keeping other probes waiting, however long that takes."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collector.body_checks import BodyChecks

_WORTH_A_PROCESS: Final = 250_000
"""Bytes from which on JSON may hold up other probes: `json.loads` lets no other thread run, and takes up to 10 ms for
250 kB, 45 ms for 1 MB and 900 ms for 10 MB (`benchmarks/body_checks.py`). A process costs 0.4 s of processor time."""
_PROCESS_SECONDS: Final = 30.0
_PIECE: Final = 100_000
_TOO_LONG: Final = f"looking at the body took more than {_PROCESS_SECONDS:g} s"
_FAILED: Final = "the body is too much to look at"


class BodyJudge:
    """Tells what is wrong with bodies: small ones at once, those with a regular expression in threads, big ones in a process.

    The package `regex` lets other threads run while it searches. There is one process at a time, and none without need.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="body")
        self._one_process = asyncio.Lock()

    async def problem(self, checks: BodyChecks, body: bytes, charset: str, now: float) -> str | None:
        """Return what `BodyChecks.problem` does, or that finding out takes too long or too much memory."""
        if len(body) > _WORTH_A_PROCESS:
            async with self._one_process:
                return await _in_a_process(checks, body, charset, now)
        if checks.matches is None:
            return checks.problem(body, charset, now)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, checks.problem, body, charset, now)

    def close(self) -> None:
        """Give up the threads; what they are at is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _in_a_process(checks: BodyChecks, body: bytes, charset: str, now: float) -> str | None:
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
            await _feed(process.stdin, pickle.dumps((checks, charset, now)), body)
            answer, _ = await process.communicate()
    except TimeoutError:
        return _TOO_LONG
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return (answer.decode() or None) if process.returncode == 0 else _FAILED


async def _feed(stdin: asyncio.StreamWriter, question: bytes, body: bytes) -> None:
    """Write in pieces, as one write of megabytes would keep the others waiting, too."""
    with contextlib.suppress(ConnectionError):  # the process has died, which its exit status will say
        stdin.write(question)
        for start in range(0, len(body), _PIECE):
            stdin.write(body[start : start + _PIECE])
            await stdin.drain()
    stdin.close()


def main() -> None:
    """Read what a body has to be, and the body, from standard input, and write what is wrong with it, if anything."""
    checks, charset, now = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    sys.stdout.buffer.write((checks.problem(sys.stdin.buffer.read(), charset, now) or "").encode())


if __name__ == "__main__":
    main()
