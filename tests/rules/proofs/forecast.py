"""What is to come."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import API, Fires, Proof, Quiet

_SIGN: Final = {"component": "ml", "kind": "sign"}
_LAST: Final = "rapidapi_ml_last_score_timestamp_seconds{e}"
_FRESH: Final = {_LAST: "0+15x400"}
_DOWN: Final = 'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}'
_TREND: Final = 'rapidapi_ml_performance_trend{a,feature="success_rate"}'
_FALLS: Final = "a (e): expected a steady success rate, seen it change by -5.2 points a day; -5 is the limit."

DEGRADING: Final = Proof(
    "RapidAPIDegrading",
    "warning",
    _SIGN,
    "An API's success rate falls from day to day.",
    fires=(
        Fires({**_FRESH, _TREND: "0x19 -5.2x200"}, "19m45s", "20m", _FALLS),
        # The sidecar hangs: its word counts for two minutes and is held for two more.
        Fires({_TREND: "-5.2x200", _LAST: "0+15x130 1950x60"}, "14m45s", "36m15s", _FALLS),
    ),
    healthy=(Quiet({**_FRESH, _TREND: "0x200"}, ("40m",)), Quiet({**_FRESH, _TREND: "9x200"}, ("40m",))),
    just_below=(
        Quiet({**_FRESH, _TREND: "-5x200"}, ("40m",)),
        Quiet({**_FRESH, _TREND: "0x19 -9x59 0x40"}, ("19m45s", "20m")),
        Quiet({**_FRESH, 'rapidapi_ml_performance_trend{a,feature="response_time"}': "-9x200"}, ("40m",)),
    ),
    also=(
        Quiet({_TREND: "-5.2x200", _LAST: "0+15x130 1950x60"}, ("36m30s",)),
        Quiet({**_FRESH, _TREND: "-9x200", _DOWN: "1x100"}, ("32m", "45m")),
    ),
)

_BREACH: Final = 'rapidapi_ml_breach_probability{a,feature="response_time",horizon="%s"}'
_SKILL: Final = 'rapidapi_ml_forecast_skill_ratio{environment="e",feature="response_time"}'
_LABELS: Final = {**API, "feature": "response_time"}
_WILL: Final = (
    "a (e): expected its response time to stay within its critical threshold, seen a probability of 62% that it will "
    "not, most probably in 2h."
)

BREACH_PREDICTED: Final = Proof(
    "RapidAPIBreachPredicted",
    "warning",
    _SIGN,
    "An API will probably breach its critical threshold within hours.",
    fires=(
        Fires(
            {
                **_FRESH,
                _SKILL: "0.1x200",
                _BREACH % "1h": "0.2x200",
                _BREACH % "2h": "0x19 0.62x200",
                _BREACH % "3h": "0.4x200",
                'rapidapi_ml_predicted{a,feature="response_time",horizon="1h"}': "0.5x200",
                'rapidapi_ml_predicted{a,feature="response_time",horizon="2h"}': "2.5x200",
            },
            "19m45s",
            "20m",
            f"{_WILL[:-1]} (forecasts from 0.5 to 2.5).",
            _LABELS,
        ),
        Fires(
            {_SKILL: "0.1x200", _BREACH % "2h": "0.62x200", _LAST: "0+15x70 1050x60"},
            "14m45s",
            "21m15s",
            _WILL,
            _LABELS,
        ),
    ),
    healthy=(Quiet({**_FRESH, _SKILL: "0.3x200", _BREACH % "1h": "0.01x200"}, ("30m",)),),
    just_below=(
        Quiet({**_FRESH, _SKILL: "0.3x200", _BREACH % "1h": "0.6x200"}, ("30m",)),
        # Without skill a probability is a guess.
        Quiet({**_FRESH, _SKILL: "0x200", _BREACH % "1h": "0.9x200"}, ("30m",)),
        Quiet({**_FRESH, _BREACH % "1h": "0.9x200"}, ("30m",)),
        Quiet({**_FRESH, _SKILL: "0.3x200", _BREACH % "1h": "0x19 0.9x59 0x60"}, ("19m45s", "20m")),
    ),
    also=(
        Quiet({_SKILL: "0.1x200", _BREACH % "2h": "0.62x200", _LAST: "0+15x70 1050x60"}, ("21m30s",)),
        Quiet({**_FRESH, _SKILL: "0.3x200", _BREACH % "1h": "0.9x200", _DOWN: "1x60"}, ("16m", "25m")),
    ),
)

_CHANGES: Final = 'rapidapi_ml_threshold_changes_total{a,feature="success_rate"}'
_LIMIT: Final = 'rapidapi_ml_threshold{a,feature="success_rate",severity="warning",bound="lower"}'

THRESHOLD_CHANGED: Final = Proof(
    "RapidAPIThresholdChanged",
    "info",
    {"component": "ml", "kind": "note"},
    "A learnt threshold has changed.",
    fires=(
        Fires(
            {_CHANGES: "4x79 5x60", _LIMIT: "97.5x79 98.25x60"},
            "20m15s",
            "20m30s",
            "a (e): the warning threshold of its success rate was learnt anew; expected 97.5 as before, seen 98.25 now.",
            {**API, "feature": "success_rate"},
        ),
    ),
    healthy=(Quiet({_CHANGES: "4x200", _LIMIT: "97.5x200"}, ("20m", "40m")),),
    just_below=(
        # A series that has just appeared has not changed yet, and a restart counts from zero again.
        Quiet({_CHANGES: "_x40 4x100"}, ("11m", "30m")),
        Quiet({_CHANGES: "4x40 0x100"}, ("11m", "30m")),
        # A quarter of an hour later it is no news.
        Quiet({_CHANGES: "4x79 5x120"}, ("35m30s",)),
    ),
)

PROOFS: Final = (DEGRADING, BREACH_PREDICTED, THRESHOLD_CHANGED)
