"""Reads quotas from X-RateLimit-* response headers, RapidAPI's variants included.

RapidAPI sends `X-RateLimit-Requests-Limit`, `-Remaining` and `-Reset` (seconds from now), and one such set for
every further quota of a plan; many other APIs send `X-RateLimit-Limit` and so on, often with `Reset` as Unix time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_QUOTA: Final = "requests"
_HEADER: Final = re.compile(
    r"x-ratelimit-(?:(?P<quota>.{1,64})-)?(?P<part>limit|remaining|reset)", re.IGNORECASE
)
_PREFIX: Final = "x-ratelimit-"
_NUMBER: Final = re.compile(r"\s*(-?\d{1,15}(?:\.\d{1,9})?)")
_EARLIEST_UNIX_TIME: Final = 1e9
_EARLIEST_UNIX_MILLISECONDS: Final = 1e12


@dataclass(slots=True)
class Quota:
    """One quota of an API, as one answer states it; None for what the answer does not say.

    Attributes:
        name: Value of the label `quota`.
        limit: Requests allowed per window.
        remaining: Requests left in the window.
        reset: Unix time in seconds at which the window ends.
    """

    name: str
    limit: float | None = field(default=None)
    remaining: float | None = field(default=None)
    reset: float | None = field(default=None)


def parse_quotas(headers: Iterable[tuple[str, str]], now: float) -> tuple[Quota, ...]:
    """Return the quotas that the headers of an answer state; values that are no numbers are left out.

    Args:
        headers: Pairs of name and value.
        now: Unix time at which the answer came, to which a reset in seconds is added.
    """
    quotas: dict[str, Quota] = {}
    for header, value in headers:
        if not header.lower().startswith(_PREFIX):  # as nearly all, which need no regular expression
            continue
        name, number = _HEADER.fullmatch(header), _NUMBER.match(value)
        if name and number:
            label = (name["quota"] or DEFAULT_QUOTA).lower()
            part = name["part"].lower()
            amount = float(number[1])
            quota = quotas.setdefault(label, Quota(label))
            setattr(quota, part, _unix_time(amount, now) if part == "reset" else amount)
    return tuple(quotas.values())


def _unix_time(reset: float, now: float) -> float:
    if reset >= _EARLIEST_UNIX_MILLISECONDS:
        return reset / 1000
    return reset if reset >= _EARLIEST_UNIX_TIME else now + reset
