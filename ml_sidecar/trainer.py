"""Keeps the models young: starts trainings in a process of their own, when they are due and when none is usable."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ml_sidecar.config import Config
from ml_sidecar.errors import NotEnoughDataError, SidecarError, TrainingError
from ml_sidecar.events import EventLog
from ml_sidecar.training import TrainingResult

NOT_ENOUGH_DATA = 3
"""Exit code of `rapidapi-ml train` when the history is too short; `samples needed` stands on standard output."""
NICENESS = 10
DRIFTED = 0.2
"""Population stability index above which features no longer look as they did when they were learnt (Siddiqi 2006)."""
_AFTER_DRIFT = 6 * 3600.0
"""Seconds between trainings while a feature drifts: there must be something new to learn."""
_RETRY = 30.0
"""Seconds until a training that failed or had too little history is tried again."""


class Trainer:
    """Decides when to train, runs the training, remembers how it went.

    Args:
        config: all settings.
        events: told what happens.
        now: clock, seconds since the epoch.

    Attributes:
        waiting: why there is no training result yet; empty if there is one.
        last: the last training for /status.
        seconds: how long the last completed training took; NaN before the first.
    """

    def __init__(self, config: Config, events: EventLog, now: Callable[[], float]) -> None:
        self._config = config
        self._events = events
        self._now = now
        self._tried = -_RETRY
        self.waiting = "the first training has not ended yet"
        self.last: dict[str, Any] = {}
        self.seconds = math.nan

    def due(self, trained_at: float | None, drift: float = 0.0) -> bool:
        """Whether to train now.

        Args:
            trained_at: when the models in service were trained, None where none is usable.
            drift: largest population stability index of a feature; above 0.2 the next training comes sooner.
        """
        now = self._now()
        if now - self._tried < _RETRY:
            return False
        interval = self._config.env.ml_training_interval_hours * 3600.0
        if drift > DRIFTED:
            interval = min(interval, _AFTER_DRIFT)
        return trained_at is None or now - max(trained_at, self._last_rejected()) >= interval

    def _last_rejected(self) -> float:
        """A training that was not promoted has been one all the same: the next is due an interval later."""
        rejected: float = self.last.get("at", 0.0) if self.last.get("outcome") == "rejected" else 0.0
        return rejected

    async def train(self) -> None:
        """Train once; whatever comes of it is an event, never an exception."""
        self._tried = began = self._now()
        try:
            result = await self._process()
        except NotEnoughDataError as error:
            self.waiting = str(error)
            self._remember(began, "waiting", reason=str(error))
        except SidecarError as error:
            self.waiting = str(error)
            self._remember(began, "failed", reason=str(error))
            self._events.add("training_failed", str(error))
        else:
            self.waiting, self.seconds = "", result.seconds
            outcome = "promoted" if result.promoted else "rejected"
            self._remember(
                began, outcome, reason=result.reason, version=result.version, seconds=result.seconds
            )
            self._events.add("trained" if result.promoted else "training_rejected", sentence(result))

    def _remember(self, at: float, outcome: str, **details: object) -> None:
        time = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
        self.last = {"at": at, "time": time, "outcome": outcome, **details}

    async def _process(self) -> TrainingResult:
        """Run `rapidapi-ml train` at low priority.

        Raises:
            NotEnoughDataError: there is too little history.
            TrainingError: it failed or crashed; its last words are in the message.
        """
        command = ["-m", "ml_sidecar", "train", "--json", "--nice", str(NICENESS)]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            "--config",
            str(self._config.source),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        return _result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def _result(code: int | None, out: str, err: str) -> TrainingResult:
    last = out.strip().splitlines()[-1:] or [""]
    if code == 0:
        return TrainingResult.from_json(last[0])
    if code == NOT_ENOUGH_DATA:
        samples, needed = last[0].split()
        raise NotEnoughDataError(int(samples), int(needed))
    words = (err.strip().splitlines()[-1:] or ["it said nothing"])[0]
    raise TrainingError(f"the training process ended with code {code}: {words.removeprefix('rapidapi-ml: ')}")


def sentence(result: TrainingResult) -> str:
    """What a training did, in one sentence."""
    known = {name: value for name, value in result.accuracy.items() if value is not None}
    accuracy = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in known.items())
    text = (
        f"{len(result.accuracy)} models on {result.samples:,} rows of {result.apis} APIs in {result.seconds:.0f} s; "
        f"accuracy on held-out data: {accuracy or 'not known'}"
    )
    return text if result.promoted else f"{text}; not put into service, {result.reason}"
