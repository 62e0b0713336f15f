"""Takes the files that short-lived programs hand over, and counts the requests in them.

A file is deleted before what it holds is counted: were it the other way round, a crash in between would count it twice.
What a crash can lose is what had been counted but not been scraped, as of every counter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from collector.errors import system_words
from collector.handover import MAX_AGE, SUFFIX
from collector.handover_file import HandedRequest, RefusedError, read

if TYPE_CHECKING:
    from pathlib import Path

    from collector.handover_metrics import HandoverMetrics
    from collector.metrics import RequestMetrics
    from collector.scrapes import Scrapes

MAX_APIS: Final = 100
"""Programs choose these label values, so their number has a limit."""
REFUSED: Final = ".refused"
_POLL_SECONDS: Final = 2.0
_AT_A_TIME: Final = 20
"""Requests that are counted before probes get their turn, which takes less than half a millisecond."""

_log = logging.getLogger("collector")
_Key = tuple[str, str]


class Spool:
    """Counts what is handed over in a folder.

    The series of an API that is new are first shown at 0, and its requests counted after a scrape has seen them there:
    a counter that begins above 0 has no increase for Prometheus. Until then its files wait in the folder.

    Args:
        directory: The folder.
        requests: Where the requests are counted, together with those of probes.
        metrics: What is known of the handing over itself.
        scrapes: Tells when Prometheus has seen the metrics.
    """

    def __init__(
        self, directory: Path, requests: RequestMetrics, metrics: HandoverMetrics, scrapes: Scrapes
    ) -> None:
        self._directory = directory
        self._requests = requests
        self._metrics = metrics
        self._scrapes = scrapes
        self._began: dict[_Key, int] = {}
        self._full = False
        self._unreadable = False

    async def run(self) -> None:
        """Look for files every two seconds, until cancelled."""
        while True:
            try:
                await self.take()
                self._unreadable = False
            except OSError as error:
                if not self._unreadable:
                    _log.error("the handover folder %s: %s", self._directory, system_words(error))
                self._unreadable = True
            await asyncio.sleep(_POLL_SECONDS)

    async def take(self) -> None:
        """Count, set aside, or leave for the next time each file that is there."""
        for path in await asyncio.to_thread(self._files):
            try:
                requests = await asyncio.to_thread(read, path)
            except FileNotFoundError:  # another collector was faster
                continue
            except RefusedError as error:
                _log.warning("%r was handed over and refused: %s", path.name, error)
                path.rename(path.with_name(path.name + REFUSED))
                self._metrics.refused()
            else:
                await self._take(path, requests)

    def _files(self) -> list[Path]:
        return sorted(
            path for path in self._directory.iterdir() if path.suffix == SUFFIX and path.name[0] != "."
        )

    async def _take(self, path: Path, requests: list[HandedRequest]) -> None:
        earliest = time.time() - MAX_AGE
        recent = [request for request in requests if request.at >= earliest]
        ours = [request for request in recent if self._has_series(request)]
        if not all(self._scrapes.seen_since(self._began.get(request.key, 0)) for request in ours):
            return
        try:
            path.unlink()  # noqa: ASYNC240 - takes microseconds; nothing is to come between it and the counting
        except FileNotFoundError:
            return
        self._metrics.dropped("too_old", len(requests) - len(recent))
        self._metrics.dropped("over_limit", len(recent) - len(ours))
        for start in range(0, len(ours), _AT_A_TIME):
            self._count(ours[start : start + _AT_A_TIME])
            await asyncio.sleep(0)

    def _has_series(self, request: HandedRequest) -> bool:
        """Start the series of an API that is new, if there is room; one that is probed has its own already."""
        if self._requests.has_api(*request.key):
            return True
        self._began.pop(request.key, None)  # probed until a new configuration ended that
        if len(self._began) >= MAX_APIS:
            if not self._full:
                _log.warning("%d APIs are handed over; any further ones are left out", MAX_APIS)
            self._full = True
            return False
        self._requests.add_api(*request.key, phases=request.phases)
        self._began[request.key] = self._scrapes.begun
        return True

    def _count(self, requests: list[HandedRequest]) -> None:
        for request in requests:
            if self._has_series(request):  # unless the configuration has changed just now
                self._requests.record(*request.key, request.outcome())
        self._metrics.counted(len(requests))
