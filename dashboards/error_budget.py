"""The error budget of each API: what is left of the period, and how fast it burns."""

from __future__ import annotations

from typing import Any

from alert_rules.settings import DEFAULT, duration
from alert_rules.slo import BURN_RATE, OBJECTIVE, REMAINING
from dashboards.common import ANY_API
from dashboards.palette import BAD, GOOD, NEUTRAL, WARN
from dashboards.panels import stat, steps, time_series
from dashboards.queries import series
from dashboards.tables import COLORED_TEXT, Column, table

_LEFT = steps(BAD, (0, WARN), (0.5, NEUTRAL))
_NOT_YET = "not counted yet"


def remaining() -> str:
    """Return the share of the period's budget that is left; it is recorded once a slot, and must not flicker between."""
    return f"last_over_time({series(REMAINING)}[{duration(3 * DEFAULT.slo_slot)}])"


def budget_left() -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the big number of what is left."""
    return stat(
        "Error budget left",
        "Share of the failures that 30 days may have which has not been used up; of what has been counted so far while that "
        "is less. Below zero the objective is missed.",
        [(remaining(), "left")],
        "percentunit",
        steps(BAD, (0, WARN), (0.5, GOOD)),
        decimals=0,
        none=_NOT_YET,
    )


def budgets() -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the table of all budgets."""
    return table(
        "Error budgets",
        "Objective: the share of requests that is to succeed. Burning: how many times as fast as the budget allows "
        "requests fail now; at 1 it lasts exactly for the 30 days. Left: of the 30 days' budget; below zero the objective is "
        "missed.",
        [
            Column("Objective", series(OBJECTIVE), {"unit": "percentunit"}),
            Column("Burning", series(BURN_RATE), {"unit": "none", "decimals": 1, "noValue": "no requests"}),
            Column(
                "Left",
                remaining(),
                {
                    "unit": "percentunit",
                    "decimals": 0,
                    "noValue": _NOT_YET,
                    "thresholds": {"mode": "absolute", "steps": _LEFT},
                }
                | COLORED_TEXT,
            ),
        ],
    )


def burn_rates() -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return how fast budgets burn over time, with the rates that alert."""
    page, ticket = DEFAULT.slo_page[0][0], DEFAULT.slo_ticket[-1][0]
    return time_series(
        "Burn rate",
        "How many times as fast as the budget allows requests fail. The lines are the lowest rate that alerts when it lasts, "
        "and the rate that wakes somebody.",
        [(series(BURN_RATE), ANY_API)],
        "none",
        thresholds=steps(NEUTRAL, (ticket, WARN), (page, BAD)),
    )
