"""The API that `benchmarks.collector` has probed: a process of its own that waits 50 ms and says how long it really waited.

`python -m benchmarks.collector_target --port PORT --tls-port PORT --certificate PEM`. Any path is an API. `GET /log` gives a
line for each request since the last such call: its path, the Unix time at which it was read, the seconds until its
answer was written. `GET /ready` answers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import time
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple, cast

WAIT: Final = 0.05
_BACKLOG: Final = 1024


class Arrival(NamedTuple):
    """One request: its path, when it was read (Unix time) and how long its answer was held back (s)."""

    path: str
    at: float
    waited: float


class _Connection(asyncio.Protocol):
    def __init__(self, arrivals: list[Arrival]) -> None:
        self._arrivals = arrivals
        self._loop = asyncio.get_running_loop()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        began, at = time.perf_counter(), time.time()
        self._head += data
        if not self._head.endswith(b"\r\n\r\n"):
            return
        path = self._head.split(b" ", 2)[1].decode("ascii")
        closing = b"connection: close" in self._head.lower()
        self._head = b""
        if path == "/ready":
            self._answer(b"ready", closing)
        elif path == "/log":
            lines = [f"{arrival.path} {arrival.at!r} {arrival.waited!r}\n" for arrival in self._arrivals]
            self._arrivals.clear()
            self._answer("".join(lines).encode(), closing)
        else:
            self._loop.call_later(WAIT, self._answer_late, path, at, began, closing)

    def _answer_late(self, path: str, at: float, began: float, closing: bool) -> None:
        self._arrivals.append(Arrival(path, at, time.perf_counter() - began))
        self._answer(b'{"status": "ok"}', closing)

    def _answer(self, body: bytes, closing: bool) -> None:
        fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        end = "Connection: close\r\n\r\n" if closing else "\r\n"
        self._transport.write(f"HTTP/1.1 200 OK\r\n{fields}{end}".encode() + body)
        if closing:
            self._transport.close()


async def serve(port: int, tls_port: int, certificate: str) -> None:
    """Answer until cancelled.

    Args:
        port: TCP port on loopback without TLS.
        tls_port: TCP port on loopback with TLS.
        certificate: PEM file of certificate and key.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    connection = partial(_Connection, [])
    start = partial(asyncio.get_running_loop().create_server, connection, "127.0.0.1", backlog=_BACKLOG)
    servers = [await start(port), await start(tls_port, ssl=tls)]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    options = parser.parse_args(arguments)
    asyncio.run(serve(options.port, options.tls_port, options.certificate))


if __name__ == "__main__":
    main()
