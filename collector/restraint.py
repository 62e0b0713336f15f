"""When an API is left alone: it asked for it, or its quota would be used up."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from collector.contract import PAUSE_CAUSES

if TYPE_CHECKING:
    from collector.outcome import Outcome

BACKOFF, RESERVE = PAUSE_CAUSES
MAX_PAUSE: Final = 86400.0
"""Seconds after which an API is asked again, whatever it said; a wrong clock must not silence it for years."""
_MAX_GUESSED_PAUSE: Final = 3600.0


class Pause(NamedTuple):
    """A time without probes.

    Attributes:
        cause: One of `contract.PAUSE_CAUSES`.
        until: Unix time in seconds at which it ends.
    """

    cause: str
    until: float


class Restraint:
    """Decides after each probe of one API how long to leave it alone.

    A `Retry-After` is kept to. A 429 without one waits until the quota is renewed if the API says when, and twice as long
    each time if it does not. With a reserve, probing stops while any stated quota has no more than that left.

    Args:
        interval: Seconds between two probes, from which waiting on one's own guess begins.
        reserve: Requests of a quota that are left to others; None to use it up.
    """

    def __init__(self, interval: float, reserve: float | None = None) -> None:
        self._interval = interval
        self._reserve = reserve
        self._refusals = 0

    def after(self, outcome: Outcome, now: float) -> Pause | None:
        """Return the pause that an outcome asks for; None for none.

        Args:
            outcome: How the probe went that has just ended.
            now: Unix time in seconds.
        """
        self._refusals = self._refusals + 1 if outcome.kind == "rate_limited" else 0
        pauses = [self._backoff(outcome, now), self._reserve_reached(outcome, now)]
        ends = [pause for pause in pauses if pause and pause.until > now]
        if not ends:
            return None
        longest = max(ends, key=lambda pause: pause.until)
        return Pause(longest.cause, min(longest.until, now + MAX_PAUSE))

    def _backoff(self, outcome: Outcome, now: float) -> Pause | None:
        if outcome.retry_at is not None:
            return Pause(BACKOFF, outcome.retry_at)
        if not self._refusals:
            return None
        renewals = [quota.reset for quota in outcome.quotas if quota.remaining == 0 and quota.reset]
        if renewals and max(renewals) > now:
            return Pause(BACKOFF, max(renewals))
        # Half an interval less, so that a moment does not miss the slot at the end of the wait.
        guess = self._interval * 2.0 ** min(self._refusals, 30)
        return Pause(BACKOFF, now + min(guess, max(_MAX_GUESSED_PAUSE, self._interval)) - self._interval / 2)

    def _reserve_reached(self, outcome: Outcome, now: float) -> Pause | None:
        if self._reserve is None:
            return None
        low = [
            quota
            for quota in outcome.quotas
            if quota.remaining is not None and quota.remaining <= self._reserve
        ]
        ends = [now + _MAX_GUESSED_PAUSE if quota.reset is None else quota.reset for quota in low]
        return Pause(RESERVE, max(ends)) if ends else None


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return the Unix time in seconds that a header `Retry-After` names; None if there is none, or it is no time.

    Args:
        value: Seconds from now, or a date.
        now: Unix time at which the answer came.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return now + float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # OverflowError: a year of twenty digits
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
