"""No secret gets out of the collector, wherever it stands and however its API fails."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests

from collector.config import load_config
from tests.collector.test_service import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cr3tt0ken"
TAKEN = "t4kent0ken"
FORMS = (
    SECRET,
    TAKEN,
    base64.b64encode(f"me:{SECRET}".encode()).decode(),
    SECRET.encode().hex(),
)
"""What must not be found anywhere: the secrets as they are, and as a header or a traceback would have them."""


class Nosy(StreamRequestHandler):
    """An API that throws back all that it was sent, and fails in the way that its path names."""

    timeout = 20

    def handle(self) -> None:
        """Read a request, and answer it badly."""
        if self.rfile.peek(1)[:1] == b"\x16":  # the beginning of TLS
            self.wfile.write(SECRET.encode() * 9)
            return
        head = b"".join(iter(self.rfile.readline, b"\r\n"))
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        told = head.replace(b"\r\n", b" ") + self.rfile.read(length) + SECRET.encode()
        way = head.split(b"/")[1].partition(b"?")[0].decode()
        self.wfile.write(getattr(self, f"_{way}", self._status)(way, told))

    def _status(self, way: str, told: bytes) -> bytes:
        location = f"http://{SECRET}:x/" if way == "302" else f"http://127.0.0.1:1/{SECRET}"
        headers = f"Location: {location}\r\nWWW-Authenticate: Basic realm={SECRET}\r\nRetry-After: {SECRET}"
        quota = f"X-RateLimit-Requests-Limit: {SECRET}\r\nContent-Type: text/plain; charset={SECRET}"
        return f"HTTP/1.1 {way} {SECRET}\r\n{headers}\r\n{quota}\r\n\r\n".encode() + told

    def _garbage(self, _way: str, told: bytes) -> bytes:
        return told + b"\r\n\r\n"

    def _header(self, _way: str, told: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nX: " + told * 100 + b"\r\n\r\n"

    def _chunk(self, _way: str, told: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + told

    def _packed(self, _way: str, told: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Encoding: " + SECRET.encode() + b"\r\n\r\n" + told

    def _big(self, _way: str, told: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\n\r\n" + told * 1000

    def _json(self, _way: str, _told: bytes) -> bytes:
        return (
            b"HTTP/1.1 200 OK\r\n\r\n"
            + json.dumps({"token": TAKEN, "bad": f"{TAKEN}\n", "x": SECRET}).encode()
        )

    def _silence(self, _way: str, _told: bytes) -> bytes:
        self.rfile.read()
        return b""

    def _reset(self, _way: str, _told: bytes) -> bytes:
        return b""


@pytest.fixture
def nosy() -> Iterator[str]:
    """Give the URL of such an API."""
    server = ThreadingTCPServer(("127.0.0.1", 0), Nosy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def configuration(nosy: str) -> dict[str, Any]:
    """Return a configuration with secrets in every place that may have one, and all ways to fail."""
    port = nosy.rpartition(":")[2]
    ways = [
        "200",
        "302",
        "401",
        "429",
        "500",
        "garbage",
        "header",
        "chunk",
        "packed",
        "big",
        "silence",
        "reset",
    ]
    credentials = [
        {"bearer": {"token_file": "token.txt"}},
        {"basic_auth": {"username": "me", "password": "${KEY}"}},
        {"rapidapi": {"host": "${KEY}", "key": "${KEY}"}},
        {"headers": {"Authorization": "${KEY}", "Cookie": "${KEY}"}},
    ]
    checks = {"contains": "${KEY}!", "matches": f"{SECRET}?$", "json": [{"path": "$.x", "equals": SECRET}]}
    every: list[dict[str, Any]] = [
        {
            "name": way,
            "url": f"{nosy}/{way}?key=${{KEY}}",
            "body": "${KEY}",
            "method": "POST",
            "expected_body": checks,
        }
        | credentials[number % len(credentials)]
        for number, way in enumerate(ways)
    ]
    login = {"name": "login", "url": f"{nosy}/json?${{KEY}}", "take": {"token": {"json": "$.token"}}}
    no_line = login | {"take": {"token": {"json": "$.bad"}}}
    then = {"name": "then", "url": f"{nosy}/401?${{login.token}}", "headers": {"X": "${login.token}"}}
    every += [
        {"name": "userinfo", "url": f"http://me:${{KEY}}@127.0.0.1:{port}/500"},
        {"name": "proxied", "url": nosy, "proxy": "http://me:${KEY}@127.0.0.1:9"},
        {"name": "proxy", "url": "https://a.invalid/${KEY}", "proxy": f"http://me:${{KEY}}@127.0.0.1:{port}"},
        {"name": "nowhere", "url": "http://${KEY}.invalid/"},
        {"name": "no name", "url": "http://" + "${KEY}" * 9 + "/"},
        {"name": "refused", "url": "http://127.0.0.1:1/${KEY}"},
        {"name": "plain", "url": f"https://127.0.0.1:{port}/${{KEY}}"},
        {"name": "redirected", "url": f"{nosy}/302", "follow_redirects": True},
        {"name": "equals", "url": f"{nosy}/json", "expected_body": {"json": [{"path": "$.x", "above": 1}]}},
        {"name": "steps", "steps": [login, then]},
        {"name": "no line", "steps": [no_line, then]},
    ]
    return {
        "defaults": {"interval": 1, "timeout": 0.5},
        "apis": every,
        "http_sd": [
            {"name": f"list {way}", "url": f"{nosy}/{way}?${{KEY}}", "bearer": {"token": "${KEY}"}}
            for way in ("401", "garbage", "json", "reset")
        ],
    }


def wrong_configurations(nosy: str) -> Iterator[dict[str, Any]]:
    """Yield configurations that are refused, each for a mistake right where the secret is."""
    for wrong in (
        {"name": 5, "url": f"ftp://{SECRET}"},
        {"name": "A", "url": f"http://[{SECRET}/"},
        {"name": "A", "url": nosy, "bearer": {"token": f"{SECRET}\n"}},
        {"name": "A", "url": nosy, "bearer": {"token": [SECRET]}},
        {"name": "A", "url": nosy, "bearer": SECRET},
        {"name": "A", "url": nosy, "headers": {"X": {SECRET: 1}}},
        {
            "name": "A",
            "url": nosy,
            "expected_body": {"contains": [SECRET], "json": [{"path": 1, "equals": [SECRET]}]},
        },
        {"name": "A", "url": nosy, "proxy": f"socks://{SECRET}"},
        {"name": "A", "url": nosy, "timeout": SECRET, "expected_status": SECRET, "max_body": SECRET},
    ):
        yield {"apis": [wrong]}


@pytest.mark.integration
def test_secrets_stay_secret(tmp_path: Path, nosy: str) -> None:
    """However an API fails and whatever it throws back: no metric, no answer and no log, at its loudest, has a secret."""
    (tmp_path / "token.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    config = tmp_path / "apis.yml"
    content = configuration(nosy)
    config.write_text(json.dumps(content), encoding="utf-8")
    environ = {
        "KEY": SECRET,
        "LOG_LEVEL": "DEBUG",
        "PYTHONASYNCIODEBUG": "1",
        "COLLECTOR_ENABLE_RELOAD": "true",
    }
    said = ""
    with running(config, **environ) as (process, url):
        log: list[str] = []
        assert process.stderr is not None
        reading = threading.Thread(target=lambda: log.extend(process.stderr or []))  # lest the pipe fills up
        reading.start()
        deadline = time.monotonic() + 40
        names = {api["name"] for api in content["apis"]} - {"200"}
        while not all(f"'{name}' fails: " in "".join(log) for name in names):
            assert time.monotonic() < deadline, names - {
                name for name in names if f"'{name}' fails" in "".join(log)
            }
            time.sleep(0.1)
        for path in ("metrics", "status", "health", ""):
            said += requests.get(f"{url}/{path}", timeout=10).text
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as garbage:
            garbage.sendall(b"\x00\r\n\r\n")
            said += garbage.recv(10_000).decode()
        for wrong in wrong_configurations(nosy):
            config.write_text(json.dumps(wrong), encoding="utf-8")
            answer = requests.post(f"{url}/-/reload", timeout=10)
            assert answer.status_code == 500, wrong
            said += answer.text
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        reading.join()
    said += "".join(log)
    assert "DEBUG asyncio" in said
    for reason in (
        "timeout",
        "dns",
        "connect",
        "tls",
        "http_4xx",
        "http_5xx",
        "body",
        "login:body",
        "then:http_4xx",
    ):
        assert f"fails: {reason} (" in said
    assert " failed with " not in said  # as a defect of ours is logged
    assert [form for form in FORMS if form in said] == []


@pytest.mark.integration
def test_the_command_line_tells_none(tmp_path: Path, nosy: str) -> None:
    """`probe` and `check` tell no secret either, and neither do the objects that a configuration becomes."""
    (tmp_path / "token.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    config = tmp_path / "apis.yml"
    config.write_text(json.dumps(configuration(nosy)), encoding="utf-8")
    said = repr(load_config(config, {"KEY": SECRET}))
    for command in ("probe", "check"):
        ended = subprocess.run(
            [sys.executable, "-m", "collector", command, "--config", str(config)],
            env=os.environ | {"KEY": SECRET, "LOG_LEVEL": "DEBUG"},
            capture_output=True,
            text=True,
            check=False,
        )
        said += ended.stdout + ended.stderr
    for wrong in wrong_configurations(nosy):
        config.write_text(json.dumps(wrong), encoding="utf-8")
        try:
            load_config(config, {})
        except Exception:  # noqa: BLE001 - whichever it is, it is what would be shown
            said += traceback.format_exc()
    assert "error   refused: connect (Connection refused)" in said
    assert "no errors" in said
    assert "collector.errors.ConfigError" in said
    assert [form for form in FORMS if form in said] == []
