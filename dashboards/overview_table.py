"""The overview's table: one row per API."""

from __future__ import annotations

from typing import Any, Final

from dashboards.panels import BAD, GOOD, NEUTRAL, WARN, override, steps, table, value_names
from dashboards.queries import feature, per_api, series
from ml_sidecar import contract as ml

_FIRING: Final = {"alertstate": "firing", "severity": "critical"}


def _state() -> str:
    """Return 2 for an API with a critical alert, else 1 while an anomaly is open, else 0."""
    return per_api(f"{series(ml.ANOMALY.name)} or 2 * {series('ALERTS', _FIRING)}")


_COLUMNS: Final = (
    ("State", "A", _state()),
    ("Anomaly score", "B", per_api(series(ml.ANOMALY_SCORE.name))),
    ("Success rate", "C", feature(ml.SUCCESS_RATE)),
    ("Response time", "D", feature(ml.RESPONSE_TIME)),
    ("Pattern", "E", per_api(f"{series(ml.PATTERN.name)} == 1", "pattern")),
)


def _transformations() -> list[dict[str, Any]]:
    order = ["api_name", "environment", "Value #A", "Value #B", "Value #C", "Value #D", "pattern"]
    names = {"api_name": "API", "environment": "Environment", "pattern": "Pattern"}
    return [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True, "Value #E": True},
                "indexByName": {name: index for index, name in enumerate(order)},
                "renameByName": names | {f"Value #{ref}": title for title, ref, _ in _COLUMNS if ref != "E"},
            },
        },
    ]


def _overrides(uid: str) -> list[dict[str, Any]]:
    link = {
        "title": "Show only this API",
        "url": f"/d/{uid}?var-api_name=${{__value.raw:percentencode}}&${{environment:queryparam}}&${{__url_time_range}}",
    }
    background = {"mode": "basic", "type": "color-background"}
    colored_text = {"type": "color-text"}
    scores = {"mode": "absolute", "steps": steps(NEUTRAL, (0.7, WARN), (0.9, BAD))}
    rates = {"mode": "absolute", "steps": steps(BAD, (95, WARN), (99, NEUTRAL))}
    states = value_names((0, "normal", GOOD), (1, "anomalous", WARN), (2, "critical", BAD))
    return [
        override("API", {"links": [link]}),
        override("State", {"mappings": states, "custom.cellOptions": background, "custom.width": 110}),
        override(
            "Anomaly score",
            {"unit": "percentunit", "decimals": 0, "thresholds": scores, "custom.cellOptions": colored_text},
        ),
        override(
            "Success rate",
            {"unit": "percent", "decimals": 2, "thresholds": rates, "custom.cellOptions": colored_text},
        ),
        override("Response time", {"unit": "s"}),
    ]


def apis_table(uid: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the table; a click on an API narrows the dashboard of this uid to it."""
    return table(
        "APIs",
        "Each API with its state, how unusual it is, what it does now and the pattern it shows.",
        [(expr, title) for title, _, expr in _COLUMNS],
        _transformations(),
        _overrides(uid),
    )
