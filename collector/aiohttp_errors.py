"""What aiohttp's errors say about an API."""

from __future__ import annotations

import ssl

import aiohttp


def reason_without_answer(error: BaseException) -> str:
    """Return the error reason for a request that failed before an answer came, other than by a timeout."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError() | ssl.SSLError():
            return "tls"
        case aiohttp.ClientConnectionError() | OSError():
            return "connect"
        case _:  # an answer that is no HTTP
            return "body"
