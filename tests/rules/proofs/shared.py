"""Causes in common."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_E: Final = {"environment": "e"}


def _down(names: str, values: str, state: str = "firing") -> dict[str, str]:
    return {
        f'ALERTS{{alertname="RapidAPIDown",alertstate="{state}",api_name="{name}",environment="e"}}': values
        for name in names
    }


def _apis(names: str, metric: str, values: str) -> dict[str, str]:
    return {f'{metric}{{api_name="{name}",environment="e"}}': values for name in names}


def _parents(children: str, parent: str) -> dict[str, str]:
    return {
        f'rapidapi_api_parent_info{{api_name="{name}",environment="e",parent="{parent}"}}': "1x60"
        for name in children
    }


PARENT_DOWN: Final = Proof(
    "RapidAPIParentDown",
    "none",
    {"component": "api", "kind": "inhibitor"},
    "An API depends on one that is down.",
    fires=(
        # At once, and already while the parent's alert waits.
        Fires(
            {**_parents("a", "p"), **_down("p", "_x20 1x20", "pending")},
            "4m45s",
            "5m15s",
            "a (e) depends on p: expected it to answer, seen it down. Alerts of this API are held back.",
            {"api_name": "a", "environment": "e", "parent": "p"},
        ),
        # Held for two minutes.
        Fires(
            {**_parents("a", "p"), **_down("p", "1x20 stale")},
            "",
            "6m45s",
            "a (e) depends on p: expected it to answer, seen it down. Alerts of this API are held back.",
            {"api_name": "a", "environment": "e", "parent": "p"},
        ),
    ),
    healthy=(Quiet(_parents("a", "p"), ("5m",)), Quiet(_down("a", "1x60"), ("5m",))),
    just_below=(
        # Another API is down; the child itself is; the parent of the same name in another environment is.
        Quiet(
            {
                **_parents("a", "p"),
                **_down("ab", "1x60"),
                'ALERTS{alertname="RapidAPIDown",alertstate="firing",api_name="p",environment="other"}': "1x60",
                'ALERTS{alertname="RapidAPIAnomaly",alertstate="firing",api_name="p",environment="e"}': "1x60",
            },
            ("5m",),
        ),
    ),
    also=(Quiet({**_parents("a", "p"), **_down("p", "1x20 stale")}, ("7m30s",)),),
)

MANY_DOWN: Final = Proof(
    "RapidAPIManyDown",
    "critical",
    {"component": "api", "kind": "symptom"},
    "Many APIs are down at once.",
    fires=(
        # Three of nine, while their own alerts still wait.
        Fires(
            {
                **_apis("abcdefghi", "rapidapi_api_requests_total", "1x60"),
                **_down("abc", "_x20 1x7", "pending"),
                **_down("abc", "_x28 1x30"),
            },
            "6m30s",
            "6m45s",
            "e: expected APIs to fail independently, seen 3 down at once: a, b, c. "
            "Look for what they share: network, DNS, proxy, the collector's host.",
            _E,
        ),
        # Seven of nine, one of which depends on another; and some in another environment. Five are named.
        Fires(
            {
                **_apis("abcdefghi", "rapidapi_api_requests_total", "1x60"),
                **_down("gfedcba", "_x20 1x60"),
                'ALERTS{alertname="RapidAPIDown",alertstate="firing",api_name="0",environment="other"}': "1x60",
                'ALERTS{alertname="RapidAPIParentDown",api_name="b",environment="e",parent="a"}': "1x60",
            },
            "6m30s",
            "6m45s",
            "e: expected APIs to fail independently, seen 6 down at once, among them a, c, d, e, f. "
            "Look for what they share: network, DNS, proxy, the collector's host.",
            _E,
        ),
    ),
    healthy=(Quiet(_apis("abcd", "rapidapi_api_requests_total", "1x60"), ("10m",)),),
    just_below=(
        Quiet({**_apis("abcd", "rapidapi_api_requests_total", "1x60"), **_down("ab", "1x60")}, ("10m",)),
        # Three of eleven.
        Quiet(
            {**_apis("abcdefghijk", "rapidapi_api_requests_total", "1x60"), **_down("abc", "1x60")}, ("10m",)
        ),
        Quiet(
            {**_apis("abcd", "rapidapi_api_requests_total", "1x60"), **_down("abc", "_x20 1x6 stale")},
            ("6m30s", "6m45s", "7m"),
        ),
    ),
    also=(
        # The three depend on a fourth: that one is the cause.
        Quiet(
            {
                **_apis("abcp", "rapidapi_api_requests_total", "1x60"),
                **_down("abcp", "1x60"),
                **{
                    f'ALERTS{{alertname="RapidAPIParentDown",api_name="{name}",environment="e",parent="p"}}': "1x60"
                    for name in "abc"
                },
            },
            ("10m",),
        ),
    ),
    board="rapidapi_overview",
)

_FRESH: Final = {"rapidapi_ml_last_score_timestamp_seconds{e}": "0+15x100"}
_MANY: Final = "e: expected anomalies of APIs to be independent, seen 3 at once. They have a cause in common, or the model is at fault."

MANY_ANOMALOUS: Final = Proof(
    "RapidAPIManyAnomalous",
    "warning",
    {"component": "ml", "kind": "sign"},
    "Many APIs behave unusually at once.",
    fires=(
        Fires(
            {
                **_FRESH,
                **_apis("abc", "rapidapi_ml_anomaly", "0x19 1x60"),
                **_apis("defghi", "rapidapi_ml_anomaly", "0x60"),
            },
            "5m15s",
            "5m30s",
            _MANY,
            _E,
        ),
        Fires(
            {
                **_apis("abc", "rapidapi_ml_anomaly", "1x60"),
                "rapidapi_ml_last_score_timestamp_seconds{e}": "0+15x14 210x60",
            },
            "15s",
            "7m15s",
            _MANY,
            _E,
        ),
    ),
    healthy=(Quiet({**_FRESH, **_apis("abcd", "rapidapi_ml_anomaly", "0x60")}, ("10m",)),),
    just_below=(
        Quiet(
            {
                **_FRESH,
                **_apis("ab", "rapidapi_ml_anomaly", "1x60"),
                **_apis("cd", "rapidapi_ml_anomaly", "0x60"),
            },
            ("10m",),
        ),
        Quiet(
            {
                **_FRESH,
                **_apis("abc", "rapidapi_ml_anomaly", "1x60"),
                **_apis("defghijk", "rapidapi_ml_anomaly", "0x60"),
            },
            ("10m",),
        ),
        Quiet({**_FRESH, **_apis("abc", "rapidapi_ml_anomaly", "0x19 1x1 0x40")}, ("5m15s", "5m30s")),
    ),
    also=(
        # A sidecar that hangs is no evidence after two minutes, and two of hold.
        Quiet(
            {
                **_apis("abc", "rapidapi_ml_anomaly", "1x60"),
                "rapidapi_ml_last_score_timestamp_seconds{e}": "0+15x14 210x60",
            },
            ("7m30s",),
        ),
        # The tail of a common outage has been told.
        Quiet({**_FRESH, **_apis("abc", "rapidapi_ml_anomaly", "1x60"), **_down("a", "1x60")}, ("10m",)),
    ),
    board="rapidapi_overview",
)

PROOFS: Final = (PARENT_DOWN, MANY_DOWN, MANY_ANOMALOUS)
