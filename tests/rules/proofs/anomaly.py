"""Anomalies and scores; the anomaly's tests of a whole incident stand in anomaly.test.yml."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_SIGN: Final = {"component": "ml", "kind": "sign"}
_LAST: Final = "rapidapi_ml_last_score_timestamp_seconds{e}"
_FRESH: Final = {_LAST: "0+15x400"}
_SCORE: Final = {"rapidapi_ml_anomaly_score{a}": "0.95x400"}

ANOMALY: Final = Proof(
    "RapidAPIAnomaly",
    "warning",
    _SIGN,
    "An API does not behave as it usually does.",
    fires=(
        # 3 of 5 minutes: 60 % with the sample at either end of the window.
        Fires(
            {**_FRESH, **_SCORE, "rapidapi_ml_anomaly{a}": "0x239 1x40"},
            "63m",
            "63m15s",
            "a (e) does not behave as it usually does: anomalous for 66.67% of the last 5m, anomaly score 0.95 of 1.",
        ),
        # Known for five minutes only: 1 of 20 is 5 % of what there is.
        Fires(
            {
                **_FRESH,
                "rapidapi_ml_anomaly_score{a}": "0.51x400",
                "rapidapi_ml_anomaly{a}": "1x400",
            },
            "0m",
            "15s",
            "a (e) does not behave as it usually does: anomalous for 100% of the last 5m, anomaly score 0.51 of 1.",
        ),
        # Held for two minutes after the episode has gone.
        Fires(
            {**_FRESH, **_SCORE, "rapidapi_ml_anomaly{a}": "1x40 stale"},
            "",
            "12m",
            "a (e) does not behave as it usually does: anomalous for 100% of the last 5m, anomaly score 0.95 of 1.",
        ),
    ),
    healthy=(
        Quiet(
            {**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.1x400", "rapidapi_ml_anomaly{a}": "0x400"}, ("1h",)
        ),
    ),
    just_below=(
        # 11 of 21 samples in the five minutes, 21 of 241 in the hour.
        Quiet(
            {**_FRESH, **_SCORE, "rapidapi_ml_anomaly{a}": "0x189 1x9 0x30 1x10 0x40"}, ("61m", "62m", "65m")
        ),
        # 11 of 233 samples in the hour: 4.7 %.
        Quiet({**_FRESH, **_SCORE, "rapidapi_ml_anomaly{a}": "0x219 _x20 1x9 0x20"}, ("62m15s", "62m30s")),
        Quiet(
            {**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.49x400", "rapidapi_ml_anomaly{a}": "1x400"}, ("1h",)
        ),
    ),
    also=(
        # The sidecar hangs from 2m30s on: its word counts for two minutes and is held for two more.
        Fires(
            {**_SCORE, "rapidapi_ml_anomaly{a}": "1x60", _LAST: "0+15x10 150x60"},
            "",
            "6m15s",
            "a (e) does not behave as it usually does: anomalous for 100% of the last 5m, anomaly score 0.95 of 1.",
        ),
        Quiet({**_SCORE, "rapidapi_ml_anomaly{a}": "1x60", _LAST: "0+15x10 150x60"}, ("6m30s",)),
        Quiet({**_FRESH, **_SCORE, "rapidapi_ml_anomaly{a}": "1x40 stale"}, ("12m30s",)),
        # A minute without samples changes nothing.
        Fires(
            {**_FRESH, **_SCORE, "rapidapi_ml_anomaly{a}": "1x20 _x4 1x20"},
            "",
            "7m",
            "a (e) does not behave as it usually does: anomalous for 100% of the last 5m, anomaly score 0.95 of 1.",
        ),
        Quiet(
            {
                **_FRESH,
                **_SCORE,
                "rapidapi_ml_anomaly{a}": "1x400",
                'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}': "1x80",
            },
            ("20m", "28m"),
        ),
    ),
)

SCORE_HIGH: Final = Proof(
    "RapidAPIAnomalyScoreHigh",
    "warning",
    _SIGN,
    "An API's anomaly score stays high.",
    fires=(
        Fires(
            {**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.71x200"},
            "4m45s",
            "5m",
            "a (e): expected an anomaly score of at most 0.7, seen 0.71 on average over 10m.",
        ),
        # The average of ten minutes reaches 0.7 seven minutes after the score did; five minutes later it fires.
        Fires(
            {
                **_FRESH,
                "rapidapi_ml_anomaly_score{a}": "0x79 1x200",
                'rapidapi_ml_anomaly_contribution_ratio{a,feature="response_time"}': "1x400",
                'rapidapi_ml_expected{a,feature="response_time"}': "0.2x400",
                'rapidapi_ml_expected_lower{a,feature="response_time"}': "0.1x400",
                'rapidapi_ml_expected_upper{a,feature="response_time"}': "0.3x400",
                "rapidapi_api_response_time_seconds{a}": "0.6x400",
            },
            "31m45s",
            "32m",
            "a (e): expected an anomaly score of at most 0.7, seen 1 on average over 10m. "
            "Most of it is due to its response time: expected 0.2 s (from 0.1 to 0.3), seen 0.6 s.",
        ),
        # Held for two minutes after the score has gone, not for three.
        Fires(
            {**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.75x40 stale"},
            "",
            "12m",
            "a (e): expected an anomaly score of at most 0.7, seen 0.75 on average over 10m.",
        ),
    ),
    healthy=(Quiet({**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.1x200"}, ("6m", "40m")),),
    just_below=(
        Quiet({**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.69x200"}, ("6m", "40m")),
        Quiet({**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.75x18 0x100"}, ("5m", "6m", "20m")),
    ),
    also=(
        Quiet({**_FRESH, "rapidapi_ml_anomaly_score{a}": "0.75x40 stale"}, ("12m30s",)),
        # The sidecar hangs from 3m30s on, and its last word counts for two minutes, or from 3m15s.
        Fires(
            {"rapidapi_ml_anomaly_score{a}": "0.95x60", _LAST: "0+15x14 210x60"},
            "4m45s",
            "7m15s",
            "a (e): expected an anomaly score of at most 0.7, seen 0.95 on average over 10m.",
        ),
        Quiet({"rapidapi_ml_anomaly_score{a}": "0.95x60", _LAST: "0+15x14 210x60"}, ("7m30s",)),
        # Down until 20m: ten minutes of the score's window and five of waiting later it fires.
        Fires(
            {
                **_FRESH,
                "rapidapi_ml_anomaly_score{a}": "0.95x200",
                'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}': "1x80",
            },
            "35m",
            "35m15s",
            "a (e): expected an anomaly score of at most 0.7, seen 0.95 on average over 10m.",
        ),
    ),
)

PROOFS: Final = (ANOMALY, SCORE_HIGH)
