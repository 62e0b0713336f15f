"""Watches one API: probes it when told to, counts, and logs what changes."""

from __future__ import annotations

import logging
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from collector.kept import Kept
from collector.restraint import Pause, Restraint

if TYPE_CHECKING:
    from collector.api import Api
    from collector.metrics import ProbeMetrics
    from collector.outcome import Outcome
    from collector.probe import Prober

_log = logging.getLogger("collector")


class Watch:
    """Probes one API when told to, counts the outcome, and logs when it begins or ceases to fail."""

    def __init__(self, api: Api, prober: Prober, metrics: ProbeMetrics) -> None:
        self._api = api
        self._prober = prober
        self._metrics = metrics
        self._restraint = Restraint(api.interval, api.quota_reserve)
        self._kept = Kept()
        self._pause: Pause | None = None
        self._last: tuple[float, Outcome] | None = None
        self._failing_as: str | None = None

    async def probe(self) -> None:
        """Probe the API once, unless it is to be left alone; a defect of ours is logged and leaves the others alone."""
        if self._pause and time.time() < self._pause.until:
            return
        try:
            outcome = await self._prober.probe(self._api, self._kept)
            self._last = time.time(), outcome
            self._metrics.record(self._api.name, outcome)
            self._leave_alone(self._restraint.after(outcome, time.time()))
        except Exception as error:  # noqa: BLE001 - logged; the API's data then goes stale, which the rules notice
            # Without the error's text and cause, which may quote a URL or header with a key.
            places = "".join(traceback.format_tb(error.__traceback__))
            _log.error("probing %r failed with %s at\n%s", self._api.name, type(error).__name__, places)
        else:
            self._log_change(outcome)

    def status(self) -> dict[str, Any]:
        """Return how the last probe went, for `/status`: times as Unix time or seconds, None for what is not known."""
        ended, outcome = self._last or (None, None)
        return {
            "api_name": self._api.name,
            "interval_seconds": self._api.interval,
            "last_probe": ended,
            "status": outcome and outcome.status,
            "reason": outcome and outcome.reason,
            "detail": outcome and outcome.detail,
            "response_time_seconds": outcome and outcome.response_time,
            "paused_until": self._pause and self._pause.until,
            "paused_for": self._pause and self._pause.cause,
        }

    def _leave_alone(self, pause: Pause | None) -> None:
        if pause and (self._pause is None or pause.cause != self._pause.cause):
            end = datetime.fromtimestamp(pause.until, UTC)
            _log.info(
                "%r is not probed until %s at the earliest (%s)", self._api.name, f"{end:%F %TZ}", pause.cause
            )
        if pause != self._pause:
            self._metrics.set_paused(self._api.name, pause and pause.cause)
        self._pause = pause

    def _log_change(self, outcome: Outcome) -> None:
        if outcome.reason and outcome.reason != self._failing_as:
            _log.warning("%r fails: %s (%s)", self._api.name, outcome.reason, outcome.detail)
        elif self._failing_as and not outcome.reason:
            _log.info("%r answers again", self._api.name)
        self._failing_as = outcome.reason
