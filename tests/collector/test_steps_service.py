"""Steps in a running collector: tokens outlive a reload that does not concern them, and are never shown."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import requests

from tests.collector.test_reload import Collector, replace, wait_until
from tests.collector.test_service import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

TOKEN = "t0k3n"


class Door(BaseHTTPRequestHandler):
    """Gives a token to whoever asks, and throws back what it is sent."""

    seen: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        self.seen[path] += 1
        self.send_response(500 if path == "/broken" else 200)
        self.send_header("X-Token", TOKEN)
        self.end_headers()
        self.wfile.write(f"{TOKEN} {self.path} {self.headers}".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def door() -> Iterator[str]:
    """Give the URL of such an API."""
    Door.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def shop(url: str, name: str, use: dict[str, Any], take: dict[str, str] | None = None) -> dict[str, Any]:
    """Return an API that takes a token at `/login/name` and uses it."""
    login = {"name": "login", "url": f"{url}/login/{name}", "cache": "1h"}
    login["take"] = {"token": take or {"header": "X-Token"}}
    return {"name": name, "steps": [login, {"name": "use", **use}]}


def test_tokens_are_kept_over_a_reload_and_stay_secret(tmp_path: Path, door: str) -> None:
    """An unchanged API goes on with its token, a changed one logs in anew; no token stands in what anybody can read."""
    config = tmp_path / "apis.yml"

    def write(*further: dict[str, Any], accept: str = "a") -> None:
        use = {"url": f"{door}/same?t=${{login.token}}"}
        changing = {"url": f"{door}/changed", "headers": {"X-T": "${login.token}", "Accept": accept}}
        apis = [shop(door, "same", use), shop(door, "changed", changing), *further]
        replace(config, json.dumps({"defaults": {"interval": 1, "timeout": 0.9}, "apis": apis}))

    write()
    with running(config, LOG_LEVEL="DEBUG") as (process, url):
        wait_until(lambda: Door.seen["/same"] >= 2 and Door.seen["/changed"] >= 2)
        write(
            shop(door, "broken", {"url": f"{door}/broken?t=${{login.token}}"}),
            shop(door, "odd", {"url": f"{door}/never"}, {"json": "$.token"}),
            accept="b",
        )
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: Door.seen["/login/changed"] == 2 and Door.seen["/broken"] >= 2)
        before = Door.seen["/same"]
        wait_until(lambda: Door.seen["/same"] > before and Door.seen["/login/odd"] >= 2)
        collector = Collector(url)
        errors = "rapidapi_api_errors_total"
        wait_until(lambda: collector.value(errors, api_name="broken", reason="use:http_5xx"))
        wait_until(lambda: collector.value(errors, api_name="odd", reason="login:body"))
        assert collector.value("rapidapi_api_step_seconds_count", api_name="same", step="login") == 1
        assert (collector.value("rapidapi_api_step_seconds_count", api_name="same", step="use") or 0) > 1
        said = "".join(
            requests.get(f"{url}/{path}", timeout=10).text for path in ("metrics", "status", "health")
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        said += process.stderr.read()
    logins = {path: count for path, count in Door.seen.items() if path.startswith("/login")}
    assert (logins["/login/same"], logins["/login/broken"]) == (1, 1)
    assert "'odd' fails: login:body (the body is no JSON)" in said
    assert TOKEN not in said
