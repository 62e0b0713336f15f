"""Reads a file that a program handed over; it comes from outside, so nothing in it is trusted."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from collector.contract import ERROR_REASONS, PHASES
from collector.errors import system_words
from collector.outcome import Outcome
from collector.quota import Quota

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 1_000_000
_DAY: Final = 86400.0


class RefusedError(Exception):
    """A file is none of those that `Handover` writes; the message says why, without quoting it."""


def _reason(value: str) -> str:
    if value not in ERROR_REASONS:
        raise ValueError("not an error reason")
    return value


def _phase(value: str) -> str:
    if value not in PHASES:
        raise ValueError("not a phase")
    return value


Label = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(ge=0, le=_DAY)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class HandedQuota(_Model):
    """One quota that an answer stated."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    limit: float | None
    remaining: float | None
    reset: float | None


class HandedRequest(_Model):
    """One request that a program made; `at` is the Unix time at which it ended."""

    api_name: Label
    environment: Label
    at: float
    reason: Annotated[str, AfterValidator(_reason)] | None
    response_time: Seconds | None
    phases: dict[Annotated[str, AfterValidator(_phase)], Seconds]
    quotas: Annotated[list[HandedQuota], Field(max_length=50)]

    @property
    def key(self) -> tuple[str, str]:
        """API and environment."""
        return self.api_name, self.environment

    def outcome(self) -> Outcome:
        """Return how it went, as the metrics take it."""
        quotas = tuple(Quota(quota.name, quota.limit, quota.remaining, quota.reset) for quota in self.quotas)
        return Outcome(self.reason, self.response_time, self.phases, quotas)


class _File(_Model):
    version: Literal[1]
    requests: list[HandedRequest]


_FIELDS: Final = {*_File.model_fields, *HandedRequest.model_fields, *HandedQuota.model_fields}


def read(path: Path) -> list[HandedRequest]:
    """Return the requests in a file.

    Raises:
        RefusedError: It is not a regular file, cannot be read, is too large, or malformed.
        FileNotFoundError: It is gone.
    """
    try:
        # Neither through a link to somewhere else, nor waiting for whoever writes to a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise RefusedError("not a regular file")
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RefusedError(system_words(error)) from None
    if len(content) > MAX_BYTES:
        raise RefusedError(f"larger than {MAX_BYTES} bytes")
    try:
        return _File.model_validate_json(content).requests
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        known = [str(part) for part in first["loc"] if isinstance(part, int) or part in _FIELDS]
        raise RefusedError(f"{first['msg']} (at {'.'.join(known) or 'the top'})") from None
