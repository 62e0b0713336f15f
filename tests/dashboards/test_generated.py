"""What every generated dashboard must hold to; the numbers are those of the conventions."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafanalib.core import Dashboard, Stat, TimeSeries

from alert_rules.errors import GeneratedFilesDifferError
from alert_rules.generate import PROVISIONING
from alert_rules.servers import prometheus_config
from dashboards import generate
from dashboards.layout import section
from dashboards.modernize import DATASOURCE, modernize
from dashboards.provisioning import dashboard_providers, datasources
from demo.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BOARDS = generate.dashboards()
EACH = pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
UNITS = {"none", "percent", "percentunit", "s", "reqpm", "short"}


def _all_panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _all_panels(panel.get("panels", []))


def _data_panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in _all_panels(board["panels"]) if panel["type"] != "row"]


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _walk(item, f"{path}/{key}")


def test_the_committed_files_are_what_the_sources_give() -> None:
    """Whoever changes a panel and forgets to generate is told so."""
    generate.check()


def test_generation_is_the_same_every_time(tmp_path: Path) -> None:
    """D16: two runs give the same bytes, sorted, with a final newline."""
    assert generate.files() == generate.files()
    generate.write(tmp_path)
    assert generate.write(tmp_path) == []
    for path, text in generate.files().items():
        assert text.endswith("\n")
        if path.suffix == ".json":
            assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_check_finds_changed_and_left_over_dashboards(tmp_path: Path) -> None:
    """A dashboard edited by hand, or no longer generated, is named."""
    generate.write(tmp_path)
    edited = tmp_path / generate.DASHBOARDS / "rapidapi_overview.json"
    edited.write_text(edited.read_text().replace("Overall state", "State of things"))
    left_over = edited.with_name("retired.json")
    left_over.write_text("{}")
    with pytest.raises(GeneratedFilesDifferError, match="run `python -m dashboards`") as caught:
        generate.check(tmp_path)
    assert set(caught.value.paths) == {edited, left_over}


def test_uids_and_titles_are_unique() -> None:
    """D1: Grafana loads every dashboard; none hides another."""
    assert all(uid == board["uid"] and len(uid) <= 40 for uid, board in BOARDS.items())
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)
    assert BOARDS["rapidapi_overview"]["title"] == "RapidAPI - Overview"


@EACH
def test_the_file_is_of_the_present_schema_and_owned_by_the_generator(board: dict[str, Any]) -> None:
    """D2-D4, D18, D19: no id or version, not editable, schema 41, a refresh no faster than the scrapes, shared links."""
    assert "id" not in board
    assert "version" not in board
    assert board["editable"] is False
    assert board["schemaVersion"] == 41
    assert board["refresh"] == "30s"
    (link,) = board["links"]
    assert link["includeVars"]
    assert link["keepTime"]
    assert set(link["tags"]) <= set(board["tags"])


@EACH
def test_variables_choose_data_source_environment_and_api(board: dict[str, Any]) -> None:
    """D5, D7: one data source with a default, and several environments and APIs can be chosen, or all."""
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert list(variables) == ["datasource", "environment", "api_name"]
    source = variables["datasource"]
    assert (source["type"], source["query"], source["label"]) == ("datasource", "prometheus", "Data source")
    assert source["current"]["value"] == "prometheus"
    for name in ("environment", "api_name"):
        variable = variables[name]
        assert variable["type"] == "query"
        assert variable["multi"]
        assert variable["includeAll"]
        assert variable["allValue"] == ".*"
        assert variable["refresh"] == 2


@EACH
def test_everything_asks_the_chosen_data_source(board: dict[str, Any]) -> None:
    """D6: panels, targets, variables and annotations follow the data source variable."""
    sources = [value for path, value in _walk(board) if path.endswith("/datasource")]
    wanted = len(_data_panels(board)) + sum(len(panel["targets"]) for panel in _data_panels(board))
    assert len(sources) == wanted + 2 + len(board["annotations"]["list"])
    assert all(source == DATASOURCE for source in sources)


@EACH
def test_every_selector_follows_the_variables(board: dict[str, Any]) -> None:
    """D8: choosing an environment or an API narrows every panel that has such labels."""
    for panel in _data_panels(board):
        for target in panel["targets"]:
            for selector in re.findall(r"\w\{([^}]*)\}", target["expr"]):
                assert 'environment=~"$environment"' in selector
                assert 'api_name=~"$api_name"' in selector or "rapidapi_alerts_active" in target["expr"]


@EACH
def test_every_expression_parses(board: dict[str, Any], tmp_path: Path) -> None:
    """D11: Prometheus' own parser accepts each expression once its variables are filled in."""
    expressions = [target["expr"] for panel in _data_panels(board) for target in panel["targets"]]
    expressions += [annotation["target"]["expr"] for annotation in board["annotations"]["list"]]
    rules = [
        {"record": f"panel:expr:{index}", "expr": re.sub(r"\$\w+", ".*", expr)}
        for index, expr in enumerate(expressions)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = subprocess.run(
        [str(tool("promtool")), "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert f"{len(expressions)} rules found" in checked.stdout


@EACH
def test_every_panel_says_what_it_shows(board: dict[str, Any]) -> None:
    """D12-D14: title, description, a unit that Grafana knows, and targets with references of their own."""
    for panel in _data_panels(board):
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)


@EACH
def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    """D15: tiles lie side by side within 24 columns, and ids are unique inside collapsed rows too."""
    ids = [panel["id"] for panel in _all_panels(board["panels"])]
    assert len(set(ids)) == len(ids)
    for group in (board["panels"], *(panel["panels"] for panel in board["panels"] if panel.get("panels"))):
        taken: set[tuple[int, int]] = set()
        for panel in group:
            tile = panel["gridPos"]
            assert tile["x"] + tile["w"] <= 24
            cells = {
                (x, y)
                for x in range(tile["x"], tile["x"] + tile["w"])
                for y in range(tile["y"], tile["y"] + tile["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells


@EACH
def test_there_are_no_nulls_and_no_keys_of_old_grafanas(board: dict[str, Any]) -> None:
    """D26, D22: nulls only as the base of thresholds, nothing stacked, no key that a later schema has retired."""
    nulls = [path for path, value in _walk(board) if value is None]
    assert all(re.search(r"/steps/0/value$", path) for path in nulls)
    keys = {path.rsplit("/", 1)[-1] for path, _ in _walk(board)}
    assert not keys & {"__inputs", "gnetId", "span", "cacheTimeout", "intervalFactor", "rows", "style"}
    for panel in _data_panels(board):
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        if panel["type"] == "table":
            assert "displayMode" not in custom
        if panel["type"] == "timeseries":
            assert custom["stacking"]["mode"] == "none"
            assert panel["options"]["legend"]["showLegend"]
            assert panel["options"]["tooltip"] == {"mode": "multi", "sort": "desc"}


@EACH
def test_threshold_steps_rise_from_a_base(board: dict[str, Any]) -> None:
    """Colours change at rising values, starting from minus infinity, as Grafana expects them."""
    for path, value in _walk(board):
        if path.endswith("/steps"):
            assert value[0]["value"] is None, path
            limits = [step["value"] for step in value[1:]]
            assert limits == sorted(limits), path


def test_the_overview_shows_each_api_as_one_row() -> None:
    """State, score, success rate, response time and pattern stand beside the API's name, which links to it."""
    (table,) = (panel for panel in _data_panels(BOARDS["rapidapi_overview"]) if panel["type"] == "table")
    organize = next(step for step in table["transformations"] if step["id"] == "organize")["options"]
    order = sorted(organize["indexByName"], key=organize["indexByName"].__getitem__)
    shown = [organize["renameByName"].get(name, name) for name in order]
    assert shown == [
        "API",
        "Environment",
        "State",
        "Anomaly score",
        "Success rate",
        "Response time",
        "Pattern",
    ]
    styled = {entry["matcher"]["options"] for entry in table["fieldConfig"]["overrides"]}
    assert styled <= set(shown)
    assert all(target["instant"] and target["format"] == "table" for target in table["targets"])


def test_what_grafanalib_leaves_out_is_put_right() -> None:
    """A bare panel becomes valid: base threshold, colour mode, no empty strings where a unit belongs."""
    panels, _ = section("Row", [(TimeSeries(title="t"), 12), (Stat(title="s"), 12)], 0, 5)
    board = modernize(Dashboard(title="bare", uid="bare", panels=panels).auto_panel_ids())
    for panel in _data_panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["thresholds"]["steps"] == [{"color": "text", "value": None}]
        assert defaults["color"]["mode"]
        assert "" not in defaults.values()


def test_wide_panels_wrap_to_the_next_line() -> None:
    """A panel that does not fit beside the others starts a new line below them."""
    placed, bottom = section("Row", [(TimeSeries(title=str(index)), 10) for index in range(3)], 2, 5)
    positions = [(panel.gridPos.x, panel.gridPos.y) for panel in placed]
    assert positions == [(0, 2), (0, 3), (10, 3), (0, 8)]
    assert bottom == 13


def test_grafana_finds_prometheus_and_alertmanager() -> None:
    """P1-P3, P8: fixed uids that the dashboards use, not editable, at the interval of the scrapes."""
    content = datasources()
    prometheus, alertmanager = content["datasources"]
    assert content["prune"]
    assert prometheus["uid"] == BOARDS["rapidapi_overview"]["templating"]["list"][0]["current"]["value"]
    assert (prometheus["access"], prometheus["isDefault"], prometheus["editable"]) == ("proxy", True, False)
    interval = yaml.safe_load(prometheus_config())["global"]["scrape_interval"]
    assert prometheus["jsonData"]["timeInterval"] == interval
    assert alertmanager["jsonData"] == {"implementation": "prometheus", "handleGrafanaManagedAlerts": False}


def test_grafana_loads_the_folder_and_lets_nobody_edit_it() -> None:
    """P4, P5: folders come from the file structure, the files stay the one source."""
    (provider,) = dashboard_providers()["providers"]
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["foldersFromFilesStructure"]
    assert provider["folder"] == provider["folderUid"] == ""
    assert not provider["options"]["path"].startswith("/etc/grafana/provisioning")
    assert (PROVISIONING / generate.DASHBOARDS).name == "RapidAPI"


def test_provisioning_values_hold_no_dollar() -> None:
    """P7: Grafana would replace `$` in these files by environment variables."""
    for path, text in generate.files().items():
        if path.suffix == ".yml":
            assert "$" not in text
