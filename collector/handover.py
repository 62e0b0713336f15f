"""Hands what a short-lived program measured to the collector, by file."""

from __future__ import annotations

import atexit
import json
import logging
import os
import secrets
import threading
import time
from collections import deque
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector.outcome import Outcome

VERSION: Final = 1
"""Of the files' format."""
SUFFIX: Final = ".json"
MAX_AGE: Final = 3600.0
"""Seconds after which a request is no longer handed over or counted: what is old must not look new."""
_MAX_REQUESTS_PER_FILE: Final = 250
"""The collector checks so many in about a millisecond, for which its probes wait."""
_MAX_WAIT: Final = 30.0
"""Seconds after which a request is handed over with the next one, and a failure is followed by another try."""
MAX_KEPT: Final = 10_000
"""Requests that wait at most while they cannot be handed over, which take some 10 MB."""

_log = logging.getLogger("collector")


class Handover:
    """Takes the place of a registry in a program that ends before anybody could scrape it.

    Give it to a measured session or client: `InstrumentedSession("weather", registry=Handover("/var/spool/rapidapi"))`.
    What was measured is written at the end of the program, at every `flush`, and every half minute while requests are
    made; a program that is killed loses what lies between. Nothing raises here: what cannot be written is logged once
    and tried again every half minute. The last 10,000 requests wait for that, for an hour at most; how many were lost is
    logged when it works again, or at the end.

    Args:
        directory: The folder that the collector's variable `COLLECTOR_HANDOVER_DIR` names.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)
        self._lock = threading.RLock()
        self._requests: deque[dict[str, Any]] = deque()
        self._lost = 0
        self._process = os.getpid()
        self._failed = False
        self._try_again = 0.0
        atexit.register(self._end)

    def add_api(self, api_name: str, environment: str, phases: Iterable[str] = ()) -> None:
        """Do nothing: the collector starts an API's series when it first hears of it."""

    def record(self, api_name: str, environment: str, outcome: Outcome) -> None:
        """Keep a finished request until it is handed over."""
        with self._lock:
            self._forget_those_of_the_parent_process()
            self._requests.append(_request(api_name, environment, outcome))
            if len(self._requests) > MAX_KEPT:
                self._lose_first()
            oldest = self._requests[0]["at"]
            is_due = len(self._requests) >= _MAX_REQUESTS_PER_FILE or time.time() - oldest >= _MAX_WAIT
            if is_due and time.monotonic() >= self._try_again:
                self.flush()

    def flush(self) -> None:
        """Hand over what was measured since the last time, as at the end of a function of a cloud."""
        with self._lock:
            self._forget_those_of_the_parent_process()
            earliest = time.time() - MAX_AGE
            while self._requests and self._requests[0]["at"] < earliest:
                self._lose_first()
            try:
                self._write_all()
            except OSError as error:
                if not self._failed:
                    _log.error("measured requests cannot be handed over (%s); this is said once", error)
                self._failed = True
                self._try_again = time.monotonic() + _MAX_WAIT
            else:
                self._tell_lost()

    def _end(self) -> None:
        with self._lock:
            self.flush()
            self._lost += len(self._requests)
            self._requests.clear()
            self._tell_lost()

    def _write_all(self) -> None:
        while self._requests:
            some = list(islice(self._requests, _MAX_REQUESTS_PER_FILE))
            _write(self._directory, some)
            for _ in some:
                self._requests.popleft()

    def _lose_first(self) -> None:
        self._requests.popleft()
        self._lost += 1

    def _tell_lost(self) -> None:
        if self._lost:
            _log.error("%d measured requests are lost: they could not be handed over in time", self._lost)
        self._lost = 0

    def _forget_those_of_the_parent_process(self) -> None:
        if self._process != os.getpid():  # forked; the parent hands them over
            self._process = os.getpid()
            self._requests.clear()
            self._lost = 0


def _request(api_name: str, environment: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "api_name": api_name,
        "environment": environment,
        "at": time.time(),
        "reason": outcome.reason,
        "response_time": outcome.response_time,
        "phases": dict(outcome.phases),
        "quotas": [asdict(quota) for quota in outcome.quotas],
    }


def _write(directory: Path, requests: list[dict[str, Any]]) -> None:
    """Write a file that is either there as a whole or not at all; its group may read it."""
    name = f"{time.time_ns()}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
    unfinished = directory / f".{name}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o640)  # whatever the program's umask
        json.dump({"version": VERSION, "requests": requests}, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(directory / name)
