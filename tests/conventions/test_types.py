"""D25: every dashboard is of the types of the Grafana it is deployed to, and survives its Python types.

The mistakes below are planted to show which gate catches them.
"""

from __future__ import annotations

import copy
import json
import warnings
from typing import TYPE_CHECKING, Any, Final

import pytest

from dashboards import generate
from tests.conventions.typescript import SOURCES, type_errors

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("typescript")

BOARDS = generate.dashboards()
OVERVIEW: Final = "rapidapi_overview"


def panel_of(board: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the first panel of a type."""
    return next(panel for panel in board["panels"] if panel["type"] == kind)


def lines(board: dict[str, Any]) -> dict[str, Any]:
    """Return the first panel with lines over time."""
    return panel_of(board, "timeseries")


def custom(board: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of lines over time."""
    return lines(board)["fieldConfig"]["defaults"]["custom"]


def override(board: dict[str, Any], key: str, value: Any) -> None:
    """Give the first panel with lines an override."""
    setting = {"matcher": {"id": "byName", "options": "x"}, "properties": [{"id": key, "value": value}]}
    lines(board)["fieldConfig"]["overrides"].append(setting)


MISTAKES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "wrong_enum": lambda board: lines(board)["options"]["legend"].update(displayMode="lists"),
    "wrong_color_mode": lambda board: lines(board)["fieldConfig"]["defaults"].update(
        color={"mode": "threshold"}
    ),
    "unknown_option": lambda board: lines(board)["options"].update(tooltips={"mode": "multi"}),
    "misspelt_option": lambda board: lines(board)["options"]["legend"].update(showLegand=True),
    "misspelt_setting": lambda board: custom(board).update(fillOpactiy=10),
    "string_for_number": lambda board: custom(board).update(lineWidth="2"),
    "number_for_string": lambda board: lines(board)["fieldConfig"]["defaults"].update(unit=5),
    "null_as_a_word": lambda board: panel_of(board, "stat")["fieldConfig"]["defaults"]["thresholds"].update(
        steps=[{"color": "text", "value": "null"}]
    ),
    "missing_option": lambda board: panel_of(board, "stat")["options"].pop("reduceOptions"),
    "retired_table_option": lambda board: panel_of(board, "table")["fieldConfig"]["defaults"][
        "custom"
    ].update(displayMode="auto"),
    "unknown_override": lambda board: override(board, "custom.lineWidht", 2),
    "override_of_wrong_type": lambda board: override(board, "custom.fillBelowTo", 2),
    "unknown_panel_type": lambda board: lines(board).update(type="graph"),
    "data_source_by_name": lambda board: lines(board).update(datasource="Prometheus"),
    "misspelt_target": lambda board: lines(board)["targets"][0].update(legendFromat="{{api_name}}"),
    "unknown_query_format": lambda board: lines(board)["targets"][0].update(format="heat"),
    "unknown_refresh": lambda board: board["templating"]["list"][1].update(refresh=9),
    "wrong_link": lambda board: board["links"][0].update(type="dashboard"),
    "annotation_without_query": lambda board: board["annotations"]["list"][0].pop("target"),
    "unknown_dashboard_key": lambda board: board.update(sharedCrosshair=True),
    "gauge_of_grafana_11": lambda board: lines(board).update(
        type="gauge",
        fieldConfig={"defaults": {}, "overrides": []},
        options={
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "orientation": "auto",
            "sizing": "auto",
            "showThresholdLabels": False,
            "showThresholdMarkers": True,
            "minVizHeight": 75,
            "minVizWidth": 75,
        },
    ),
}
"""Name of a mistake to what makes it in the overview."""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the compiler says about each dashboard, and about the overview with each mistake."""
    checked = dict(BOARDS)
    for name, make in MISTAKES.items():
        checked[name] = copy.deepcopy(BOARDS[OVERVIEW])
        make(checked[name])
    return type_errors(checked, tmp_path_factory.mktemp("types"))


@pytest.mark.parametrize("uid", BOARDS)
def test_d25_dashboards_are_of_grafana_s_types(uid: str, complaints: dict[str, list[str]]) -> None:
    """Grafana's own types accept every option, enum, unit and target as it stands in the file."""
    assert complaints[uid] == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_type_check_finds_mistakes(mistake: str, complaints: dict[str, list[str]]) -> None:
    """A wrong enum, a misspelt option or a string for a number does not reach anybody's Grafana."""
    assert len(complaints[mistake]) == 1


def lost_keys(before: Any, after: Any, path: str = "") -> list[str]:
    """Return the paths of values that are in one JSON value and not, or not the same, in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = [(key, value, after.get(key)) for key, value in before.items()]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(str(index), *pair) for index, pair in enumerate(zip(before, after, strict=True))]
    else:
        return [] if before == after else [path]
    return [lost for key, old, new in pairs for lost in lost_keys(old, new, f"{path}/{key}")]


def round_trip(board: dict[str, Any]) -> Any:
    """Read a dashboard into the foundation SDK's types and write it again."""
    with warnings.catch_warnings():
        # The SDK would rather see the second version of dashboards, which file provisioning does not read.
        warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
        from grafana_foundation_sdk.cog import encoder, plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard

        plugins.register_default_plugins()
        return json.loads(json.dumps(Dashboard.from_json(copy.deepcopy(board)), cls=encoder.JSONEncoder))


@pytest.mark.parametrize("uid", BOARDS)
def test_d25_dashboards_survive_the_foundation_sdk(uid: str) -> None:
    """Nothing that a dashboard says is unknown to Grafana's published Python types."""
    assert lost_keys(BOARDS[uid], round_trip(BOARDS[uid])) == []


@pytest.mark.parametrize(
    "mistake", ["unknown_option", "misspelt_option", "misspelt_setting", "unknown_dashboard_key"]
)
def test_the_round_trip_finds_unknown_keys(mistake: str) -> None:
    """A key that Grafana does not know is lost on the way, and told."""
    board = copy.deepcopy(BOARDS[OVERVIEW])
    MISTAKES[mistake](board)
    assert len(lost_keys(board, round_trip(board))) == 1


def test_the_types_are_those_of_the_deployed_grafana() -> None:
    """The type-check is against the Grafana that runs: options differ from version to version."""
    wanted = json.loads((SOURCES / "package.json").read_text())["dependencies"]
    locked = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    assert wanted["@grafana/schema"] == "13.2.3"
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert not any("resolved" in package for package in locked.values())
