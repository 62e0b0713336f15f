"""Error budgets."""

from __future__ import annotations

from typing import Final

from tests.rules.proof import Fires, Proof, Quiet

_SYMPTOM: Final = {"component": "api", "kind": "symptom"}
_BURNS: Final = "An API burns its error budget too fast."
_RATIO: Final = "api:rapidapi_api_requests_failed:ratio_rate"
_COUNT: Final = "api:rapidapi_api_requests_failed:increase"
_SLOT: Final = "api:rapidapi_api_requests_failed:slot5m"
_DOWN: Final = 'ALERTS{a,alertname="RapidAPIDown",alertstate="firing"}'


def _fast(short: str, long: str, failures: str) -> dict[str, str]:
    return {f"{_RATIO}5m{{a}}": short, f"{_RATIO}1h{{a}}": long, f"{_COUNT}1h{{a}}": failures}


def _slow(short: str, long: str, slot: str) -> dict[str, str]:
    return {f"{_RATIO}30m{{a}}": short, f"{_RATIO}6h{{a}}": long, f"{_SLOT}{{a}}": slot}


CRITICAL: Final = Proof(
    "RapidAPIErrorBudgetBurn",
    "critical",
    _SYMPTOM,
    _BURNS,
    fires=(
        Fires(
            {
                **_fast("0x19 0.15x60", "0x19 0.15x60", "5x100"),
                "api:rapidapi_api_slo_period_error_budget_remaining:ratio{a}": "0.42x100",
                'rapidapi_api_errors_total{a,reason="http_5xx"}': "0+1x100",
            },
            "6m45s",
            "7m",
            "a (e): expected at most 1 % of the requests to fail, seen 15%. "
            "Of the error budget of 30d 42 % is left. Most failures: http_5xx.",
        ),
        Fires(
            _slow("0.062x60", "0.062x60", "0.25x60"),
            "6m30s",
            "6m45s",
            "a (e): expected at most 1 % of the requests to fail, seen 6.2%. "
            "Of the error budget of 30d an unknown part is left.",
        ),
        # The long window is recorded every five minutes, and may miss once.
        Fires(
            _slow("0.062x100", "0.062x20 _x39 0.062x40", "5x100"),
            "",
            "14m45s",
            "a (e): expected at most 1 % of the requests to fail, seen 6.2%. "
            "Of the error budget of 30d an unknown part is left.",
        ),
        # Nobody is paged for the tail of an outage, five minutes or half an hour of it; who goes on failing is told.
        Fires(
            {**_fast("0.5x100", "0.5x100", "50x100"), _DOWN: "1x20"},
            "15m",
            "15m15s",
            "a (e): expected at most 1 % of the requests to fail, seen 50%. "
            "Of the error budget of 30d an unknown part is left.",
        ),
    ),
    healthy=(Quiet({**_fast("0x60", "0x60", "0x60"), **_slow("0x60", "0x60", "0x60")}, ("15m",)),),
    just_below=(
        Quiet(_fast("0.144x60", "0.15x60", "9x60"), ("15m",)),
        Quiet(_fast("0.15x60", "0.144x60", "9x60"), ("15m",)),
        Quiet(_fast("0.15x60", "0.15x60", "4.9x60"), ("15m",)),
        Quiet(_slow("0.06x60", "0.062x60", "9x60"), ("15m",)),
        Quiet(_slow("0.062x60", "0.06x60", "9x60"), ("15m",)),
        # 4.88 failures within half an hour.
        Quiet(_slow("0.062x200", "0.062x200", "0.08x60 0x100"), ("30m",)),
        Quiet(_fast("0x19 0.5x7 0x60", "0x19 0.5x60", "9x60"), ("6m45s", "7m")),
    ),
    also=(
        # A new series, and one without requests.
        Quiet(_fast("_x20 NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN", "0.5x60", "9x60"), ("7m15s",)),
        Quiet({**_slow("0.3x200", "0.3x200", "9x200"), _DOWN: "1x20"}, ("20m", "34m45s")),
    ),
)

