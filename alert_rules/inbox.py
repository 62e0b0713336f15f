"""The receiver that needs no account: takes what Alertmanager posts and prints one line for each alert."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from alert_rules.errors import ListenError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_PORT: Final = 9095
_MAX_BYTES: Final = 10_000_000
_SECONDS: Final = 30.0


def lines(message: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Return one line for each alert of a message of Alertmanager's webhook: when, what, who, why, and where to look."""
    for alert in message["alerts"]:
        labels, annotations = alert["labels"], alert["annotations"]
        state = "RESOLVED" if alert["status"] == "resolved" else labels.get("severity", "alert").upper()
        words = [f"{now:%Y-%m-%d %H:%M:%S}Z", state, f"{labels['alertname']}:"]
        words.append(annotations.get("description") or annotations.get("summary") or str(labels))
        words += [
            f"{key}={annotations[key]}" for key in ("dashboard_url", "runbook_url") if key in annotations
        ]
        yield _printable(" ".join(words))


def _printable(text: str) -> str:
    """Return the text on one line; names come from outside and must not steer a terminal."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))


def server(host: str, port: int, tell: Callable[[str], object]) -> ThreadingHTTPServer:
    """Return a server that tells every alert it is posted; GET answers 200, for health checks.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        tell: Called with each line.

    Raises:
        ListenError: If it cannot listen there.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_GET(self) -> None:
            self._answer(HTTPStatus.OK)

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > _MAX_BYTES:
                self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                return
            try:
                told = list(lines(json.loads(self.rfile.read(int(length))), datetime.now(UTC)))
            except (ValueError, KeyError, TypeError, AttributeError):
                self._answer(HTTPStatus.BAD_REQUEST)
                return
            for line in told:
                tell(line)
            self._answer(HTTPStatus.OK)

        def _answer(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print alerts alone."""

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise ListenError(host, port, os.strerror(error.errno) if error.errno else str(error)) from None


def listen(host: str, port: int, tell: Callable[[str], object]) -> None:
    """Tell every alert until Ctrl-C.

    Raises:
        ListenError: If it cannot listen there.
    """
    with server(host, port, tell) as found:
        tell(f"listening on http://{host}:{found.server_port}/")
        try:
            found.serve_forever()
        except KeyboardInterrupt:
            return
