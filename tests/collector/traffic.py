"""A server that answers as its path says, and what the metrics make of it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

SHORT: Final = {"short", "drip", "slow"}


class Answers(BaseHTTPRequestHandler):
    """Answers with the status that the path names, redirects, stops short, or waits for the end."""

    protocol_version = "HTTP/1.1"
    ended = threading.Event()
    go_on = threading.Event()

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.path.strip("/")
        if kind == "wait":
            self.ended.wait()
        if kind in {"hang-up", "garbage"}:
            self.close_connection = True
            self.wfile.write(b"" if kind == "hang-up" else b"no HTTP at all\r\n\r\n")
            return
        self.send_response({"redirect": 302, "loop": 302}.get(kind, int(kind) if kind.isdigit() else 200))
        if kind in {"redirect", "loop"}:
            self.send_header("Location", "/200" if kind == "redirect" else "/loop")
        self.send_header("X-RateLimit-Requests-Remaining", "41")
        self.send_header("Content-Length", "100" if kind in SHORT else "0")
        self.end_headers()
        self._body(kind)
        self.close_connection = kind in {"wait", "short", "drip"}

    def _body(self, kind: str) -> None:
        if kind == "drip":
            self.wfile.write(b".")
            self.ended.wait()
        if kind == "slow":
            self.wfile.write(b"." * 50)
            self.go_on.wait()
            self.wfile.write(b"." * 50)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def counts(registry: CollectorRegistry, api_name: str = "A") -> dict[str, float]:
    """Return what of requests, errors and response times is not 0."""
    return {
        sample.labels.get("status") or sample.labels.get("reason") or "timed": sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.endswith(("_requests_total", "_errors_total", "_seconds_count"))
        and sample.labels.get("api_name") == api_name
        and sample.value
    }


def seconds(registry: CollectorRegistry) -> float:
    """Return the sum of the response times."""
    labels = {"api_name": "A", "environment": "test"}
    return registry.get_sample_value("rapidapi_api_response_time_seconds_sum", labels) or 0.0
