"""How dashboards become files; what every dashboard holds to is tested in tests/conventions."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafanalib.core import Dashboard, Stat, TimeSeries

from alert_rules.errors import GeneratedFilesDifferError
from dashboards import generate
from dashboards.layout import Section, place
from dashboards.modernize import modernize
from demo.tools import tool
from tests.dashboards.asked import asked, data_panels, fill, walk

if TYPE_CHECKING:
    from pathlib import Path

BOARDS = generate.dashboards()
EACH = pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))


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


@EACH
def test_every_expression_parses(board: dict[str, Any], tmp_path: Path) -> None:
    """D11: Prometheus' own parser accepts each expression, also for an API whose name is full of special characters."""
    values = {
        "api_name": [r"Pay (EU) [v1.0] \d+", "b|c"],
        "environment": ["production"],
        "job": ".*",
        "instance": ".*",
        "__rate_interval": "60s",
        "__range": "6h",
    }
    expressions = [fill(question.expr, values) for question in asked(board)]
    rules = [{"record": f"panel:expr:{index}", "expr": expr} for index, expr in enumerate(expressions)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = subprocess.run(
        [str(tool("promtool")), "check", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert f"{len(expressions)} rules found" in checked.stdout


@EACH
def test_threshold_steps_rise_from_a_base(board: dict[str, Any]) -> None:
    """Colours change at rising values, starting from minus infinity, as Grafana expects them."""
    for path, value in walk(board):
        if path.endswith("/steps"):
            assert value[0]["value"] is None, path
            limits = [step["value"] for step in value[1:]]
            assert limits == sorted(limits), path


def test_what_grafanalib_leaves_out_is_put_right() -> None:
    """A bare panel becomes valid: base threshold, colour mode, no empty strings where a unit belongs."""
    panels = place([Section("Row", [(TimeSeries(title="t"), 12), (Stat(title="s"), 12)])])
    board = modernize(Dashboard(title="bare", uid="bare", panels=panels).auto_panel_ids())
    for panel in data_panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["thresholds"]["steps"] == [{"color": "text", "value": None}]
        assert defaults["color"]["mode"]
        assert "" not in defaults.values()


def test_wide_panels_wrap_to_the_next_line() -> None:
    """A panel that does not fit beside the others starts a new line, and the next section begins below."""
    wide = Section("Row", [(TimeSeries(title=str(index)), 10) for index in range(3)], 5)
    positions = [(panel.gridPos.x, panel.gridPos.y) for panel in place([wide, wide])]
    assert positions == [(0, 0), (0, 1), (10, 1), (0, 6), (0, 11), (0, 12), (10, 12), (0, 17)]


def test_a_closed_section_takes_one_line() -> None:
    """What is rarely asked for is one line until someone opens it."""
    closed = Section("Row", [(TimeSeries(title="t"), 10)], 5, collapsed=True)
    (first, second) = place([closed, closed])
    assert (first.gridPos.y, second.gridPos.y) == (0, 1)
    assert [panel.title for panel in first.panels] == ["t"]
