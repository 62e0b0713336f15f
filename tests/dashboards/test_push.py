"""`python -m dashboards push`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dashboards.__main__ import app
from dashboards.generate import dashboards
from tests.dashboards.fake_grafana import KEY

if TYPE_CHECKING:
    from tests.dashboards.fake_grafana import FakeGrafana


@pytest.fixture(autouse=True)
def environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the Grafana as a user does."""
    monkeypatch.setenv("GRAFANA_URL", url)
    monkeypatch.setenv("GRAFANA_API_KEY", KEY)


def test_push_sends_every_dashboard_and_says_where_it_is(fake: FakeGrafana, url: str) -> None:
    """One line for each dashboard, with its link."""
    done = CliRunner().invoke(app, ["push"])
    assert done.exit_code == 0
    assert set(fake.versions) == set(dashboards())
    assert f"created   RapidAPI - Overview: {url}/d/rapidapi_overview" in done.stdout
    assert "unchanged" in CliRunner().invoke(app, ["push"]).stdout


def test_push_fails_when_a_dashboard_was_edited_and_overwrites_only_when_told(fake: FakeGrafana) -> None:
    """A script notices that one dashboard stayed behind, and why."""
    CliRunner().invoke(app, ["push"])
    fake.edit("rapidapi_overview")
    done = CliRunner().invoke(app, ["push"])
    assert done.exit_code == 1
    assert "newer edit (version 2)" in done.stderr
    assert CliRunner().invoke(app, ["push", "--overwrite"]).exit_code == 0
