"""Why a request got no answer that can be looked at."""

from __future__ import annotations

import ssl

from collector.errors import system_words


class ProbeFailure(Exception):  # noqa: N818 - it is no error of ours, but what was found out
    """A request got no answer.

    Attributes:
        reason: One of `contract.ERROR_REASONS`.
        detail: A few words for the log, free of secrets.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class UnansweredError(ProbeFailure):
    """The connection ended before the first byte of an answer; on one that was kept, the server may have done so at any time."""


def failed_connection(error: OSError) -> ProbeFailure:
    """Return what an error of the operating system or of TLS says about an API."""
    return ProbeFailure("tls" if isinstance(error, ssl.SSLError) else "connect", system_words(error))
