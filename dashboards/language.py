"""The dashboards in another language: every text that a person reads is looked up in one catalogue.

A catalogue is a YAML file beside this one, named after its language: English text to translation. What comes from
Prometheus (names of APIs, patterns, alerts) is data and stays as it is.
"""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from dashboards.errors import MissingTranslationError, UnknownLanguageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dashboards.modernize import Json

VARIABLE: Final = "DASHBOARD_LANGUAGE"
"""Names the language; `LANG` is the shell's, and make would import it."""
ENGLISH: Final = "en"
_FOLDER: Final = Path(__file__).parent
_PLACEHOLDER: Final = re.compile(r"\{\{\w+\}\}|\$\w+")


def languages() -> tuple[str, ...]:
    """Return the languages there are; English is the one in which the sources are written."""
    return (ENGLISH, *sorted(path.stem for path in _FOLDER.glob("*.yml")))


def chosen_language() -> str:
    """Return the language that the environment asks for, English by default."""
    return os.environ.get(VARIABLE) or ENGLISH


def catalogue(language: str) -> dict[str, str]:
    """Return English text to translation.

    Raises:
        UnknownLanguageError: If there is no catalogue of this language.
    """
    if language not in languages():
        raise UnknownLanguageError(language, languages())
    if language == ENGLISH:
        return {}
    content: dict[str, str] = yaml.safe_load((_FOLDER / f"{language}.yml").read_text(encoding="utf-8"))
    return content


def in_language(board: Json, language: str) -> Json:
    """Return a dashboard with all its texts in the language.

    Raises:
        UnknownLanguageError: If there is no catalogue of this language.
        MissingTranslationError: If the catalogue lacks a text.
    """
    known = catalogue(language)
    if language == ENGLISH:
        return board

    def say(text: str) -> str:
        if text not in known:
            raise MissingTranslationError(text, language)
        return known[text]

    return map_texts(board, say)


def map_texts(board: Json, say: Callable[[str], str]) -> Json:
    """Return a copy of a dashboard in which `say` was asked for each text; placeholders alone are no text."""
    mapped = copy.deepcopy(board)
    for holder, key in [*_around(mapped), *(place for panel in _panels(mapped) for place in _within(panel))]:
        if any(map(str.isalpha, _PLACEHOLDER.sub("", holder[key]))):
            holder[key] = say(holder[key])
    return mapped


Place = tuple[Any, str]
"""A mapping and the key at which a text stands in it."""


def _around(board: Json) -> Iterator[Place]:
    """Yield the texts outside of panels."""
    yield from ((board, key) for key in ("title", "description"))
    yield from ((variable, "label") for variable in board["templating"]["list"])
    yield from ((mark, key) for mark in board["annotations"]["list"] for key in ("name", "titleFormat"))
    yield from ((link, "title") for link in board["links"])


def _panels(board: Json) -> Iterator[Json]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def _within(panel: Json) -> Iterator[Place]:
    """Yield the texts of a panel, matchers of our own names first, while those names are still in English."""
    yield from ((panel, key) for key in ("title", "description") if key in panel)
    if panel["type"] == "row":
        return
    own = {target["legendFormat"] for target in panel["targets"]}
    for step in panel.get("transformations", []):
        renamed = step["options"].get("renameByName", {})
        own |= set(renamed.values())
        yield from ((renamed, name) for name in renamed)
    yield from ((target, "legendFormat") for target in panel["targets"] if target["format"] != "table")
    yield from ((column, "displayName") for column in panel["options"].get("sortBy", []))
    defaults = panel["fieldConfig"]["defaults"]
    if "noValue" in defaults:
        yield defaults, "noValue"
    yield from _words(defaults.get("mappings", []))
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] in own:
            yield override["matcher"], "options"
        for setting in override["properties"]:
            yield from _setting(setting)


def _words(mappings: list[Json]) -> Iterator[Place]:
    """Yield the words that stand for values."""
    yield from ((option, "text") for mapping in mappings for option in mapping["options"].values())


def _setting(setting: Json) -> Iterator[Place]:
    """Yield the texts of one setting of an override."""
    match setting["id"]:
        case "displayName" | "noValue" | "custom.fillBelowTo":
            yield setting, "value"
        case "mappings":
            yield from _words(setting["value"])
        case "links":
            yield from ((link, "title") for link in setting["value"])
