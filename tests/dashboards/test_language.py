"""The dashboards in Portuguese: complete, and the same dashboards but for their words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from dashboards import generate, language
from dashboards.__main__ import app
from dashboards.errors import MissingTranslationError, UnknownLanguageError
from dashboards.language import catalogue, in_language, map_texts
from tests.dashboards.asked import data_panels, walk

ENGLISH: Final = generate.dashboards("en")
PORTUGUESE: Final = generate.dashboards("pt-BR")
EACH = pytest.mark.parametrize("uid", ENGLISH)


def texts() -> set[str]:
    """Every text of every dashboard."""
    found: set[str] = set()
    for board in ENGLISH.values():
        map_texts(board, lambda text: found.add(text) or text)
    return found


def test_every_text_has_its_translation_and_none_is_unused() -> None:
    """Whoever adds or changes a text is told to translate it."""
    known = catalogue("pt-BR")
    assert texts() - set(known) == set()
    assert set(known) - texts() == set()


def test_placeholders_survive_translation() -> None:
    """An API's name stands in the Portuguese sentence too."""
    for english, portuguese in catalogue("pt-BR").items():
        placeholders = r"\{\{\w+\}\}|\$\w+"
        assert sorted(re.findall(placeholders, english)) == sorted(re.findall(placeholders, portuguese))


def test_texts_are_translated() -> None:
    """The first thing a Brazilian reads is Portuguese."""
    titles = [panel["title"] for panel in data_panels(PORTUGUESE["rapidapi_overview"])]
    assert titles[:3] == ["Estado geral", "Alertas ativos", "APIs anômalas"]
    assert PORTUGUESE["rapidapi_overview"]["title"] == "RapidAPI - Visão geral"


@EACH
def test_nothing_but_texts_differs(uid: str) -> None:
    """Queries, units, colours and layout are the same in every language."""

    def without_texts(board: dict[str, Any]) -> dict[str, Any]:
        bare = map_texts(board, lambda _: "")
        for panel in data_panels(bare):
            for step in panel.get("transformations", []):
                step["options"].pop("renameByName", None)
        return bare

    assert without_texts(ENGLISH[uid]) == without_texts(PORTUGUESE[uid])


def own_names(panel: dict[str, Any]) -> set[str]:
    """Names that a panel gives its lines and columns."""
    steps = panel.get("transformations", [])
    renamed = {name for step in steps for name in step["options"].get("renameByName", {}).values()}
    return renamed | {target["legendFormat"] for target in panel["targets"] if target["format"] != "table"}


@EACH
def test_settings_still_find_their_lines_and_columns(uid: str) -> None:
    """What was meant for a line in English is meant for the same line in Portuguese."""
    for english, portuguese in zip(data_panels(ENGLISH[uid]), data_panels(PORTUGUESE[uid]), strict=True):
        pairs = zip(english["fieldConfig"]["overrides"], portuguese["fieldConfig"]["overrides"], strict=True)
        for before, after in pairs:
            mine = before["matcher"]["options"] in own_names(english)
            assert (after["matcher"]["options"] in own_names(portuguese)) is mine, portuguese["title"]
            for setting in after["properties"]:
                if setting["id"] == "custom.fillBelowTo":
                    assert setting["value"] in own_names(portuguese)
        for column in portuguese["options"].get("sortBy", []):
            assert column["displayName"] in own_names(portuguese)


def test_a_missing_translation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text without translation stops the generation and says where to add it."""
    monkeypatch.setattr(language, "catalogue", lambda _: {"Now": "Agora"})
    with pytest.raises(
        MissingTranslationError, match=r"dashboards/pt-BR.yml has no translation of 'RapidAPI"
    ):
        in_language(ENGLISH["rapidapi_overview"], "pt-BR")


def test_an_unknown_language_is_refused() -> None:
    """A misspelt language is answered with those there are."""
    with pytest.raises(UnknownLanguageError, match=r"no dashboards in 'pt'; .* one of: en, pt-BR"):
        generate.dashboards("pt")


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of `python -m dashboards`."""
    result = CliRunner().invoke(app, arguments, env=environment)
    return result.exit_code, result.output


def test_the_environment_chooses_the_language_of_the_files(tmp_path: Path) -> None:
    """`make dashboards DASHBOARD_LANGUAGE=pt-BR` writes Portuguese, and the check compares the same language."""
    folder = ("--output", str(tmp_path))
    assert run(*folder, DASHBOARD_LANGUAGE="pt-BR")[0] == 0
    written = (tmp_path / generate.DASHBOARDS / "rapidapi_overview.json").read_text(encoding="utf-8")
    assert "Estado geral" in written
    assert run("--check", *folder, DASHBOARD_LANGUAGE="pt-BR")[0] == 0
    assert run("--check", *folder, DASHBOARD_LANGUAGE="en")[0] == 1
    code, said = run(*folder, DASHBOARD_LANGUAGE="tlh")
    assert (code, "one of: en, pt-BR" in said) == (1, True)


def test_what_is_pushed_to_grafana_is_in_the_language_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the environment decides, at each call."""
    monkeypatch.setenv("DASHBOARD_LANGUAGE", "pt-BR")
    assert generate.dashboards()["rapidapi_models"]["title"] == "RapidAPI - Modelos"
    monkeypatch.delenv("DASHBOARD_LANGUAGE")
    assert generate.dashboards()["rapidapi_models"]["title"] == "RapidAPI - Models"


def test_no_text_is_left_in_english() -> None:
    """A sentence at a place which translation does not know would show up here; a name that settings match is data."""
    allowed = {english for english, portuguese in catalogue("pt-BR").items() if english == portuguese}
    foreign = texts() - allowed
    for uid, board in PORTUGUESE.items():
        for path, value in walk(board):
            if isinstance(value, str) and " " in value and value in foreign:
                assert path.endswith(("/legendFormat", "/matcher/options")), (uid, path, value)
