"""Paths into JSON: `$.data.items[0]["odd name"]`, which lead to one value. No wildcards, no filters."""

from __future__ import annotations

import re
from typing import Any, Final

_START: Final = re.compile(r"\$|(?=[^$.\[\]])")
_STEP: Final = re.compile(
    r"""\.?(?P<name>[^$.\[\]"']+)|\[(?P<index>-?\d{1,9})\]|\[(?P<quote>["'])(?P<quoted>.*?)(?P=quote)\]"""
)


class JsonPath:
    """The way to one value in a JSON document.

    Args:
        text: Such as `$.data.items[0].name` or `data.items[-1]["odd name"]`; `$` alone is the whole document.

    Raises:
        ValueError: The text is no such path.
    """

    __slots__ = ("_steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = _parse(text)

    def find(self, document: Any) -> Any:  # noqa: ANN401 - JSON
        """Return the value.

        Raises:
            LookupError: There is none.
        """
        for step in self._steps:
            match document, step:
                case (list(), int()) | (dict(), str()):
                    document = document[step]
                case _:
                    raise LookupError(self.text)
        return document

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonPath) and self._steps == other._steps

    def __hash__(self) -> int:
        return hash(self._steps)


def _parse(text: str) -> tuple[int | str, ...]:
    start = _START.match(text)
    if not start:
        raise ValueError(text)
    steps: list[int | str] = []
    position = start.end()
    while position < len(text):
        match = _STEP.match(text, position)
        if not match or (match["name"] and text[position] != "." and position != 0):
            raise ValueError(text)
        steps.append(_step(match))
        position = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> int | str:
    if match["index"]:
        return int(match["index"])
    return match["name"] if match["name"] is not None else match["quoted"]
