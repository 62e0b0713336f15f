"""Outages, failures and slowness."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_SYMPTOM: Final = {"component": "api", "kind": "symptom"}
_LOW: Final = "An API's success rate is below its threshold."
_HIGH: Final = "An API's response time is above its threshold."
_FRESH: Final = {"rapidapi_ml_last_score_timestamp_seconds{e}": "0+15x120"}
_NO_LONGER: Final = {"rapidapi_ml_last_score_timestamp_seconds{e}": "0x120"}


def _learnt(feature: str, severity: str, bound: str, value: str) -> dict[str, str]:
    return {
        **_FRESH,
        f'rapidapi_ml_threshold{{a,feature="{feature}",severity="{severity}",bound="{bound}"}}': f"{value}x120",
    }


DOWN: Final = Proof(
    "RapidAPIDown",
    "critical",
    {**_SYMPTOM, "training_exclude": "true"},
    "Almost every request to an API fails.",
    fires=(
        Fires(
            {
                "rapidapi_api_success_rate{a}": "100x19 4.9x40",
                'rapidapi_ml_expected{a,feature="success_rate"}': "99x60",
            },
            "6m45s",
            "7m",
            "a (e) is down: expected a success rate of 99 %, seen 4.9 %.",
        ),
        # Three requests in a minute are enough, and 1 of 21 is less than 5 %.
        Fires(
            {
                "api:rapidapi_api_fresh:5m{a}": "1x60",
                'rapidapi_api_requests_total{a,status="error"}': "0+0.75x60",
                'rapidapi_api_requests_total{a,status="success"}': "0+0.0375x60",
                'rapidapi_api_errors_total{a,reason="timeout"}': "0+0.75x60",
            },
            "2m45s",
            "3m",
            "a (e) is down: expected a success rate of more than 5 %, seen 4.762 %. Most failures: timeout.",
        ),
    ),
    healthy=(Quiet({"rapidapi_api_success_rate{a}": "99.5x60"}, ("3m", "15m")),),
    just_below=(
        Quiet({"rapidapi_api_success_rate{a}": "5.1x60"}, ("15m",)),
        # Too few requests a minute to say so; enough of them, and one of nineteen succeeds.
        Quiet(
            {
                "api:rapidapi_api_fresh:5m{a}": "1x60",
                'rapidapi_api_requests_total{a,status="error"}': "0+0.7x60",
            },
            ("10m",),
        ),
        Quiet(
            {
                "api:rapidapi_api_fresh:5m{a}": "1x60",
                'rapidapi_api_requests_total{a,status="error"}': "0+1.8x60",
                'rapidapi_api_requests_total{a,status="success"}': "0+0.1x60",
            },
            ("10m",),
        ),
        # Down for 1m45s only.
        Quiet({"rapidapi_api_success_rate{a}": "100x19 0x7 100x40"}, ("6m45s", "7m", "10m")),
    ),
    also=(
        # The collector restarts in the middle: what it counts begins at zero again, which is no outage.
        Quiet(
            {
                "api:rapidapi_api_fresh:5m{a}": "1x60",
                'rapidapi_api_requests_total{a,status="success"}': "100+1x20 0+1x40",
            },
            ("5m30s", "8m", "10m"),
        ),
        Quiet(
            {"rapidapi_api_success_rate{a}": "0x4 _ stale 0x4 NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN"},
            ("4m", "8m"),
        ),
    ),
)

SUCCESS_RATE_WARNING: Final = Proof(
    "RapidAPISuccessRateLow",
    "warning",
    _SYMPTOM,
    _LOW,
    fires=(
        Fires(
            {
                **_learnt("success_rate", "warning", "lower", "97"),
                "rapidapi_api_success_rate{a}": "99x19 96x60",
                'rapidapi_api_errors_total{a,reason="http_5xx"}': "0+1x80",
            },
            "10m45s",
            "11m",
            "a (e): expected a success rate of at least 97 % (learnt), seen 96 %. Most failures: http_5xx.",
        ),
        Fires(
            {"rapidapi_api_success_rate{a}": "99x19 89x60"},
            "10m45s",
            "11m",
            "a (e): expected a success rate of at least 90 % (fixed, nothing is learnt yet), seen 89 %.",
        ),
        # What a sidecar said that no longer scores is not asked: the fixed limit holds.
        Fires(
            {
                **_learnt("success_rate", "warning", "lower", "50"),
                **_NO_LONGER,
                "rapidapi_api_success_rate{a}": "89x80",
            },
            "7m45s",
            "8m15s",
            "a (e): expected a success rate of at least 50 % (learnt), seen 89 %.",
        ),
        # Held for two minutes.
        Fires(
            {"rapidapi_api_success_rate{a}": "89x40 99x60"},
            "5m45s",
            "12m",
            "a (e): expected a success rate of at least 90 % (fixed, nothing is learnt yet), seen 89 %.",
        ),
    ),
    healthy=(Quiet({"rapidapi_api_success_rate{a}": "99.5x120"}, ("7m", "30m")),),
    just_below=(
        Quiet(
            {**_learnt("success_rate", "warning", "lower", "97"), "rapidapi_api_success_rate{a}": "97x120"},
            ("7m", "30m"),
        ),
        Quiet({"rapidapi_api_success_rate{a}": "90x120"}, ("7m", "30m")),
        Quiet({"rapidapi_api_success_rate{a}": "99x19 50x23 99x60"}, ("10m45s", "11m", "20m")),
    ),
    also=(
        Quiet(
            {
                **_learnt("success_rate", "warning", "lower", "97"),
                **_NO_LONGER,
                "rapidapi_api_success_rate{a}": "95x120",
            },
            ("10m", "30m"),
        ),
        Quiet({"rapidapi_api_success_rate{a}": "89x40 99x60"}, ("12m30s",)),
        # Down until 20m; then six minutes after the eighth.
        Fires(
            {
                'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}': "1x80",
                "rapidapi_api_success_rate{a}": "60x160",
            },
            "33m45s",
            "34m15s",
            "a (e): expected a success rate of at least 90 % (fixed, nothing is learnt yet), seen 60 %.",
        ),
    ),
)

SUCCESS_RATE_CRITICAL: Final = Proof(
    "RapidAPISuccessRateLow",
    "critical",
    _SYMPTOM,
    _LOW,
    fires=(
        Fires(
            {
                **_learnt("success_rate", "critical", "lower", "98"),
                "rapidapi_api_success_rate{a}": "99x19 97x60",
            },
            "10m45s",
            "11m",
            "a (e): expected a success rate of at least 98 % (learnt), seen 97 %.",
        ),
        Fires(
            {
                **_learnt("success_rate", "critical", "lower", "99.9"),
                "rapidapi_api_success_rate{a}": "98.9x60",
            },
            "5m45s",
            "6m",
            "a (e): expected a success rate of at least 99.9 % (learnt), seen 98.9 %.",
        ),
        Fires(
            {"rapidapi_api_success_rate{a}": "99x19 49x60"},
            "10m45s",
            "11m",
            "a (e): expected a success rate of at least 50 % (fixed, nothing is learnt yet), seen 49 %.",
        ),
        Fires(
            {
                **_learnt("success_rate", "critical", "lower", "20"),
                **_NO_LONGER,
                "rapidapi_api_success_rate{a}": "49x80",
            },
            "7m45s",
            "8m15s",
            "a (e): expected a success rate of at least 20 % (learnt), seen 49 %.",
        ),
        Fires(
            {"rapidapi_api_success_rate{a}": "49x40 99x60"},
            "5m45s",
            "12m",
            "a (e): expected a success rate of at least 50 % (fixed, nothing is learnt yet), seen 49 %.",
        ),
    ),
    healthy=(Quiet({"rapidapi_api_success_rate{a}": "99.5x120"}, ("7m", "30m")),),
    just_below=(
        Quiet(
            {**_learnt("success_rate", "critical", "lower", "97"), "rapidapi_api_success_rate{a}": "97x120"},
            ("7m", "30m"),
        ),
        # Less than it ever was, and still as much as is promised: nobody is woken.
        Quiet(
            {
                **_learnt("success_rate", "critical", "lower", "99.9"),
                "rapidapi_api_success_rate{a}": "99x120",
            },
            ("7m", "30m"),
        ),
        Quiet({"rapidapi_api_success_rate{a}": "50x120"}, ("7m", "30m")),
        Quiet({"rapidapi_api_success_rate{a}": "99x19 20x23 99x60"}, ("11m", "20m")),
    ),
    also=(
        Quiet(
            {
                'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}': "1x80",
                "rapidapi_api_success_rate{a}": "40x160",
            },
            ("20m", "33m45s"),
        ),
        Quiet({"rapidapi_api_success_rate{a}": "49x40 99x60"}, ("12m30s",)),
    ),
)

RESPONSE_TIME_WARNING: Final = Proof(
    "RapidAPIResponseTimeHigh",
    "warning",
    _SYMPTOM,
    _HIGH,
    fires=(
        Fires(
            {
                **_learnt("response_time", "warning", "upper", "0.4"),
                "rapidapi_api_response_time_seconds{a}": "0.2x19 0.42x60",
                'rapidapi_api_request_phase_seconds_total{a,phase="processing"}': "0+2x80",
                'rapidapi_api_request_phase_seconds_total{a,phase="dns"}': "0+1x80",
            },
            "10m45s",
            "11m",
            "a (e): expected a response time of at most 0.4 s (learnt), seen 0.42 s. Most of the time: processing.",
        ),
        Fires(
            {"rapidapi_api_response_time_seconds{a}": "2.6x60"},
            "5m45s",
            "6m",
            "a (e): expected a response time of at most 2.5 s (fixed, nothing is learnt yet), seen 2.6 s.",
        ),
        Fires(
            {
                **_learnt("response_time", "warning", "upper", "9"),
                **_NO_LONGER,
                "rapidapi_api_response_time_seconds{a}": "2.6x80",
            },
            "7m45s",
            "8m15s",
            "a (e): expected a response time of at most 9 s (learnt), seen 2.6 s.",
        ),
        Fires(
            {"rapidapi_api_response_time_seconds{a}": "2.6x40 1x60"},
            "5m45s",
            "12m",
            "a (e): expected a response time of at most 2.5 s (fixed, nothing is learnt yet), seen 2.6 s.",
        ),
    ),
    healthy=(Quiet({"rapidapi_api_response_time_seconds{a}": "0.2x120"}, ("7m", "30m")),),
    just_below=(
        Quiet(
            {
                **_learnt("response_time", "warning", "upper", "0.4"),
                "rapidapi_api_response_time_seconds{a}": "0.4x120",
            },
            ("7m", "30m"),
        ),
        Quiet({"rapidapi_api_response_time_seconds{a}": "2.5x120"}, ("7m", "30m")),
        Quiet({"rapidapi_api_response_time_seconds{a}": "1x19 9x23 1x60"}, ("11m", "20m")),
    ),
    also=(
        Quiet(
            {
                'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}': "1x80",
                "rapidapi_api_response_time_seconds{a}": "9x160",
            },
            ("20m", "33m45s"),
        ),
        Quiet({"rapidapi_api_response_time_seconds{a}": "2.6x40 1x60"}, ("12m30s",)),
    ),
)

RESPONSE_TIME_CRITICAL: Final = Proof(
    "RapidAPIResponseTimeHigh",
    "critical",
    _SYMPTOM,
    _HIGH,
    fires=(
        Fires(
            {
                **_learnt("response_time", "critical", "upper", "1.5"),
                "rapidapi_api_response_time_seconds{a}": "0.2x19 1.6x60",
            },
            "10m45s",
            "11m",
            "a (e): expected a response time of at most 1.5 s (learnt), seen 1.6 s.",
        ),
        Fires(
            {
                **_learnt("response_time", "critical", "upper", "0.5"),
                "rapidapi_api_response_time_seconds{a}": "1.1x60",
            },
            "5m45s",
            "6m",
            "a (e): expected a response time of at most 0.5 s (learnt), seen 1.1 s.",
        ),
        Fires(
            {"rapidapi_api_response_time_seconds{a}": "11x60"},
            "5m45s",
            "6m",
            "a (e): expected a response time of at most 10 s (fixed, nothing is learnt yet), seen 11 s.",
        ),
        Fires(
            {
                **_learnt("response_time", "critical", "upper", "30"),
                **_NO_LONGER,
                "rapidapi_api_response_time_seconds{a}": "11x80",
            },
            "7m45s",
            "8m15s",
            "a (e): expected a response time of at most 30 s (learnt), seen 11 s.",
        ),
        Fires(
            {"rapidapi_api_response_time_seconds{a}": "11x40 1x60"},
            "5m45s",
            "12m",
            "a (e): expected a response time of at most 10 s (fixed, nothing is learnt yet), seen 11 s.",
        ),
    ),
    healthy=(Quiet({"rapidapi_api_response_time_seconds{a}": "0.2x120"}, ("7m", "30m")),),
    just_below=(
        Quiet(
            {
                **_learnt("response_time", "critical", "upper", "1.5"),
                "rapidapi_api_response_time_seconds{a}": "1.5x120",
            },
            ("7m", "30m"),
        ),
        # Slower than it ever was, and still so fast that nobody waits.
        Quiet(
            {
                **_learnt("response_time", "critical", "upper", "0.3"),
                "rapidapi_api_response_time_seconds{a}": "1x120",
            },
            ("7m", "30m"),
        ),
        Quiet({"rapidapi_api_response_time_seconds{a}": "10x120"}, ("7m", "30m")),
        Quiet({"rapidapi_api_response_time_seconds{a}": "1x19 20x23 1x60"}, ("11m", "20m")),
    ),
    also=(
        Quiet(
            {
                'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}': "1x80",
                "rapidapi_api_response_time_seconds{a}": "20x160",
            },
            ("20m", "33m45s"),
        ),
        Quiet({"rapidapi_api_response_time_seconds{a}": "11x40 1x60"}, ("12m30s",)),
    ),
)

PROOFS: Final = (
    DOWN,
    SUCCESS_RATE_WARNING,
    SUCCESS_RATE_CRITICAL,
    RESPONSE_TIME_WARNING,
    RESPONSE_TIME_CRITICAL,
)
