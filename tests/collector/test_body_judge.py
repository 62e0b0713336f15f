"""Bodies that take long to look at: other probes go on meanwhile, and it ends."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from collector import body_judge
from collector.api import Api
from collector.body_checks import BodyChecks
from collector.contents import Contents

if TYPE_CHECKING:
    from collections.abc import Callable

    from collector.probe import Prober
    from tests.collector.conftest import Serve

    Children = Callable[[], set[str]]

pytestmark = pytest.mark.integration

CATASTROPHIC = BodyChecks.model_validate({"matches": "^(a|aa)+$"})
NOTES = b'{"notes": [' + b",".join([b'{"n": {}}'] * 300_000) + b'], "status": "ok"}'


def status_is(value: str) -> BodyChecks:
    """Return the condition that `$.status` is this."""
    return BodyChecks.model_validate({"json": [{"path": "$.status", "equals": value}]})


def _processes() -> set[str]:
    """Return the processes that this one has started and that have not been waited for."""
    return set(
        Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text(encoding="ascii").split()
    )


@pytest.fixture
def children() -> Children:
    """Give what tells the processes that the test has started; servers of other tests may be running as well."""
    others = _processes()
    return lambda: _processes() - others


@pytest.mark.parametrize(
    ("body", "checks", "problem"),
    [
        (b"a" * 200_000 + b"!", CATASTROPHIC, "matching the body took more than 0.5 s"),
        (NOTES, status_is("down"), "$.status is not as expected"),
        (NOTES, status_is("ok"), None),
    ],
    ids=["catastrophic pattern", "3 MB that are wrong", "3 MB that are right"],
)
async def test_others_are_probed_meanwhile(
    serve: Serve, prober: Prober, body: bytes, checks: BodyChecks, problem: str | None
) -> None:
    """While a body is looked at for long, another API is probed many times, and the verdict is right in the end."""
    asked = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        asked.set()
        return web.Response(body=body)

    async def fine(_request: web.Request) -> web.Response:
        return web.Response()

    long = Api("long", await serve(answer), expected_body=checks, timeout=20, max_body=20_000_000)
    good = Api("good", await serve(fine), timeout=20)
    looking = asyncio.create_task(prober.probe(long))
    await asked.wait()
    probes = 0
    while not looking.done():
        assert (await prober.probe(good)).reason is None
        probes += 1
    outcome = await looking
    assert probes >= 10
    assert outcome.reason == ("body" if problem else None)
    assert outcome.detail.startswith(problem or "")
    assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))


async def judged(**options: Any) -> str | None:
    """Return what is wrong with a big body."""
    judge = body_judge.BodyJudge()
    try:
        contents = Contents(status_is("ok"))
        return (await judge.look(contents, options.get("body", NOTES), "utf-8", 0.0)).problem
    finally:
        judge.close()


async def test_looking_ends(monkeypatch: pytest.MonkeyPatch, children: Children) -> None:
    """What takes too long is an error of the body, and its process is ended."""
    monkeypatch.setattr(body_judge, "_PROCESS_SECONDS", 0.01)
    assert (await judged() or "").startswith("looking at the body took more than")
    assert children() == set()


async def test_a_process_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that the system ends, for want of memory, is an error of the body and no defect."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert await judged() == "the body is too much to look at"


async def test_nobody_looks_for_an_api_that_is_gone(children: Children) -> None:
    """A probe that is given up, as a new configuration does it, leaves no process behind."""
    looking = asyncio.create_task(judged())
    while not children():  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0.01)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert children() == set()
