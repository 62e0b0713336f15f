"""What a TLS handshake costs its client, and nothing else: `python -m benchmarks.tls_handshake`.

Client and server exchange their messages in memory, at the pace of `benchmarks.collector`, and only the client's steps are counted.
No socket, no event loop and no HTTP: no prober that makes a new TLS connection for each probe with Python's `ssl` can cost less. It is
rather too low, as the server's steps in between leave much of OpenSSL in the processor's caches.
"""

from __future__ import annotations

import argparse
import ssl
import statistics
import time
from collections.abc import Sequence

import trustme

PAUSE = 0.015
"""Seconds between two handshakes, as with 1,000 APIs every 15 s."""


def client_ms(handshakes: int = 600, pause: float = PAUSE) -> float:
    """Mean of the processor time that a client's full handshake takes, certificate checked, in ms."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    seconds = []
    for _ in range(handshakes):
        time.sleep(pause)
        seconds.append(_handshake(client, server))
    return 1000 * statistics.fmean(seconds)


def _handshake(client_side: ssl.SSLContext, server_side: ssl.SSLContext) -> float:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    began = time.thread_time()
    client = client_side.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    done = _step(client)
    spent = time.thread_time() - began
    while not done:
        _step(server)
        began = time.thread_time()
        done = _step(client)
        spent += time.thread_time() - began
    return spent


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--handshakes", type=int, default=600)
    options = parser.parse_args(arguments)
    print(f"{client_ms(options.handshakes):.2f} ms a handshake, {ssl.OPENSSL_VERSION}")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
