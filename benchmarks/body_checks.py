"""How long a look at one body keeps other probes waiting: `python -m benchmarks.body_checks`.

Prints a table and, as the last line, the same figures as JSON. `alone` is `BodyChecks.problem` on the event loop, `judge` is
`BodyJudge`, which the collector uses; the delay is the longest by which a task that sleeps for 1 ms was late meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable

from collector.body_checks import BodyChecks
from collector.body_judge import BodyJudge
from collector.contents import Contents

Look = Callable[[BodyChecks, bytes], Awaitable[object]]

SIZES = (100_000, 249_000, 1_000_000, 10_000_000)
"""Bytes; the judge begins a process at 250,000."""
ITEMS = {
    "numbers": "1",
    "empty lists": "[]",
    "objects": '{"a":1}',
    "floats": "1.5e3",
    "text": '"' + "x" * 97 + '"',
}
JSON = BodyChecks.model_validate({"json": [{"path": "$[0]", "equals": "no"}]})
PATTERN = BodyChecks.model_validate({"matches": "^(a|aa)+$"})


async def delay_of_others(look: Look, checks: BodyChecks, body: bytes) -> tuple[float, float]:
    """Return by how many seconds another task was late at most, and how long the look took."""
    looking = asyncio.ensure_future(look(checks, body))
    started, worst = time.perf_counter(), 0.0
    while not looking.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - before - 0.001)
    return worst, time.perf_counter() - started


async def alone(checks: BodyChecks, body: bytes) -> None:
    """Look at a body on the event loop."""
    checks.problem(body, "utf-8", 0.0)


async def rows() -> list[dict[str, str | int | float]]:
    """Return the figures: milliseconds by body, size and way."""
    judge = BodyJudge()

    async def judged(checks: BodyChecks, body: bytes) -> None:
        await judge.look(Contents(checks), body, "utf-8", 0.0)

    bodies = [
        (f"JSON, {kind}", JSON, size, f"[{','.join([item] * (size // (len(item) + 1)))}]".encode())
        for kind, item in ITEMS.items()
        for size in SIZES
    ]
    bodies.append(("catastrophic pattern", PATTERN, 200_001, b"a" * 200_000 + b"!"))
    figures: list[dict[str, str | int | float]] = []
    for kind, checks, size, body in bodies:
        ways = {
            name: await delay_of_others(look, checks, body)
            for name, look in (("alone", alone), ("judge", judged))
        }
        milliseconds = {
            f"{way}_{what}_ms": round(1000 * value, 1)
            for way, pair in ways.items()
            for what, value in zip(("delay", "look"), pair, strict=True)
        }
        figures.append({"body": kind, "bytes": size, **milliseconds})
    judge.close()
    return figures


def main() -> None:
    """Print the table."""
    gc.freeze()
    figures = asyncio.run(rows())
    print(f"{'body':22}{'bytes':>12}{'alone: delay':>15}{'judge: delay':>15}{'look':>10}  (ms)")  # noqa: T201 - a report
    for row in figures:
        print(  # noqa: T201 - a report
            f"{row['body']:22}{row['bytes']:>12,}{row['alone_delay_ms']:>15}{row['judge_delay_ms']:>15}{row['judge_look_ms']:>10}"
        )
    print(json.dumps(figures))  # noqa: T201 - a report


if __name__ == "__main__":
    main()
