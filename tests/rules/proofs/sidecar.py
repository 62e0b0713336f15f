"""The sidecar's own health."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_HEALTH: Final = {"component": "sidecar", "kind": "health"}
_E: Final = {"environment": "e"}
_LAST: Final = "rapidapi_ml_last_score_timestamp_seconds{e}"
_FRESH: Final = {_LAST: "0+15x200"}

SILENT: Final = Proof(
    "MLSidecarSilent",
    "warning",
    _HEALTH,
    "The ML sidecar does not score.",
    fires=(
        Fires(
            {_LAST: "0+15x20 300x40"},
            "9m",
            "9m15s",
            "Expected a score at most 2m old, seen one of 4m 15s ago in e. "
            "Anomalies, forecasts and learnt thresholds are not watched meanwhile.",
            _E,
        ),
        Fires(
            {},
            "1m45s",
            "2m",
            "Expected a score at most 2m old, seen none for 1d. "
            "Anomalies, forecasts and learnt thresholds are not watched meanwhile.",
            {},
        ),
    ),
    healthy=(Quiet(_FRESH, ("3m", "50m")),),
    just_below=(
        Quiet({_LAST: "0x8 15+15x60"}, ("10m",)),
        Quiet({_LAST: "0+15x20 300x14 525+15x40"}, ("9m", "12m")),
    ),
    also=(
        Fires(
            {_LAST: "0+15x20 stale"},
            "9m",
            "9m15s",
            "Expected a score at most 2m old, seen one of 4m 15s ago in e. "
            "Anomalies, forecasts and learnt thresholds are not watched meanwhile.",
            _E,
        ),
    ),
    board="rapidapi_pipeline",
)

NOT_SCORING: Final = Proof(
    "MLSidecarNotScoring",
    "warning",
    _HEALTH,
    "An API is measured but not scored.",
    fires=(
        Fires(
            {**_FRESH, "api:rapidapi_api_fresh:5m{a}": "1x200"},
            "14m45s",
            "15m",
            "a (e): expected an anomaly score, seen none for 15m, while it is measured and other APIs are scored.",
        ),
        Fires(
            {
                **_FRESH,
                "api:rapidapi_api_fresh:1h{a}": "1x200",
                "rapidapi_ml_anomaly_score{a}": "0.1x20 stale",
            },
            "25m",
            "25m15s",
            "a (e): expected an anomaly score, seen none for 15m, while it is measured and other APIs are scored.",
        ),
    ),
    healthy=(
        Quiet(
            {**_FRESH, "api:rapidapi_api_fresh:5m{a}": "1x200", "rapidapi_ml_anomaly_score{a}": "0.1x200"},
            ("16m", "50m"),
        ),
    ),
    just_below=(
        # Scores come back after twenty minutes less one evaluation.
        Quiet(
            {
                **_FRESH,
                "api:rapidapi_api_fresh:5m{a}": "1x200",
                "rapidapi_ml_anomaly_score{a}": "0.1x20 _x79 0.1x100",
            },
            ("25m", "40m"),
        ),
    ),
    also=(
        # Where nothing is scored any more, MLSidecarSilent tells it: a score of 13m15s still counts at 15m, one of 12m45s not.
        Fires(
            {_LAST: "0+15x53 795x200", "api:rapidapi_api_fresh:5m{a}": "1x200"},
            "14m45s",
            "15m",
            "a (e): expected an anomaly score, seen none for 15m, while it is measured and other APIs are scored.",
        ),
        Quiet({_LAST: "0+15x51 765x200", "api:rapidapi_api_fresh:5m{a}": "1x200"}, ("14m45s", "15m", "40m")),
    ),
)

QUERIES_FAILING: Final = Proof(
    "MLSidecarQueriesFailing",
    "warning",
    _HEALTH,
    "Queries of the ML sidecar to Prometheus fail.",
    fires=(
        Fires(
            {
                "rapidapi_ml_queries_total{e}": "0+100x100",
                "rapidapi_ml_query_failures_total{e}": "0+5.5x100",
            },
            "5m",
            "5m15s",
            "e: expected at most 5 % of the sidecar's queries to fail, seen 5.5% over 5m.",
            _E,
        ),
    ),
    healthy=(
        Quiet(
            {"rapidapi_ml_queries_total{e}": "0+100x100", "rapidapi_ml_query_failures_total{e}": "0x100"},
            ("20m",),
        ),
    ),
    just_below=(
        Quiet(
            {"rapidapi_ml_queries_total{e}": "0+100x100", "rapidapi_ml_query_failures_total{e}": "0+5x100"},
            ("20m",),
        ),
        # Failures without queries are none.
        Quiet(
            {"rapidapi_ml_queries_total{e}": "0x100", "rapidapi_ml_query_failures_total{e}": "0+1x100"},
            ("20m",),
        ),
        # One failing minute stays in the window for five, and is forgotten in time.
        Quiet(
            {
                "rapidapi_ml_queries_total{e}": "0+100x100",
                "rapidapi_ml_query_failures_total{e}": "0x20 1000x100",
            },
            ("10m", "11m"),
        ),
    ),
    also=(
        # Restarted, and then nothing was asked.
        Quiet(
            {
                "rapidapi_ml_queries_total{e}": "0+100x20 0x80",
                "rapidapi_ml_query_failures_total{e}": "0+100x3 0x100",
            },
            ("10m", "20m"),
        ),
    ),
    board="rapidapi_pipeline",
)

CYCLE_SLOW: Final = Proof(
    "MLSidecarCycleSlow",
    "warning",
    _HEALTH,
    "Scoring takes almost as long as its interval.",
    fires=(
        Fires(
            {"rapidapi_ml_cycle_duration_seconds{e}": "12.5x60"},
            "4m45s",
            "5m",
            "e: expected a scoring cycle to take at most 12 s, as there is one every 15s; "
            "seen 12.5 s on average over 5m.",
            _E,
        ),
    ),
    healthy=(Quiet({"rapidapi_ml_cycle_duration_seconds{e}": "0.3x60"}, ("6m", "15m")),),
    just_below=(
        Quiet({"rapidapi_ml_cycle_duration_seconds{e}": "12x60"}, ("6m", "15m")),
        Quiet({"rapidapi_ml_cycle_duration_seconds{e}": "12.5x18 1x60"}, ("4m45s", "5m", "6m")),
    ),
    board="rapidapi_pipeline",
)

SERIES_DROPPED: Final = Proof(
    "MLSidecarSeriesDropped",
    "warning",
    _HEALTH,
    "The ML sidecar leaves series out because of its cap.",
    fires=(
        Fires(
            {"rapidapi_ml_series_dropped_total{e}": "0x80 1x100"},
            "21m",
            "21m15s",
            "e: expected every series to be exported, seen 1 left out within 15m because of the cap.",
            _E,
        ),
    ),
    healthy=(Quiet({"rapidapi_ml_series_dropped_total{e}": "0x200"}, ("10m", "40m")),),
    just_below=(
        # Dropped before this sidecar was scraped for the first time, and over since.
        Quiet({"rapidapi_ml_series_dropped_total{e}": "19x200"}, ("10m", "40m")),
        # A restart counts from zero again, and a minute has not passed.
        Quiet({"rapidapi_ml_series_dropped_total{e}": "19x20 0x100"}, ("6m", "20m")),
    ),
    board="rapidapi_pipeline",
)

PROOFS: Final = (SILENT, NOT_SCORING, QUERIES_FAILING, CYCLE_SLOW, SERIES_DROPPED)
