"""Measures your own real traffic: a `requests.Session` that counts what passes through it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import requests
from prometheus_client import REGISTRY, CollectorRegistry
from urllib3.exceptions import NameResolutionError, ReadTimeoutError

from collector.outcome import Outcome
from collector.traffic import Traffic, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collector.handover import Handover


class InstrumentedSession(requests.Session):
    """A `requests.Session` whose requests are counted and timed as the collector's probes are.

    Any answer below 400 is a success. A request that follows redirects counts once, with the whole time. With
    `stream=True` the time ends with the headers, since the body is then read elsewhere. Serve the registry
    from your own process, for example with `prometheus_client.start_http_server(9102)`.

    Args:
        api_name: Value of the label `api_name`.
        environment: Value of the label `environment`; the variable `ENVIRONMENT`, or "production", if None.
        registry: Where the metrics are registered; or a `Handover` to the collector.
    """

    def __init__(
        self, api_name: str, environment: str | None = None, registry: CollectorRegistry | Handover = REGISTRY
    ) -> None:
        super().__init__()
        self._traffic = Traffic(api_name, environment, registry)
        self._in_send = threading.local()

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - requests' own signature
        """Send a prepared request, as every verb does in the end, and count how it went."""
        if getattr(self._in_send, "now", False):  # requests sends each redirect through this method
            return super().send(request, **kwargs)
        self._in_send.now = True
        started = time.perf_counter()
        try:
            response = super().send(request, **kwargs)
        except requests.RequestException as error:
            self._traffic.record(_failure(error, time.perf_counter() - started))
            raise
        else:
            seconds = time.perf_counter() - started
            self._traffic.record(answer(response.status_code, response.headers.items(), seconds))
            return response
        finally:
            self._in_send.now = False


def _failure(error: requests.RequestException, seconds: float) -> Outcome | None:
    match error:
        case requests.Timeout():
            return Outcome("timeout", seconds)
        case requests.exceptions.SSLError():
            return Outcome("tls")
        case requests.TooManyRedirects():
            return Outcome("body", seconds)
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return Outcome("body", seconds)
        case requests.ConnectionError():
            return _connection_failure(error, seconds)
        case _:  # an invalid URL or header: nothing was sent
            return None


def _connection_failure(error: BaseException, seconds: float) -> Outcome:
    # requests reports a slow body and an unknown host alike; what happened is in urllib3's error inside.
    causes = list(_inside(error))
    if any(isinstance(cause, ReadTimeoutError) for cause in causes):
        return Outcome("timeout", seconds)
    return Outcome("dns" if any(isinstance(cause, NameResolutionError) for cause in causes) else "connect")


def _inside(error: BaseException) -> Iterator[BaseException]:
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _inside(inner)
