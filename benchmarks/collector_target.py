"""The API that `benchmarks.collector` has probed: a process of its own that waits 50 ms and says how long it really waited.

`python -m benchmarks.collector_target --port PORT --tls-port PORT --certificate PEM`. Any path is an API. `GET /log` gives a
line for each request since the last such call: its path, the Unix time at which it was read, the seconds until its
answer was written. `GET /ready` answers at once.

A thread for each connection, as OpenSSL lets the others run while one is busy with a handshake: on an event loop, what takes a millisecond
for one would make others late, which would look like an error of the prober.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Final, NamedTuple

WAIT: Final = 0.05
_BACKLOG: Final = 1024


class Arrival(NamedTuple):
    """One request: its path, when it was read (Unix time) and how long its answer was held back (s)."""

    path: str
    at: float
    waited: float


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = _BACKLOG

    def __init__(self, port: int, arrivals: list[Arrival], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.arrivals = arrivals
        self.tls = tls


class _Connection(BaseRequestHandler):
    """Serves one connection until it ends."""

    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError), self._secured() as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._serve(connection):
                pass

    def _secured(self) -> socket.socket:
        request: socket.socket = self.request
        return self.server.tls.wrap_socket(request, server_side=True) if self.server.tls else request

    def _serve(self, connection: socket.socket) -> bool:
        """Answer one request; return whether another may follow."""
        head = connection.recv(65_536)
        began, at = time.perf_counter(), time.time()
        while head and not head.endswith(b"\r\n\r\n"):
            more = connection.recv(65_536)
            head = head + more if more else b""
        if not head:
            return False
        path = head.split(b" ", 2)[1].decode("ascii")
        closing = b"connection: close" in head.lower()
        connection.sendall(_answer(self._body(path, began, at), closing=closing))
        return not closing

    def _body(self, path: str, began: float, at: float) -> bytes:
        if path == "/ready":
            return b"ready"
        arrivals = self.server.arrivals
        if path == "/log":
            known = arrivals.copy()
            del arrivals[: len(known)]
            return "".join(f"{name} {when!r} {waited!r}\n" for name, when, waited in known).encode()
        time.sleep(WAIT)
        arrivals.append(Arrival(path, at, time.perf_counter() - began))
        return b'{"status": "ok"}'


def _answer(body: bytes, *, closing: bool) -> bytes:
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    end = "Connection: close\r\n\r\n" if closing else "\r\n"
    return f"HTTP/1.1 200 OK\r\n{fields}{end}".encode() + body


def serve(port: int, tls_port: int, certificate: str) -> None:
    """Answer until ended.

    Args:
        port: TCP port on loopback without TLS.
        tls_port: TCP port on loopback with TLS.
        certificate: PEM file of certificate and key.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    arrivals: list[Arrival] = []
    secured = _Server(tls_port, arrivals, tls)
    threading.Thread(target=secured.serve_forever, daemon=True).start()
    _Server(port, arrivals).serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    options = parser.parse_args(arguments)
    serve(options.port, options.tls_port, options.certificate)


if __name__ == "__main__":
    main()
