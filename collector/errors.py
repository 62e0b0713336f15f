"""The collector's errors. Each carries its data and says what to do; none carries a secret.

CollectorError
├── ConfigError    a configuration file or environment variable is wrong
└── ListenError    the HTTP server cannot have its address
"""

from __future__ import annotations

import os
import ssl
from typing import NamedTuple


class CollectorError(Exception):
    """Base of all errors that a user of the collector can cause and mend."""


class Problem(NamedTuple):
    """One thing wrong in a configuration: where it is, what it is, and what to write instead.

    Attributes:
        field: The key, as in `apis[0].url`; empty for the file as a whole.
        what: What is wrong with it.
        remedy: What to write instead.
        line: The line of the file, counted from 1; None where there is none.
    """

    field: str
    what: str
    remedy: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.field}: " if self.field else ""
        return f"{place}{self.what}; {self.remedy}"

    def within(self, source: object) -> str:
        """Return the problem as a line that names its file and the line there, as editors understand it."""
        return f"{source}: {self}" if self.line is None else f"{source}:{self.line}: {self}"


class ConfigError(CollectorError):
    """A configuration is refused; the message has one line for each problem.

    Attributes:
        source: The file's path, or "environment".
        problems: Everything that is wrong.
    """

    def __init__(self, source: str, *problems: Problem) -> None:
        super().__init__("\n".join(problem.within(source) for problem in problems))
        self.source = source
        self.problems = problems


class ListenError(CollectorError):
    """The address of the HTTP server is taken, not ours, or not allowed."""

    def __init__(self, host: str, port: int, cause: str) -> None:
        super().__init__(
            f"cannot listen on {host}:{port} ({cause}); stop the program that uses it, "
            "or set COLLECTOR_PORT to a free port (COLLECTOR_HOST for the address)"
        )
        self.host = host
        self.port = port


def system_words(error: OSError) -> str:
    """Return the system's own words for an error, without the address that event loops add, or its type's name."""
    tls = next((found for found in (error.__cause__, error) if isinstance(found, ssl.SSLError)), None)
    if tls:  # its number is OpenSSL's; aiohttp's own errors hold the one that says something as their cause
        return _tls_words(tls)
    if error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__  # name lookups have numbers of their own, below 0


def _tls_words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.partition(",")[
            0
        ]  # behind which the host stands, for which it is not valid
    if error.reason == "WRONG_VERSION_NUMBER":
        return "the server speaks no TLS on this port"
    return (error.reason or type(error).__name__).replace("_", " ").lower()
