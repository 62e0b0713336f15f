"""Servers on loopback that take what Alertmanager sends, and keep it for a test to read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from typing import Any, NamedTuple


class Post(NamedTuple):
    """A request that was received: its path, its Authorization header, its JSON."""

    path: str
    authorization: str | None
    content: dict[str, Any]


class Mail(NamedTuple):
    """A mail that was received, and with which credentials (base64, as AUTH PLAIN sends them)."""

    credentials: str
    message: EmailMessage


@contextmanager
def _serving(server: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def recorded_posts() -> Iterator[tuple[str, list[Post]]]:
    """An HTTP server: its URL, and what it was sent; it accepts everything, as PagerDuty and Slack do."""
    posts: list[Post] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append(Post(self.path, self.headers["Authorization"], json.loads(body)))
            self.send_response(202 if self.path.startswith("/pagerduty") else 200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        yield f"http://127.0.0.1:{server.server_port}", posts


@contextmanager
def recorded_mails() -> Iterator[tuple[str, list[Mail]]]:
    """A mail server that asks for a password: its `host:port`, and the mails it took."""
    mails: list[Mail] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            credentials = ""
            self.wfile.write(b"220 loopback ESMTP\r\n")
            for line in self.rfile:
                command, *rest = line.decode().split()
                match command.upper():
                    case "EHLO":
                        self.wfile.write(b"250-loopback\r\n250 AUTH PLAIN\r\n")
                    case "AUTH":
                        credentials = rest[-1]
                        self.wfile.write(b"235 welcome\r\n")
                    case "DATA":
                        self.wfile.write(b"354 go on\r\n")
                        content = b""
                        while (piece := self.rfile.readline()) != b".\r\n":
                            if (
                                not piece
                            ):  # the client is gone: every further line would be as empty, for ever
                                return
                            content += piece
                        message = BytesParser(_class=EmailMessage, policy=default).parsebytes(content)
                        mails.append(Mail(credentials, message))
                        self.wfile.write(b"250 taken\r\n")
                    case "QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    case _:
                        self.wfile.write(b"250 ok\r\n")

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True  # a client that never hangs up does not keep the tests from ending
    with _serving(server):
        host, port = server.server_address[:2]
        yield f"{host}:{port}", mails
