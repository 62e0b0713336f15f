"""D1 to D24, D26 and D27: what every generated dashboard holds to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from grafana_foundation_sdk.models import units

from alert_rules.generate import PROVISIONING, groups
from alert_rules.model import AlertingRule
from alert_rules.settings import DEFAULT
from dashboards import generate
from dashboards.modernize import DATASOURCE
from dashboards.provisioning import datasources
from demo.tools import tool
from ml_sidecar import contract as ml
from tests.conventions.boards import (
    BOARDS,
    Json,
    data_panels,
    expressions,
    flat,
    panels,
    place,
    variables,
    walk,
    where,
)
from tests.conventions.exemptions import hold
from tests.conventions.promql import FOREIGN, RATE_INTERVAL, fill_in, known_series, parse, selectors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GRID_COLUMNS: Final = 24
UNITS: Final = {value for name, value in vars(units).items() if isinstance(value, str) and name[0] != "_"}
CHOICES: Final = ("environment", "api_name", "job", "instance")
RATES: Final = ("rate", "irate", "increase")


def test_d1_uids_and_titles_are_unique() -> None:
    """Grafana loads every dashboard; none hides another, and links keep working."""
    uids = Counter(board["uid"] for board in BOARDS)
    titles = Counter(board["title"] for board in BOARDS)
    twice = [(name, "used twice") for name, count in (uids + titles).items() if count > 1]
    hold("D1", [*twice, *where(lambda board: len(board["uid"]) <= 40, "uid of more than 40 characters")])


def test_d2_files_carry_no_id_and_no_version() -> None:
    """Both belong to the Grafana that stores a dashboard, not to the file."""
    hold("D2", where(lambda board: not {"id", "version"} & set(board), "carries an id or a version"))


def test_d3_dashboards_are_not_editable() -> None:
    """Nobody works on a copy that the next generation replaces."""
    hold("D3", where(lambda board: board["editable"] is False, "editable"))


def test_d4_the_schema_is_one_constant() -> None:
    """Grafana reads every file as written for the same version and migrates none."""
    hold("D4", where(lambda board: board["schemaVersion"] == 41, "not of schema 41"))


def test_d5_one_variable_chooses_the_data_source() -> None:
    """The same file works beside any Prometheus, and starts with the provisioned one."""

    def chooses(board: Json) -> bool:
        found = [variable for variable in variables(board).values() if variable["type"] == "datasource"]
        (uid,) = (entry["uid"] for entry in datasources()["datasources"] if entry["isDefault"])
        return [
            (entry["name"], entry["label"], entry["query"], entry["current"]["value"]) for entry in found
        ] == [("datasource", "Data source", "prometheus", uid)]

    hold("D5", where(chooses, "no single variable `datasource` with a default"))


def test_d6_everything_asks_the_chosen_data_source() -> None:
    """Panels, targets, variables and annotations follow the variable, and none relies on Grafana's default."""

    def parts() -> Iterator[tuple[str, Json]]:
        for board, panel in data_panels():
            yield place(board, panel), panel
            yield from ((place(board, panel), target) for target in panel["targets"])
        for board in BOARDS:
            asking = [entry for entry in variables(board).values() if entry["type"] == "query"]
            yield from ((place(board, entry), entry) for entry in [*asking, *board["annotations"]["list"]])

    wrong = [(entry, "other data source") for entry, part in parts() if part.get("datasource") != DATASOURCE]
    strays = [
        (f"{board['uid']}: {path}", "neither panel, target, variable nor annotation")
        for board in BOARDS
        for path, value in walk(board)
        if path.endswith("/datasource") and value != DATASOURCE
    ]
    hold("D6", wrong + strays)


def test_d7_variables_choose_environment_and_api() -> None:
    """Several of each can be chosen, or all, and new ones appear without a reload of the page."""

    def violations(board: Json) -> Iterator[tuple[str, str]]:
        chosen = variables(board)
        for name in ("environment", "api_name"):
            if name not in chosen:
                yield board["uid"], f"no variable {name}"
        for name, variable in chosen.items():
            if name not in {"datasource", *CHOICES}:
                yield place(board, variable), "unknown variable"
            form = ("type", "multi", "includeAll", "allValue", "refresh")
            if name in CHOICES and [variable.get(key) for key in form] != ["query", True, True, ".*", 2]:
                yield place(board, variable), "not a multiple choice with All that is read anew"
        if {"job", "instance"} & set(chosen) and board["uid"] != "rapidapi_pipeline":
            yield board["uid"], "job or instance on a board that is not about our own processes"

    hold("D7", (violation for board in BOARDS for violation in violations(board)))


