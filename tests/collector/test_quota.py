"""Quota headers: RapidAPI's, the usual ones, and nonsense."""

from __future__ import annotations

import pytest

from collector.quota import Quota, parse_quotas

NOW = 1_700_000_000.0


def test_rapidapi_headers() -> None:
    """Every quota of a RapidAPI plan is read, and its reset counts from now."""
    headers = {
        "X-RateLimit-Requests-Limit": "500",
        "X-RateLimit-Requests-Remaining": "498",
        "X-RateLimit-Requests-Reset": "2592000",
        "x-ratelimit-rapid-free-plans-hard-limit-limit": "500000",
        "x-ratelimit-rapid-free-plans-hard-limit-remaining": "-2",
        "X-Other": "1",
    }
    assert parse_quotas(headers.items(), NOW) == (
        Quota("requests", limit=500, remaining=498, reset=NOW + 2592000),
        Quota("rapid-free-plans-hard-limit", limit=500000, remaining=-2),
    )


@pytest.mark.parametrize(
    ("reset", "time"),
    [("60", NOW + 60), ("1700003600", 1_700_003_600), ("1700003600500", 1_700_003_600.5), ("0.5", NOW + 0.5)],
)
def test_reset_is_a_duration_or_a_time(reset: str, time: float) -> None:
    """Small numbers are seconds from now, large ones Unix time, very large ones milliseconds."""
    assert parse_quotas([("X-RateLimit-Reset", reset)], NOW) == (Quota("requests", reset=time),)


def test_policy_after_the_number() -> None:
    """Of a limit with its windows behind it, the number counts."""
    assert parse_quotas([("X-RateLimit-Limit", "100, 100;w=60")], NOW) == (Quota("requests", limit=100),)


@pytest.mark.parametrize("value", ["", "unlimited", "NaN", "inf", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_no_number_is_no_quota(value: str) -> None:
    """A value that is no number leaves no trace."""
    assert parse_quotas([("X-RateLimit-Remaining", value)], NOW) == ()
