"""Every expression of every panel, annotation and variable, sent to the Prometheus of a running loop."""

from __future__ import annotations

import math
import re
import time
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from collector import contract as raw
from dashboards import generate
from dashboards.names import API
from dashboards.panels import NO_DATA
from ml_sidecar import contract as ml
from tests.dashboards.asked import Asked, asked, data_panels, fill
from tests.integration.stack import ENVIRONMENT, NAMES, Stack, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("loop")]

BOARDS: Final = generate.dashboards()
Question = tuple[str, Asked]
"""A dashboard's uid and what it asks."""

QUESTIONS: Final[list[Question]] = [
    (uid, question) for uid, board in BOARDS.items() for question in asked(board)
]
CHOSEN: Final = NAMES[2]
"""The API that is chosen where a dashboard is about single ones; it alone states a quota."""

IN_TROUBLE: Final = ("Firing now", "annotation Anomalies", "annotation Alerts")
"""Answered while an incident lasts."""
QUIET: Final = {
    "annotation New models": "marks promotions, the last of which was at the start",
    "annotation Threshold changes": "marks changes, the first of which may come a day after the start",
    "Silent APIs": "counts APIs whose probes hang; its words say that there are none",
    "Depends on": "names the parents of an API; its words say that none is declared",
    "Certificate": "the simulated APIs speak plain HTTP; its words say so",
    "Sources": "all APIs stand in the file; its words say so, as those of the next two do",
    "APIs found": "counts what sources name",
    "Looks at the sources": "counts looks at sources",
    "Handed over by other programs": "counts what comes by file; its words say that no folder is set",
}
"""Panels and annotations that have nothing to show, and why."""
FASTER_IS_DIFFERENT: Final = 'feature="requests_per_minute"'
"""The models leave this feature out here: it does not look the same at fifteen times the speed."""
ONLY_WITH_STEPS: Final = raw.STEP_SECONDS.name
"""Asked beside what every API has; no simulated API is probed in several steps."""


def values(uid: str) -> dict[str, str | tuple[str, ...]]:
    """What the variables of a dashboard hold: all, or one API where the dashboard is about single ones."""
    one = uid == API
    return {
        "environment": (ENVIRONMENT,) if one else ".*",
        "api_name": (CHOSEN,) if one else ".*",
        "job": ".*",
        "instance": ".*",
        "__rate_interval": "20s",
        "__range": "10m",
    }


def answer(stack: Stack, uid: str, expr: str, *, instant: bool, seconds: int = 30) -> list[dict[str, str]]:
    """Labels of the series with a finite value that Prometheus answers, as a panel of this dashboard asks it.

    A forecast that is drawn at its own target stands there an hour after it was made: it is asked for then.
    """
    filled = fill(expr, values(uid))
    shift = re.search(r" offset (\d+)h", filled)
    now = time.time() + (3600 * int(shift[1]) if shift else 0)
    if instant:
        found = ask(stack, "query", query=filled, time=now)
        return [entry["metric"] for entry in found if math.isfinite(float(entry["value"][1]))]
    found = ask(stack, "query_range", query=filled, start=now - seconds, end=now, step=5)
    return [entry["metric"] for entry in found if any(math.isfinite(float(v)) for _, v in entry["values"])]


def ask(stack: Stack, kind: str, **parameters: Any) -> list[dict[str, Any]]:
    """The series that Prometheus answers."""
    found = stack.get("prometheus", f"/api/v1/{kind}?{urlencode(parameters)}").json()
    assert found["status"] == "success", (parameters, found)
    return list(found["data"]["result"])


def is_complete(labels: list[dict[str, str]], uid: str, expr: str, apis: set[str]) -> bool:
    """Whether there is an answer, and for each of the APIs where there is one for any; one API alone states a quota."""
    names = {found["api_name"] for found in labels if "api_name" in found}
    wanted = {CHOSEN} if uid == API or raw.QUOTA_LIMIT.name in expr else apis
    return bool(labels) and (not names or names >= wanted)


def wait_for_answers(stack: Stack, questions: list[Question], apis: set[str]) -> None:
    """Ask until each has been answered once for these APIs."""
    waiting = list(questions)

    def all_are_answered() -> bool:
        waiting[:] = [
            (uid, question)
            for uid, question in waiting
            if not is_complete(
                answer(stack, uid, question.expr, instant=question.instant), uid, question.expr, apis
            )
        ]
        return not waiting

    try:
        wait_for("all answers", all_are_answered)
    except AssertionError as error:
        lines = (
            f"{uid}: {question.place} {question.reference}: {question.expr}" for uid, question in waiting
        )
        raise AssertionError("\n".join(("not answered:", *lines))) from error


def test_every_panel_has_an_answer_while_all_is_well(stack: Stack) -> None:
    """Whoever opens any dashboard of a healthy system finds figures for each API, or words that say that all is well."""
    assert {question.place for _, question in QUESTIONS} >= {*IN_TROUBLE, *QUIET}
    wait_for_answers(
        stack,
        [
            (uid, question)
            for uid, question in QUESTIONS
            if question.place not in {*IN_TROUBLE, *QUIET}
            and not any(part in question.expr for part in (FASTER_IS_DIFFERENT, ONLY_WITH_STEPS))
        ],
        set(NAMES),
    )


def test_words_stand_where_nothing_is_to_be_shown() -> None:
    """A panel without an answer while all is well says what that means."""
    silent = {*IN_TROUBLE, *QUIET}
    shown = [panel for board in BOARDS.values() for panel in data_panels(board) if panel["title"] in silent]
    assert {panel["title"] for panel in shown} == {name for name in silent if "annotation" not in name}
    for panel in shown:
        assert panel["fieldConfig"]["defaults"]["noValue"] != NO_DATA, panel["title"]


def test_panels_that_wait_for_trouble_show_it(stack: Stack) -> None:
    """What is empty while all is well is filled by an incident, on every dashboard."""
    with stack.incident(CHOSEN, "outage"):
        wait_for_answers(stack, [asks for asks in QUESTIONS if asks[1].place in IN_TROUBLE], {CHOSEN})
        assert {found["api_name"] for found in answer(stack, API, of("State"), instant=True)} == {CHOSEN}
        (why,) = wait_for("a reason", lambda: reasons(stack))
        assert why in {"success_rate", "error_rate"}


def of(title: str) -> str:
    """The expression of a panel of the dashboard about one API."""
    return next(question.expr for uid, question in QUESTIONS if (uid, question.place) == (API, title))


def reasons(stack: Stack) -> set[str]:
    """What the dashboard about one API names as the reason, once there is one."""
    found = answer(stack, API, of("Why"), instant=True)
    return {labels["feature"] for labels in found} - {"nothing unusual"}


@pytest.mark.parametrize("uid", BOARDS)
def test_variables_offer_what_there_is(stack: Stack, uid: str) -> None:
    """Environments, APIs, jobs and processes can be chosen from."""
    offered = {}
    for variable in BOARDS[uid]["templating"]["list"]:
        if variable["type"] == "query":
            asks = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert asks
            selector = fill(asks[1], dict.fromkeys(values(uid), ".*"))
            found = stack.get(
                "prometheus", f"/api/v1/label/{asks[2]}/values?{urlencode({'match[]': selector})}"
            )
            offered[variable["name"]] = set(found.json()["data"])
    assert ENVIRONMENT in offered["environment"]
    assert offered["api_name"] >= set(NAMES)
    if "job" in offered:
        assert offered["job"] >= {raw.JOB, ml.JOB}
        assert len(offered["instance"]) >= 2
