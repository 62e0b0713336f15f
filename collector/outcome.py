"""How one request to an API went: what a probe and a measured session both report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.quota import Quota


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished request, or a probe of several.

    Attributes:
        reason: Why it failed, one of `contract.ERROR_REASONS`, behind `step:` if the API has steps; None for a success.
        response_time: Seconds to the last byte, or the time waited until a timeout; None without an answer.
        phases: Seconds by phase; they sum to `response_time`, and are empty where that is None or unknown.
        quotas: What the answer's X-RateLimit headers say.
        certificate_expiry: Unix time at which the server's certificate ends; None if not seen.
        retry_at: Unix time before which the API does not want to be asked again; None if it did not say.
        detail: A few words for the log, free of secrets.
        steps: The steps that were sent, in their order, with their seconds; empty for an API without steps.
    """

    reason: str | None
    response_time: float | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    quotas: tuple[Quota, ...] = ()
    certificate_expiry: float | None = None
    retry_at: float | None = None
    detail: str = ""
    steps: tuple[tuple[str, float], ...] = ()

    @property
    def status(self) -> str:
        """`success` or `error`, as `contract.REQUEST_STATUSES` has them."""
        return "error" if self.reason else "success"

    @property
    def kind(self) -> str | None:
        """The reason without the step's name."""
        return self.reason and self.reason.rpartition(":")[2]


def step_reason(step: str, reason: str) -> str:
    """Return the label `reason` of a failure in a step."""
    return f"{step}:{reason}"


def reason_for_status(status: int) -> str:
    """Return the error reason for an answer whose status code was not expected.

    An unexpected code below 400 (a redirect, or 200 where 201 was asked for) is reported as `body`: an answer
    came, and it was not the right one.
    """
    if status == 429:
        return "rate_limited"
    if 400 <= status <= 499:
        return "http_4xx"
    return "http_5xx" if status >= 500 else "body"