WARNING: Final = Proof(
    "RapidAPIErrorBudgetBurn",
    "warning",
    _SYMPTOM,
    _BURNS,
    fires=(
        Fires(
            {
                f"{_RATIO}2h{{a}}": "0x3 0.031x20",
                f"{_RATIO}1d{{a}}": "0.031x20",
                f"{_SLOT}{{a}}": "0.3x20",
            },
            "90m",
            "95m",
            "a (e): expected at most 1 % of the requests to fail, seen 3.1%. "
            "Of the error budget of 30d an unknown part is left.",
        ),
        Fires(
            {
                f"{_RATIO}6h{{a}}": "0x3 0.011x20",
                f"{_RATIO}3d{{a}}": "0.011x20",
                f"{_SLOT}{{a}}": "0.3x20",
            },
            "90m",
            "95m",
            "a (e): expected at most 1 % of the requests to fail, seen 1.1%. "
            "Of the error budget of 30d an unknown part is left.",
        ),
        # What an outage has cost is worth a ticket.
        Fires(
            {
                f"{_RATIO}2h{{a}}": "0x3 0.5x20",
                f"{_RATIO}1d{{a}}": "0.05x20",
                f"{_SLOT}{{a}}": "9x20",
                _DOWN: "1x3",
            },
            "30m",
            "35m",
            "a (e): expected at most 1 % of the requests to fail, seen 50%. "
            "Of the error budget of 30d an unknown part is left.",
        ),
    ),
    healthy=(Quiet({f"{_RATIO}{window}{{a}}": "0x40" for window in ("2h", "1d", "6h", "3d")}, ("2h",)),),
    just_below=(
        Quiet(
            {f"{_RATIO}2h{{a}}": "0.03x40", f"{_RATIO}1d{{a}}": "0.031x40", f"{_SLOT}{{a}}": "9x40"},
            ("2h",),
        ),
        Quiet(
            {f"{_RATIO}2h{{a}}": "0.031x40", f"{_RATIO}1d{{a}}": "0.03x40", f"{_SLOT}{{a}}": "9x40"},
            ("2h",),
        ),
        Quiet(
            {f"{_RATIO}2h{{a}}": "0.031x40", f"{_RATIO}1d{{a}}": "0.031x40", f"{_SLOT}{{a}}": "4.9 0x40"},
            ("2h",),
        ),
        Quiet(
            {f"{_RATIO}6h{{a}}": "0.01x40", f"{_RATIO}3d{{a}}": "0.011x40", f"{_SLOT}{{a}}": "9x40"},
            ("2h",),
        ),
        Quiet(
            {f"{_RATIO}6h{{a}}": "0.011x40", f"{_RATIO}3d{{a}}": "0.01x40", f"{_SLOT}{{a}}": "9x40"},
            ("2h",),
        ),
        Quiet(
            {f"{_RATIO}6h{{a}}": "0.011x40", f"{_RATIO}3d{{a}}": "0.011x40", f"{_SLOT}{{a}}": "4.9 0x40"},
            ("2h",),
        ),
    ),
    interval="5m",
)

NOT_RECORDED: Final = Proof(
    "RapidAPIErrorBudgetNotRecorded",
    "warning",
    {"component": "prometheus", "kind": "health"},
    "An API's error budget is not kept.",
    fires=(
        Fires(
            {
                'rapidapi_api_requests_total{a,status="success"}': "0+1x40",
                "api:rapidapi_api_requests:slot5m{a}": "20x4 stale",
            },
            "45m",
            "55m",
            "a (e): expected its requests to be counted every 5m, seen no count for 15m; "
            "alerts on its error budget are blind.",
        ),
    ),
    healthy=(
        Quiet(
            {
                'rapidapi_api_requests_total{a,status="success"}': "0+1x40",
                "api:rapidapi_api_requests:slot5m{a}": "20x40",
            },
            ("20m", "2h"),
        ),
    ),
    just_below=(
        Quiet(
            {
                'rapidapi_api_requests_total{a,status="success"}': "0+1x40",
                "api:rapidapi_api_requests:slot5m{a}": "20x4 _x5 20x40",
            },
            ("40m", "45m", "50m"),
        ),
    ),
    interval="5m",
)

PROOFS: Final = (CRITICAL, WARNING, NOT_RECORDED)