def test_d8_every_selector_follows_the_variables() -> None:
    """Choosing an environment or an API narrows every query whose series have such a label."""

    def violations() -> Iterator[tuple[str, str]]:
        for board, entry, expr in expressions():
            chosen = [name for name in CHOICES if name in variables(board)]
            for found in selectors(parse(expr)):
                for label in chosen:
                    values = {("=~", f"${label}"), ("=~", f"${{{label}}}"), ("=~", f"${{{label}:regex}}")}
                    has = label in known_series().get(found.name, ())
                    if has and found.matchers.get(label) not in values:
                        yield entry, f"{found.name} does not follow ${label}"

    hold("D8", violations())


def test_d9_rates_use_grafana_s_rate_interval() -> None:
    """A rate is never over fewer than four scrapes, however far one zooms."""
    hold(
        "D9",
        (
            (entry, f"{found.name} over a fixed window of {found.window:g} s")
            for _, entry, expr in expressions()
            for found in selectors(parse(expr))
            if found.window not in {None, RATE_INTERVAL} and set(RATES) & set(found.calls)
        ),
    )


def test_d10_counters_are_always_rated() -> None:
    """Nobody sees a line that only ever rises and falls to zero at a restart."""
    hold(
        "D10",
        (
            (entry, f"{found.name} without a rate")
            for _, entry, expr in expressions()
            for found in selectors(parse(expr))
            if found.name.endswith("_total") and not set(RATES) & set(found.calls)
        ),
    )


