"""The receiver that needs no account."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from alert_rules import inbox
from alert_rules.errors import ListenError
from demo.processes import free_port
from tests.integration.stack import wait_for

NOW = datetime(2026, 11, 22, 3, 12, 5, tzinfo=UTC)


def _alert(status: str = "firing", **changes: Any) -> dict[str, Any]:
    alert: dict[str, Any] = {
        "status": status,
        "labels": {"alertname": "RapidAPIDown", "severity": "critical", "api_name": "weather"},
        "annotations": {
            "summary": "Almost every request to an API fails.",
            "description": "weather (production) is down:\nseen 0 %.",
            "dashboard_url": "http://grafana/d/x",
            "runbook_url": "http://runbook#rapidapidown",
        },
    }
    return alert | changes


def test_an_alert_is_one_line() -> None:
    """When, how bad, what, why, and both links, ready for grep."""
    assert list(inbox.lines({"alerts": [_alert(), _alert("resolved")]}, NOW)) == [
        (
            "2026-11-22 03:12:05Z CRITICAL RapidAPIDown: weather (production) is down: seen 0 %. "
            "dashboard_url=http://grafana/d/x runbook_url=http://runbook#rapidapidown"
        ),
        (
            "2026-11-22 03:12:05Z RESOLVED RapidAPIDown: weather (production) is down: seen 0 %. "
            "dashboard_url=http://grafana/d/x runbook_url=http://runbook#rapidapidown"
        ),
    ]


def test_an_alert_without_words_is_told_by_its_labels() -> None:
    """Alerts of other people's rules are told too."""
    [line] = inbox.lines({"alerts": [_alert(annotations={}, labels={"alertname": "Disk"})]}, NOW)
    assert line == "2026-11-22 03:12:05Z ALERT Disk: {'alertname': 'Disk'}"


def test_a_name_cannot_steer_the_terminal() -> None:
    """Control characters from outside are shown as a mark, not sent to the terminal."""
    [line] = inbox.lines({"alerts": [_alert(annotations={"description": "a\x1b[2Jb"})]}, NOW)
    assert line.endswith("RapidAPIDown: a�[2Jb")


@pytest.fixture
def running() -> Iterator[tuple[str, list[str]]]:
    """A listening receiver: its URL, and the lines it has told."""
    told: list[str] = []
    server = inbox.server("127.0.0.1", 0, told.append)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", told
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_posted_is_told(running: tuple[str, list[str]]) -> None:
    """Each alert of a message becomes a line."""
    url, told = running
    assert requests.post(url, json={"alerts": [_alert(), _alert()]}, timeout=10).ok
    assert len(told) == 2
    assert requests.get(url, timeout=10).ok


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"alerts": [{}]}', '{"alerts": 3}', "null"])
def test_what_is_no_message_is_refused(body: str, running: tuple[str, list[str]]) -> None:
    """Whatever else is posted gets a clear status and is not told; the receiver goes on."""
    url, told = running
    assert requests.post(url, data=body, timeout=10).status_code == 400
    assert told == []
    assert requests.post(url, json={"alerts": [_alert()]}, timeout=10).ok


def test_a_message_without_end_is_refused(running: tuple[str, list[str]]) -> None:
    """A length beyond all reason is not read at all."""
    url, _ = running
    answer = requests.post(url, data=iter([b"x"]), headers={"Content-Length": "99999999999"}, timeout=10)
    assert answer.status_code == 413


def test_a_taken_port_is_said(running: tuple[str, list[str]]) -> None:
    """The error names address and remedy."""
    port = int(running[0].rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(
        ListenError, match=rf"cannot listen on 127.0.0.1:{port} \(Address already in use\); .*--port"
    ):
        inbox.server("127.0.0.1", port, print)


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Have a process end with the block, lest a failed test waits for it for ever."""
    try:
        yield
    finally:
        process.kill()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let processes that are started here hear Ctrl-C; a shell that runs the tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_command_prints_what_arrives() -> None:
    """`python -m alert_rules listen` says where it listens, prints each alert at once, and ends on Ctrl-C."""
    port = free_port()
    command = [sys.executable, "-m", "alert_rules", "listen", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ended(process):
        assert process.stdout is not None
        assert process.stdout.readline() == f"listening on http://127.0.0.1:{port}/\n"
        url = f"http://127.0.0.1:{port}/"
        assert wait_for("an answer", lambda: requests.post(url, json={"alerts": [_alert()]}, timeout=10).ok)
        assert "CRITICAL RapidAPIDown: weather" in process.stdout.readline()
        process.send_signal(2)
        assert process.wait(10) == 0
