"""Each statement about dashboards before a dashboard that breaks it: a gate that lets everything through is none."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conventions import test_dashboards as statements
from tests.conventions.boards import BOARDS, Json, flat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _first(board: Json, kind: str = "timeseries") -> Json:
    return next(panel for panel in flat(board["panels"]) if panel["type"] == kind)


def _ask(board: Json, expr: str) -> None:
    _first(board)["targets"][0]["expr"] = expr


MISTAKES: dict[str, Callable[[Json], Any]] = {
    "d1 same title": lambda board: board.update(title=BOARDS[-1]["title"]),
    "d1 long uid": lambda board: board.update(uid="x" * 41),
    "d2": lambda board: board.update(version=3),
    "d3": lambda board: board.update(editable=True),
    "d4": lambda board: board.update(schemaVersion=42),
    "d5 no default": lambda board: board["templating"]["list"][0]["current"].update(value="thanos"),
    "d5 two": lambda board: board["templating"]["list"].append(
        board["templating"]["list"][0] | {"name": "b"}
    ),
    "d6 name": lambda board: _first(board).update(datasource="Prometheus"),
    "d6 target": lambda board: _first(board)["targets"][0].pop("datasource"),
    "d6 annotation": lambda board: board["annotations"]["list"][0].pop("datasource"),
    "d7 single": lambda board: board["templating"]["list"][1].update(multi=False),
    "d7 missing": lambda board: board["templating"]["list"].pop(1),
    "d8 missing": lambda board: _ask(board, 'rapidapi_ml_anomaly{environment=~"$environment"}'),
    "d8 equal": lambda board: _ask(
        board, 'rapidapi_ml_anomaly{environment=~"$environment", api_name="$api_name"}'
    ),
    "d9": lambda board: _ask(board, "sum(rate(rapidapi_ml_queries_total[5m]))"),
    "d10": lambda board: _ask(board, "sum(rapidapi_ml_queries_total)"),
    "d11": lambda board: _ask(board, "sum(up"),
    "d12": lambda board: _first(board).pop("description"),
    "d13 missing": lambda board: _first(board)["fieldConfig"]["defaults"].pop("unit"),
    "d13 unknown": lambda board: _first(board)["fieldConfig"]["defaults"].update(unit="parsecs"),
    "d13 override": lambda board: _first(board, "table")["fieldConfig"]["overrides"].append(
        {"matcher": {}, "properties": [{"id": "unit", "value": "parsecs"}]}
    ),
    "d14 none": lambda board: _first(board)["targets"].clear(),
    "d14 twice": lambda board: _first(board)["targets"].append(_first(board)["targets"][0]),
    "d15 overlap": lambda board: _first(board)["gridPos"].update(x=_first(board)["gridPos"]["x"] + 1),
    "d15 edge": lambda board: _first(board)["gridPos"].update(x=20, y=900),
    "d15 id": lambda board: _first(board).update(id=_first(board, "stat")["id"]),
    "d17 panel": lambda board: _ask(board, "rapidapi_ml_anomaly_scores"),
    "d17 variable": lambda board: board["templating"]["list"][1]["query"].update(
        query="label_values(gone, environment)"
    ),
    "d18": lambda board: board.update(refresh="5s"),
    "d19": lambda board: board["links"][0].update(keepTime=False),
    "d20": lambda board: _first(board, "stat").update(type="timeseries"),
    "d21 fill": lambda board: _first(board)["fieldConfig"]["defaults"]["custom"].update(fillOpacity=50),
    "d21 tooltip": lambda board: _first(board)["options"]["tooltip"].update(mode="single"),
    "d21 legend": lambda board: _first(board)["options"]["legend"].update(showLegend=False),
    "d22": lambda board: _first(board)["fieldConfig"]["defaults"]["custom"].update(
        stacking={"mode": "normal", "group": "A"}
    ),
    "d23": lambda board: board["annotations"]["list"].clear(),
    "d24": lambda board: _first(board)["targets"][0].update(exemplar=True),
    "d26": lambda board: _first(board).update(repeat=None),
    "d27": lambda _: [board.update(uid=f"other{number}") for number, board in enumerate(BOARDS)],
}


@pytest.fixture
def board() -> Iterator[Json]:
    """The overview, as it was again afterwards."""
    before = copy.deepcopy(BOARDS)
    yield next(board for board in BOARDS if board["uid"] == "rapidapi_overview")
    BOARDS[:] = before


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_dashboard_that_breaks_a_statement_is_caught(mistake: str, board: Json, tmp_path: Path) -> None:
    """Whoever breaks a convention hears of it by its number."""
    number = mistake.partition(" ")[0]
    statement = next(check for name, check in vars(statements).items() if name.startswith(f"test_{number}_"))
    if mistake == "d1 same title":
        BOARDS.append(copy.deepcopy(board))
    MISTAKES[mistake](board)
    arguments = {"tmp_path": tmp_path} if inspect.signature(statement).parameters else {}
    with pytest.raises(AssertionError, match=f"{number.upper()} does not hold"):
        statement(**arguments)
