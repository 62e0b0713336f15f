"""Short-lived programs hand over what they measured, and a running collector counts it."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import collector.handover
from collector import Handover, InstrumentedClient, InstrumentedSession, aiohttp_trace
from collector.handover import MAX_KEPT
from collector.handover_file import MAX_BYTES, HandedRequest, read
from collector.handover_metrics import HandoverMetrics
from collector.metrics import RequestMetrics
from collector.outcome import Outcome
from collector.scrapes import Scrapes
from collector.spool import MAX_APIS, Spool
from tests.collector.traffic import counts

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
REQUEST: dict[str, Any] = {
    "api_name": "A",
    "environment": "test",
    "at": 0,
    "reason": None,
    "response_time": 0.1,
    "phases": {},
    "quotas": [],
}
FOLDER = "rapidapi_collector_handover_"


class Receiver:
    """What of the collector takes files: a registry, its scrapes, and the spool."""

    def __init__(self, folder: Path) -> None:
        self.registry = CollectorRegistry()
        self.requests = RequestMetrics(self.registry)
        self.scrapes = Scrapes()
        metrics = HandoverMetrics(self.registry, "test")
        self.spool = Spool(folder, self.requests, metrics, self.scrapes)

    def scrape(self) -> str:
        """Do as Prometheus does."""
        with self.scrapes.one():
            return generate_latest(self.registry).decode()

    async def take(self) -> None:
        """Take what is there, as after two looks with a scrape between them."""
        await self.spool.take()
        self.scrape()
        await self.spool.take()

    def dropped(self, cause: str) -> float | None:
        """Return how many requests were not counted."""
        labels = {"environment": "test", "cause": cause}
        return self.registry.get_sample_value(f"{FOLDER}requests_dropped_total", labels)

    def refused(self) -> float | None:
        """Return how many files were set aside."""
        return self.registry.get_sample_value(f"{FOLDER}files_refused_total", {"environment": "test"})


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    """Give the receiving end."""
    return Receiver(tmp_path)


def put(folder: Path, *requests: dict[str, Any], name: str = "1.json") -> Path:
    """Write a file as a program would."""
    path = folder / name
    ready = [{**REQUEST, "at": time.time()} | request for request in requests]
    path.write_text(json.dumps({"version": 1, "requests": ready}))
    return path


def files(folder: Path) -> list[str]:
    """Return the names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.integration
async def test_every_hook_hands_over(
    receiver: Receiver, tmp_path: Path, answers: str, unused_tcp_port: int
) -> None:
    """What any of the clients measured arrives complete: outcomes, times, phases and quotas."""
    import aiohttp
    import requests

    handover = Handover(tmp_path)
    with InstrumentedSession("A", "test", handover) as session:
        session.get(f"{answers}/200")
        with pytest.raises(requests.ConnectionError):
            session.get(f"http://127.0.0.1:{unused_tcp_port}/")
    with InstrumentedClient("A", "test", handover) as client:
        client.get(f"{answers}/503")
    async with aiohttp.ClientSession(trace_configs=[aiohttp_trace("B", "test", handover)]) as aio:
        await (await aio.get(f"{answers}/200")).read()
    assert files(tmp_path) == []
    handover.flush()
    handover.flush()
    assert len(files(tmp_path)) == 1
    await receiver.take()
    assert counts(receiver.registry) == {"success": 1, "error": 2, "connect": 1, "http_5xx": 1, "timed": 2}
    assert counts(receiver.registry, "B") == {"success": 1, "timed": 1}
    labels = {"api_name": "A", "environment": "test", "quota": "requests"}
    assert receiver.registry.get_sample_value("rapidapi_api_quota_remaining", labels) == 41
    labels = {"api_name": "B", "environment": "test", "phase": "processing"}
    assert receiver.registry.get_sample_value("rapidapi_api_request_phase_seconds_total", labels)
    assert files(tmp_path) == []
    counted = receiver.registry.get_sample_value(f"{FOLDER}requests_total", {"environment": "test"})
    assert counted == 4


async def test_new_series_are_seen_at_zero_first(receiver: Receiver, tmp_path: Path) -> None:
    """Prometheus sees the first requests of an API as an increase; until then, and through a restart, the file waits."""
    put(tmp_path, {})
    for _ in range(2):
        await receiver.spool.take()
        assert counts(receiver.registry) == {}
    assert 'rapidapi_api_requests_total{api_name="A",environment="test",status="success"} 0.0' in (
        receiver.scrape()
    )
    assert files(tmp_path) == ["1.json"]
    restarted = Receiver(tmp_path)
    await restarted.take()
    assert counts(restarted.registry) == {"success": 1, "timed": 1}
    put(tmp_path, {})
    await restarted.spool.take()
    assert counts(restarted.registry) == {"success": 2, "timed": 2}


