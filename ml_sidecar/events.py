"""What happened, one human sentence each: for the log, for /status, and for whoever watches the demo."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        id: rises by one per event of this process.
        time: ISO 8601, UTC.
        kind: what it was, such as trained or anomaly_opened.
        text: one sentence.
        api_name: the API concerned, if it is one.
    """

    id: int
    time: str
    kind: str
    text: str
    api_name: str | None = None


class EventLog:
    """The last events, each also written to the log.

    Args:
        logger: where events are logged; kinds that end in failed or unreachable as warnings.
        now: clock, seconds since the epoch.
    """

    def __init__(self, logger: logging.Logger, now: Callable[[], float]) -> None:
        self._logger = logger
        self._now = now
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, text: str, api_name: str | None = None) -> Event:
        """Record an event that happens now."""
        time = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds")
        with self._lock:
            event = Event(next(self._ids), time, kind, text, api_name)
            self._events.append(event)
            self.counts[kind] += 1
        bad = kind.endswith(("failed", "unreachable", "rejected"))
        self._logger.log(logging.WARNING if bad else logging.INFO, "%s: %s", kind.replace("_", " "), text)
        return event

    def as_list(self) -> list[dict[str, Any]]:
        """The events kept, oldest first, as JSON-able values."""
        with self._lock:
            return [asdict(event) for event in self._events]
