"""A measured `requests.Session` and a real server."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import requests
from prometheus_client import REGISTRY, CollectorRegistry

from collector import InstrumentedSession
from tests.collector.traffic import Answers, counts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

pytestmark = pytest.mark.integration


@pytest.fixture
def session(registry: CollectorRegistry) -> Iterator[InstrumentedSession]:
    """Give a session that measures an API called A."""
    with InstrumentedSession("A", "test", registry) as session:
        yield session


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("200", {"success": 1, "timed": 1}),
        ("404", {"error": 1, "http_4xx": 1, "timed": 1}),
        ("429", {"error": 1, "rate_limited": 1, "timed": 1}),
        ("503", {"error": 1, "http_5xx": 1, "timed": 1}),
        ("redirect", {"success": 1, "timed": 1}),
    ],
)
def test_answers(
    session: InstrumentedSession,
    registry: CollectorRegistry,
    answers: str,
    path: str,
    expected: dict[str, float],
) -> None:
    """Each request of the user's own code counts once, as its final answer deserves."""
    session.get(f"{answers}/{path}")
    assert counts(registry) == expected


def test_every_verb_counts(session: InstrumentedSession, registry: CollectorRegistry, answers: str) -> None:
    """It does not matter by which method a request is made."""
    session.get(f"{answers}/200")
    session.post(f"{answers}/200", data="x")
    session.delete(f"{answers}/200")
    session.send(session.prepare_request(requests.Request("GET", f"{answers}/200")))
    assert counts(registry) == {"success": 4, "timed": 4}


@pytest.mark.parametrize(
    ("path", "error", "expected"),
    [
        ("/wait", requests.ReadTimeout, {"error": 1, "timeout": 1, "timed": 1}),
        ("/drip", requests.ConnectionError, {"error": 1, "timeout": 1, "timed": 1}),
        ("/short", requests.exceptions.ChunkedEncodingError, {"error": 1, "body": 1, "timed": 1}),
        ("/loop", requests.TooManyRedirects, {"error": 1, "body": 1, "timed": 1}),
    ],
)
def test_failures_with_an_answer_or_a_wait(
    session: InstrumentedSession,
    registry: CollectorRegistry,
    answers: str,
    path: str,
    error: type[Exception],
    expected: dict[str, float],
) -> None:
    """A request that failed after a while reaches the user as before, and counts with its reason and time."""
    with pytest.raises(error):
        session.get(answers + path, timeout=0.2)
    assert counts(registry) == expected


def test_failures_without_a_connection(
    session: InstrumentedSession, registry: CollectorRegistry, unused_tcp_port: int
) -> None:
    """A refused connection and an unknown host count with their reasons, and without a time."""
    with pytest.raises(requests.ConnectionError):
        session.get(f"http://127.0.0.1:{unused_tcp_port}/")
    with pytest.raises(requests.ConnectionError):
        session.get("http://nonexistent.invalid/")
    assert counts(registry) == {"error": 2, "connect": 1, "dns": 1}


def test_untrusted_certificate(
    session: InstrumentedSession, registry: CollectorRegistry, tls: ssl.SSLContext
) -> None:
    """A certificate that nobody trusts counts as a TLS error."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"https://127.0.0.1:{server.server_port}/200")
        server.shutdown()
    assert counts(registry) == {"error": 1, "tls": 1}


def test_what_was_never_sent_does_not_count(
    session: InstrumentedSession, registry: CollectorRegistry
) -> None:
    """A mistake in the user's own URL says nothing about the API."""
    with pytest.raises(requests.exceptions.InvalidSchema):
        session.get("gopher://127.0.0.1/")
    assert counts(registry) == {}


def test_quota_and_no_probe(session: InstrumentedSession, registry: CollectorRegistry, answers: str) -> None:
    """Quotas are read from real traffic; nothing claims that there was a probe or that phases took 0 s."""
    session.get(f"{answers}/200")
    labels = {"api_name": "A", "environment": "test"}
    assert registry.get_sample_value("rapidapi_api_quota_remaining", labels | {"quota": "requests"}) == 41
    names = {sample.name for family in registry.collect() for sample in family.samples}
    assert not {name for name in names if "probe" in name or "phase" in name}


def test_two_sessions_share_a_registry(registry: CollectorRegistry, answers: str) -> None:
    """A program may measure several APIs, and one API from several sessions."""
    for name in ("A", "B", "A"):
        with InstrumentedSession(name, "test", registry) as session:
            session.get(f"{answers}/200")
    assert (counts(registry, "A")["success"], counts(registry, "B")["success"]) == (2, 1)


def test_defaults(monkeypatch: pytest.MonkeyPatch, answers: str) -> None:
    """Without further words a session uses the process's registry and the variable ENVIRONMENT."""
    monkeypatch.setenv("ENVIRONMENT", "lab")
    with InstrumentedSession("default") as session:
        session.get(f"{answers}/200")
    labels = {"api_name": "default", "environment": "lab", "status": "success"}
    assert REGISTRY.get_sample_value("rapidapi_api_requests_total", labels) == 1