def test_d11_every_expression_parses(tmp_path: Path) -> None:
    """Prometheus' own parser accepts each expression once its variables are filled in."""
    rules = [
        {"record": f"panel:expression:{number}", "expr": fill_in(expr)}
        for number, (_, _, expr) in enumerate(expressions())
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = subprocess.run(
        [str(tool("promtool")), "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    hold("D11", [("expressions", checked.stderr)] if checked.returncode else [])
    assert f"{len(rules)} rules found" in checked.stdout


def test_d12_every_panel_says_what_it_shows() -> None:
    """A title, and for whoever wonders a description."""
    hold(
        "D12",
        (
            (place(board, panel), "no title or no description")
            for board, panel in panels()
            if not panel.get("title")
            or (panel["type"] not in {"row", "text"} and not panel.get("description"))
        ),
    )


def test_d13_every_value_has_a_unit() -> None:
    """Grafana knows each unit; a number stands alone only where words take its place."""

    def violations() -> Iterator[tuple[str, str]]:
        for board, panel in data_panels():
            defaults = panel["fieldConfig"]["defaults"]
            if not defaults.get("unit") and not defaults.get("mappings"):
                yield place(board, panel), "neither a unit nor words for its values"
            for path, value in walk(panel["fieldConfig"]):
                is_unit = path.endswith("/unit") or (
                    path.endswith("/value") and _property(panel, path) == "unit"
                )
                if is_unit and value not in UNITS:
                    yield place(board, panel), f"unknown unit {value!r}"

    hold("D13", violations())


def _property(panel: Json, path: str) -> str | None:
    """Return the id of the override's property whose value stands at this path."""
    found: Any = panel["fieldConfig"]
    for key in path.split("/")[1:-1]:
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found.get("id") if isinstance(found, dict) else None


def test_d14_every_panel_has_queries_with_their_own_references() -> None:
    """Transformations and overrides find the query that they mean."""

    def is_wrong(panel: Json) -> bool:
        references = [target["refId"] for target in panel["targets"]]
        return not references or not all(references) or len(set(references)) < len(references)

    hold(
        "D14",
        (
            (place(board, panel), "no query, or two of one name")
            for board, panel in data_panels()
            if is_wrong(panel)
        ),
    )


def test_d15_panels_do_not_overlap() -> None:
    """Tiles lie side by side within 24 columns, and ids are unique inside collapsed rows too."""

    def violations(board: Json) -> Iterator[tuple[str, str]]:
        ids = Counter(panel["id"] for panel in flat(board["panels"]))
        yield from ((board["uid"], f"id {number} used twice") for number, count in ids.items() if count > 1)
        for group in (
            board["panels"],
            *(panel["panels"] for panel in board["panels"] if panel.get("panels")),
        ):
            taken: set[tuple[int, int]] = set()
            for panel in group:
                x, y, width, height = (panel["gridPos"][key] for key in "xywh")
                cells = {(x + right, y + down) for right in range(width) for down in range(height)}
                if x + width > GRID_COLUMNS or cells & taken:
                    yield place(board, panel), "overlaps another or the edge"
                taken |= cells

    hold("D15", (violation for board in BOARDS for violation in violations(board)))


def test_d16_generation_is_the_same_every_time(tmp_path: Path) -> None:
    """Another process, with another order of its sets, writes the committed files byte for byte."""
    subprocess.run(
        [sys.executable, "-m", "dashboards", "--output", str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
    )
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert written
    differing = [path for path, text in written.items() if (PROVISIONING / path).read_bytes() != text]
    ragged = [path for path, text in written.items() if not text.endswith(b"}\n") and path.suffix == ".json"]
    hold("D16", [(str(path), "differs from the committed file") for path in [*differing, *ragged]])


def test_d17_panels_read_only_what_somebody_writes() -> None:
    """A metric renamed in a contract cannot leave a dead panel, variable or annotation behind."""
    named = [(entry, found.name) for _, entry, expr in expressions() for found in selectors(parse(expr))]
    for board in BOARDS:
        for variable in variables(board).values():
            if variable["type"] == "query":
                asked = re.fullmatch(r"label_values\((.*),\s*\w+\)", variable["query"]["query"])
                assert asked, variable["query"]["query"]
                named += [(place(board, variable), found.name) for found in selectors(parse(asked[1]))]
    assert named
    hold(
        "D17",
        (
            (entry, f"nobody writes {name}")
            for entry, name in named
            for part in _alternatives(name)
            if part not in known_series() and not FOREIGN.fullmatch(part)
        ),
    )


def _alternatives(name: str) -> list[str]:
    """Return the names in a matcher like `{__name__=~"a|b"}`."""
    return name.split("|")


def test_d18_refresh_fits_the_scrapes() -> None:
    """A page asks no more often than there is something new, and no more rarely than once a minute."""
    allowed = {f"{seconds}s" for seconds in range(DEFAULT.interval, 60)} | {"1m"}
    hold("D18", where(lambda board: board["refresh"] in allowed, "refresh is not from 15 s to 1 min"))
    spans = where(lambda board: re.fullmatch(r"now-\d+[hd]", board["time"]["from"]) is not None, "odd range")
    assert spans == []


def test_d19_dashboards_link_to_each_other() -> None:
    """From each dashboard one gets to the others, with the chosen API and time."""

    def links(board: Json) -> bool:
        found = [link for link in board["links"] if link["type"] == "dashboards"]
        return len(found) == 1 and all(
            (found[0]["includeVars"], found[0]["keepTime"], shared <= set(found[0]["tags"]))
        )

    shared = set.intersection(*(set(board["tags"]) for board in BOARDS))
    assert shared
    hold("D19", where(links, "not exactly one link by the shared tag with variables and time"))


def test_d20_what_matters_comes_first() -> None:
    """The first row answers at a glance; every panel stands in a row with a title."""

    def violations(board: Json) -> Iterator[tuple[str, str]]:
        in_order = sorted(board["panels"], key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))
        if in_order[0]["type"] != "row" or in_order[0].get("collapsed"):
            yield board["uid"], "does not begin with an open row"
        first = [panel for panel in in_order if panel["gridPos"]["y"] == in_order[1]["gridPos"]["y"]]
        if any(panel["type"] not in {"stat", "gauge", "text"} for panel in first):
            yield board["uid"], "the first line does not show single values"

    hold("D20", (violation for board in BOARDS for violation in violations(board)))


def test_d21_lines_look_alike_everywhere() -> None:
    """A light fill (none beside a band), no points, a tooltip with the highest value first, and a legend."""

    def violations(board: Json, panel: Json) -> Iterator[tuple[str, str]]:
        custom, options = panel["fieldConfig"]["defaults"]["custom"], panel["options"]
        if custom["showPoints"] != "never" or options["tooltip"] != {"mode": "multi", "sort": "desc"}:
            yield place(board, panel), "points, or another tooltip"
        band = any(path.endswith("/id") and value == "custom.fillBelowTo" for path, value in walk(panel))
        if custom["fillOpacity"] != (0 if band else 10):
            yield place(board, panel), f"filled by {custom['fillOpacity']} per cent"
        if not options["legend"]["showLegend"] or options["legend"]["displayMode"] not in {"list", "table"}:
            yield place(board, panel), "no legend"

    hold("D21", (found for board, panel in panels("timeseries") for found in violations(board, panel)))


def test_d22_only_parts_of_a_whole_are_stacked() -> None:
    """No line is drawn on top of another unless their sum means something."""
    hold(
        "D22",
        (
            (place(board, panel), "stacked")
            for board, panel in data_panels()
            if panel["fieldConfig"]["defaults"].get("custom", {}).get("stacking", {}).get("mode", "none")
            != "none"
        ),
    )


def test_d23_anomalies_and_alerts_are_marked_in_time() -> None:
    """Whoever looks at a line sees when it was called anomalous and when an alert fired."""

    def marks(board: Json) -> bool:
        shown = {
            found.name
            for annotation in board["annotations"]["list"]
            for found in selectors(parse(annotation["target"]["expr"]))
            if annotation["enable"]
        }
        return {ml.ANOMALY.name, "ALERTS"} <= shown

    hold("D23", where(marks, "anomalies or alerts are not annotated"))


def test_d24_exemplars_are_asked_for_where_they_lead_somewhere() -> None:
    """Histogram panels ask for exemplars as soon as the data source knows where their traces are, and not before."""
    (prometheus,) = (entry for entry in datasources()["datasources"] if entry["type"] == "prometheus")
    traced = bool(prometheus["jsonData"].get("exemplarTraceIdDestinations"))
    hold(
        "D24",
        (
            (place(board, panel), f"exemplar is {target.get('exemplar', False)}")
            for board, panel in data_panels()
            for target in panel["targets"]
            if target.get("exemplar", False) != (traced and "_bucket" in target["expr"])
        ),
    )


def test_d26_there_are_no_nulls() -> None:
    """Null stands only for minus infinity, at the first step of thresholds."""
    hold(
        "D26",
        (
            (f"{board['uid']}: {path}", "null")
            for board in BOARDS
            for path, value in walk(board)
            if value is None and not re.search(r"/steps/0/value$", path)
        ),
    )


def test_d27_alerts_link_to_a_dashboard() -> None:
    """Whoever is woken gets to the picture with one click."""
    uids = {board["uid"] for board in BOARDS}
    hold(
        "D27",
        (
            (rule.alert, "its dashboard_url leads to no generated dashboard")
            for group in groups()
            for rule in group.rules
            if isinstance(rule, AlertingRule)
            and not uids & set(re.findall(r"/d/(\w+)", rule.annotations["dashboard_url"]))
        ),
    )


@pytest.mark.parametrize("name", [*ml.RECORDED])
def test_d27_learnt_thresholds_are_drawn_with_the_feature(name: str) -> None:
    """Where an alert compares a feature with its learnt threshold, a panel shows both in one picture."""
    rules = [rule for group in groups() for rule in group.rules]
    compared = any(
        found.name == ml.THRESHOLD.name and found.matchers.get("feature") == ("=", name)
        for rule in rules
        for found in selectors(parse(rule.expr))
    )
    shown = [
        {found.name for target in panel["targets"] for found in selectors(parse(target["expr"]))}
        for _, panel in panels("timeseries")
    ]
    assert not compared or any({ml.RECORDED[name], ml.THRESHOLD.name} <= names for names in shown)


def test_generated_dashboards_are_the_ones_looked_at() -> None:
    """The statements above are about every dashboard that is generated."""
    assert {board["uid"] for board in BOARDS} == set(generate.dashboards())