async def test_a_scrape_in_progress_has_not_seen_it(receiver: Receiver, tmp_path: Path) -> None:
    """A scrape that began before the series were there does not count as one that saw them."""
    put(tmp_path, {})
    with receiver.scrapes.one():
        await receiver.spool.take()
    await receiver.spool.take()
    assert counts(receiver.registry) == {}


async def test_what_is_old_is_not_counted(receiver: Receiver, tmp_path: Path) -> None:
    """Requests of more than an hour ago do not look like present ones."""
    put(tmp_path, {"at": time.time() - 3700}, {"at": time.time() - 3500})
    await receiver.take()
    assert counts(receiver.registry) == {"success": 1, "timed": 1}
    assert receiver.dropped("too_old") == 1


async def test_the_number_of_apis_is_limited(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that makes up names cannot fill Prometheus; whoever has a place keeps it."""
    put(tmp_path, *({"api_name": f"api {number}"} for number in range(MAX_APIS + 5)))
    await receiver.take()
    assert receiver.dropped("over_limit") == 5
    assert counts(receiver.registry, f"api {MAX_APIS - 1}") == {"success": 1, "timed": 1}
    assert counts(receiver.registry, f"api {MAX_APIS}") == {}
    assert len(caplog.records) == 1
    receiver.requests.remove_api("api 0", "test")
    put(tmp_path, {"api_name": "api 0"})
    await receiver.take()
    assert counts(receiver.registry, "api 0") == {"success": 1, "timed": 1}


async def test_a_probed_api_has_one_count(receiver: Receiver, tmp_path: Path) -> None:
    """Traffic to an API that is probed, too, adds to its series; when it is no longer probed, they begin again at 0."""
    receiver.requests.add_api("A", "test")
    receiver.requests.record("A", "test", Outcome(None, 0.1))
    put(tmp_path, {})
    await receiver.take()
    assert counts(receiver.registry) == {"success": 2, "timed": 2}
    receiver.requests.remove_api("A", "test")
    put(tmp_path, {})
    await receiver.take()
    assert counts(receiver.registry) == {"success": 1, "timed": 1}


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link(path: Path) -> None:
    target = put(path.parent, {}, name="elsewhere")
    path.symlink_to(target)


def _unreadable(path: Path) -> None:
    path.mkdir()


def _huge(path: Path) -> None:
    path.write_bytes(b" " * (MAX_BYTES + 1))


def _content(**changes: object) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        put(path.parent, changes, name=path.name)

    return make


def _text(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text(text)

    return make


@pytest.mark.parametrize(
    "make",
    [
        _pipe,
        _link,
        _unreadable,
        _huge,
        _text(""),
        _text("{}"),
        _text('{"version": 2, "requests": []}'),
        _text("[" * 100_000),
        _content(secret="s3cr3t"),
        _content(reason="s3cr3t"),
        _content(phases={"s3cr3t": 1}),
        _content(response_time=-1),
        _content(response_time=float("nan")),
        _content(response_time=1e9),
        _content(api_name=""),
        _content(api_name="s3cr3t" * 100),
        _content(api_name="\ud800"),
        _content(at="now"),
    ],
)
async def test_a_bad_file_is_set_aside(
    receiver: Receiver, tmp_path: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """A file that no program of ours wrote harms nothing: it is put aside, counted, and named in one line of the log."""
    make(tmp_path / "1.json")
    put(tmp_path, {}, name="2.json")
    await receiver.take()
    await receiver.take()
    assert "1.json.refused" in files(tmp_path)
    assert receiver.refused() == 1
    assert counts(receiver.registry) == {"success": 1, "timed": 1}
    receiver.scrape()
    assert len(caplog.records) == 1
    assert "'1.json' was handed over and refused" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_half_a_file_is_not_taken(receiver: Receiver, tmp_path: Path) -> None:
    """A program that was killed while it wrote leaves nothing that is counted."""
    put(tmp_path, {}, name=".1.json")
    await receiver.take()
    assert counts(receiver.registry) == {}
    assert files(tmp_path) == [".1.json"]


async def test_two_collectors_share_a_folder(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two collectors one counts a file, however close the other comes."""
    put(tmp_path, {})
    await receiver.take()
    assert counts(receiver.registry) == {"success": 1, "timed": 1}

    def as_the_other_does(path: Path) -> list[HandedRequest]:
        requests = read(path)
        path.unlink()
        return requests

    monkeypatch.setattr("collector.spool.read", as_the_other_does)
    put(tmp_path, {})
    await receiver.take()
    monkeypatch.setattr("collector.spool.read", read)
    monkeypatch.setattr(receiver.spool, "_files", lambda: [tmp_path / "1.json"])
    await receiver.take()
    assert counts(receiver.registry) == {"success": 1, "timed": 1}
    assert receiver.refused() == 0


async def test_a_pipe_that_is_being_written(receiver: Receiver, tmp_path: Path) -> None:
    """A pipe is set aside as well while somebody holds its other end."""
    path = tmp_path / "1.json"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    await receiver.take()
    os.close(writer)
    assert files(tmp_path) == ["1.json.refused"]


def test_a_program_that_ends(tmp_path: Path) -> None:
    """What was measured is handed over at the end, readable for the folder's group whatever the umask."""
    code = (
        "import os, sys; os.umask(0o077); from collector import Handover; from collector.outcome import Outcome\n"
        "Handover(sys.argv[1]).record('A', 'test', Outcome(None, 0.1)); raise SystemExit(3)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False, cwd=ROOT).returncode == 3
    [path] = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o640


def _flush(handover: Handover) -> None:
    handover.record("A", "test", Outcome(None, 0.2))
    handover.flush()


def test_a_forked_process_hands_over_only_its_own(tmp_path: Path) -> None:
    """A request is not handed over by the process that made it and by its child."""
    handover = Handover(tmp_path)
    handover.record("A", "test", Outcome(None, 0.1))
    child = multiprocessing.get_context("fork").Process(target=_flush, args=[handover])
    child.start()
    child.join()
    handover.flush()
    times = [json.loads(path.read_text())["requests"] for path in tmp_path.iterdir()]
    assert sorted(request["response_time"] for [request] in times) == [0.1, 0.2]


def test_a_long_program_hands_over_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many requests nor a long time pile up until the end, and no file is too large for the collector."""
    handover = Handover(tmp_path)
    for _ in range(250):
        handover.record("A" * 200, "test", Outcome(None, 0.1, dict.fromkeys(("dns", "connect"), 1 / 3)))
    [first] = tmp_path.iterdir()
    assert first.stat().st_size < MAX_BYTES
    handover.record("A", "test", Outcome(None, 0.1))
    later = time.time() + 31
    monkeypatch.setattr("collector.handover.time.time", lambda: later)
    handover.record("A", "test", Outcome(None, 0.1))
    assert len(files(tmp_path)) == 2


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answers: str
) -> None:
    """The program's requests work all the same; it says so once, and hands over when the folder is there."""
    folder = tmp_path / "missing"
    handover = Handover(folder)
    with InstrumentedSession("A", "test", handover) as session:
        assert session.get(f"{answers}/200").ok
    handover.flush()
    handover.flush()
    assert len(caplog.records) == 1
    folder.mkdir()
    handover.flush()
    assert len(files(folder)) == 1


def test_what_waits_is_bounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a folder cannot be written, the last requests wait, and none of them has to look through all the others."""
    tries = []

    def count(directory: Path, requests: list[dict[str, Any]]) -> None:
        tries.append(len(requests))
        write(directory, requests)

    write = collector.handover._write
    monkeypatch.setattr("collector.handover._write", count)
    folder = tmp_path / "missing"
    handover = Handover(folder)
    for number in range(MAX_KEPT + 3):
        handover.record("A", "test", Outcome(None, float(number)))
    assert len(tries) == 1
    later = time.monotonic() + 31
    monkeypatch.setattr("collector.handover.time.monotonic", lambda: later)
    handover.record("A", "test", Outcome("timeout"))
    assert (len(tries), len(caplog.records)) == (2, 1)
    folder.mkdir()
    handover.flush()
    handed = [request for path in sorted(folder.iterdir()) for request in read(path)]
    assert (len(handed), handed[0].response_time, handed[-1].reason) == (MAX_KEPT, 4, "timeout")
    handover.flush()
    assert [record.getMessage() for record in caplog.records][1:] == [
        "4 measured requests are lost: they could not be handed over in time"
    ]


def test_what_is_lost_at_the_end_is_told(tmp_path: Path) -> None:
    """A program whose folder never came says how many requests it could not hand over."""
    code = (
        "import sys; from collector import Handover; from collector.outcome import Outcome\n"
        "handover = Handover(sys.argv[1])\n"
        "for _ in range(300): handover.record('A', 'test', Outcome(None, 0.1))"
    )
    command = [sys.executable, "-c", code, tmp_path / "missing"]
    told = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stderr.splitlines()
    assert "cannot be handed over" in told[0]
    assert told[1:] == ["300 measured requests are lost: they could not be handed over in time"]


def test_what_waited_too_long_is_not_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that comes back after hours is not filled with what is old by then."""
    folder = tmp_path / "missing"
    handover = Handover(folder)
    handover.record("A", "test", Outcome(None, 0.1))
    handover.flush()
    folder.mkdir()
    later = time.time() + 2 * 3600
    monkeypatch.setattr("collector.handover.time.time", lambda: later)
    handover.flush()
    assert files(folder) == []
