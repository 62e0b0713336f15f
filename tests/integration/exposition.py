"""Metrics that nobody measures: an HTTP server whose series and values a test chooses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

Value = float | Callable[[float], float | None]
"""A number, or a function of the seconds since the exposition began; None while there is no such series."""


class Series(NamedTuple):
    """One series, its labels apart from those that Prometheus adds, and the time that it states, if it states one."""

    name: str
    labels: Mapping[str, str]
    value: Value
    timestamp: float | None = None

    def line(self, elapsed: float) -> str:
        """The sample as the text format has it; nothing while there is none."""
        labels = ",".join(f'{key}="{_escaped(text)}"' for key, text in self.labels.items())
        value = self.value(elapsed) if callable(self.value) else self.value
        if value is None:
            return ""
        time = "" if self.timestamp is None else f" {1000 * self.timestamp:.0f}"
        return f"{self.name}{{{labels}}} {value!r}{time}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def rising(per_second: float, start: float = 0.0) -> Callable[[float], float]:
    """A counter that has risen evenly since the exposition began."""
    return lambda elapsed: start + per_second * elapsed


def until(end: float, value: float) -> Callable[[float], float | None]:
    """A value that is there for so many seconds only."""
    return lambda elapsed: value if elapsed < end else None


def now(_: float) -> float:
    """The present, as a timestamp."""
    return time.time()


class Exposition:
    """Serves its series under every path; they may be changed while it runs.

    Args:
        series: What to serve at first.
    """

    def __init__(self, series: Iterable[Series] = ()) -> None:
        self.series = list(series)
        self._began = time.monotonic()

    def text(self) -> str:
        """The present exposition; samples of one name stand together, as the format asks for."""
        elapsed = time.monotonic() - self._began
        ordered = sorted(self.series, key=lambda series: series.name)
        return "".join(series.line(elapsed) for series in ordered)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port of loopback; yields `host:port`."""
        exposition = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exposition.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
