"""What each dashboard is for, and that nothing which is measured is missing from all of them."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from collector import contract as raw
from dashboards import generate
from dashboards.names import ALERTS, API, FEATURES, FORECAST, MODELS, OVERVIEW, PIPELINE
from ml_sidecar import contract as ml
from tests.conventions.promql import parse, selectors
from tests.dashboards.asked import asked, data_panels, panels_of

BOARDS: Final = generate.dashboards("en")
AGGREGATIONS: Final = {"sum", "max", "min", "avg", "count", "topk"}


def panel(uid: str, title: str) -> dict[str, Any]:
    """The panel of that title."""
    (found,) = (panel for panel in data_panels(BOARDS[uid]) if panel["title"] == title)
    return found


def expressions(uid: str, title: str) -> dict[str, str]:
    """A panel's expressions by legend, or column title."""
    return {target["legendFormat"]: target["expr"] for target in panel(uid, title)["targets"]}


def columns(uid: str, title: str) -> list[str]:
    """A table's columns from left to right."""
    organize = panel(uid, title)["transformations"][1]["options"]
    order = sorted(organize["indexByName"], key=organize["indexByName"].__getitem__)
    return [organize["renameByName"].get(name, name) for name in order]


def test_the_dashboards_are_these() -> None:
    """Links and bookmarks lead to fixed places."""
    assert {uid: board["title"] for uid, board in BOARDS.items()} == {
        OVERVIEW: "RapidAPI - Overview",
        ALERTS: "RapidAPI - Alerts and ML",
        API: "RapidAPI - API in depth",
        MODELS: "RapidAPI - Models",
        PIPELINE: "RapidAPI - Sidecar and collector",
    }


def test_the_overview_shows_each_api_as_one_row_that_leads_to_it() -> None:
    """State, score, reason, figures, pattern and quota stand beside the API's name, a click on which opens it in depth."""
    assert columns(OVERVIEW, "APIs") == [
        "API", "Environment", "State", "Anomaly score", "Why", "Success rate", "Response time", "Pattern", "Quota left",
    ]  # fmt: skip
    (links,) = (
        setting["value"]
        for override in panel(OVERVIEW, "APIs")["fieldConfig"]["overrides"]
        for setting in override["properties"]
        if override["matcher"]["options"] == "API" and setting["id"] == "links"
    )
    assert links[0]["url"].startswith(
        f"/d/{API}?var-api_name=${{__data.fields.api_name:percentencode}}"
        "&var-environment=${__data.fields.environment:percentencode}&"
    )


@pytest.mark.parametrize("name", ml.FEATURES)
def test_every_feature_is_shown_against_what_is_normal(name: str) -> None:
    """Actual, expected, both ends of the band and the thresholds of every feature lie on one axis."""
    found = expressions(API, FEATURES[name].title) if name != ml.SUCCESS_RATE else _against_normal()
    assert ml.RECORDED[name] in found["seen"]
    for legend, metric in (
        ("expected", ml.EXPECTED),
        ("normal from", ml.EXPECTED_LOWER),
        ("normal to", ml.EXPECTED_UPPER),
    ):
        assert f"{metric.name}{{" in found[legend]
        assert f'feature="{name}"' in found[legend]
    for severity in ml.THRESHOLD_SEVERITIES:
        expr = found[f"{severity} threshold"]
        assert all(
            text in expr for text in (ml.THRESHOLD.name, f'feature="{name}"', f'severity="{severity}"')
        )


def _against_normal() -> dict[str, str]:
    """The success rate has a big number of its own besides."""
    (found,) = (
        panel
        for panel in data_panels(BOARDS[API])
        if (panel["type"], panel["title"]) == ("timeseries", "Success rate")
    )
    return {target["legendFormat"]: target["expr"] for target in found["targets"]}


def test_forecasts_stand_at_the_time_for_which_they_were_made() -> None:
    """A forecast is moved by its own horizon, no more and no less, so that what came lies beside it."""
    for name in FORECAST:
        found = expressions(API, f"{FEATURES[name].title}: forecast and outcome")
        moved = [expr for expr in found.values() if "offset" in expr]
        assert len(moved) == 4
        for expr in moved:
            horizon, offset = re.findall(r'horizon="(\w+)"|offset (\w+)', expr)
            assert horizon[0] == offset[1]
        assert "offset" not in found["came"]


def test_shares_of_the_score_are_stacked() -> None:
    """The shares sum to the whole, and are drawn as parts of it."""
    shares = panel(API, "What the score is due to")["fieldConfig"]["defaults"]
    assert shares["custom"]["stacking"]["mode"] == "normal"
    assert shares["max"] == 1


def test_rows_about_one_api_are_drawn_for_each_that_is_chosen() -> None:
    """Whoever compares two APIs in depth gets the rows of both."""
    rows = [panel for panel in panels_of(BOARDS[API]["panels"]) if panel["type"] == "row"]
    assert len(rows) == 7
    assert {row["repeat"] for row in rows} == {"api_name"}


def test_thresholds_stand_with_their_cost() -> None:
    """Who wonders about a threshold sees what it costs a week."""
    assert columns(ALERTS, "Thresholds of response time")[2:] == [
        "Warning above", "Critical above", "Warnings a week", "Criticals a week",
    ]  # fmt: skip
    both = columns(ALERTS, "Thresholds of requests per minute")
    assert {"Warning below", "Critical below", "Warning above", "Critical above"} <= set(both)


def test_an_alert_about_no_single_api_has_an_empty_cell() -> None:
    """The words for "no alert" do not stand as the API of an alert about the sidecar."""
    config = panel(ALERTS, "Firing now")["fieldConfig"]
    assert config["defaults"]["noValue"] == "No alert is firing"
    cells = {
        override["matcher"]["options"]: setting["value"]
        for override in config["overrides"]
        for setting in override["properties"]
        if setting["id"] == "noValue"
    }
    assert (cells["API"], cells["Environment"]) == ("-", "-")


@pytest.mark.parametrize("metric", [*raw.METRICS, *ml.METRICS], ids=lambda metric: metric.name)
def test_everything_that_is_exposed_can_be_seen(metric: raw.Metric | ml.Metric) -> None:
    """No metric is scraped and stored that no dashboard shows, itself or as what is recorded from it."""
    recorded = {raw.REQUESTS.name, raw.RESPONSE_TIME.name}
    shown = {
        found.name
        for board in BOARDS.values()
        for question in asked(board)
        for found in selectors(parse(question.expr))
    }
    assert any(name.startswith(metric.name) for name in shown) or metric.name in recorded


def test_two_replicas_of_a_process_count_once() -> None:
    """Whatever is exposed per process is aggregated before it is shown."""
    exposed = {metric.name for metric in (*raw.METRICS, *ml.METRICS)} - set(ml.RECORDED.values())
    for uid, board in BOARDS.items():
        for question in asked(board):
            for found in selectors(parse(question.expr)):
                if found.name in exposed:
                    assert AGGREGATIONS & set(found.calls), (uid, question)
