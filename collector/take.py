"""Takes values out of an answer, for the steps after it. No error quotes a value."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, model_validator

from collector.body_checks import decoded, search, unix_time
from collector.secret_values import wrong
from collector.strict import Strict, given
from collector.values import GroupPattern, HeaderName, Path

if TYPE_CHECKING:
    from collections.abc import Mapping

    import regex

    from collector.json_path import JsonPath

_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|^\.*$")
"""Line breaks would end a header, halves of characters cannot be sent, and dots alone would lead to another path."""
_EARLIEST_UNIX_TIME: Final = 1e9
_WAYS: Final = {"json_path": "json", "header": "header", "matches": "matches"}


class TakeError(Exception):
    """An answer lacks what is to be taken; the message is for the log and quotes nothing of the answer."""


class Answer:
    """What values are taken from.

    Args:
        headers: Its headers, by their names in small letters.
        body: Its body, unpacked.
        charset: How the body's text is encoded; UTF-8 if that is unknown.
    """

    def __init__(self, headers: Mapping[str, str], body: bytes, charset: str) -> None:
        self.headers = headers
        self._body = body
        self._charset = charset

    def text(self) -> str:
        """Return the body as text."""
        return decoded(self._body, self._charset)

    def json_value(self, path: JsonPath) -> Any:  # noqa: ANN401 - JSON
        """Return a value of a JSON body.

        Raises:
            TakeError: The body is no JSON, or has no such value.
        """
        try:
            return path.find(self._document)
        except LookupError:
            raise TakeError(f"the answer has no {path.text}") from None

    @cached_property
    def _document(self) -> object:
        # Read once for all values, as that takes long enough to be seen in the times of other probes.
        try:
            return json.loads(self._body)
        except (ValueError, RecursionError):
            raise TakeError("the body is no JSON") from None

    def lifetime(self, path: JsonPath, now: float) -> float:
        """Return for how many seconds the answer says that what it gives may be used.

        Args:
            path: Where it says so: seconds, or a time as ISO 8601 or Unix time.
            now: Unix time in seconds.

        Raises:
            TakeError: There is no such value.
        """
        value = self.json_value(path)
        seconds = _number(value)
        if seconds is not None and not seconds >= _EARLIEST_UNIX_TIME:  # NaN is never good until anything
            return seconds
        until = unix_time(value if seconds is None else seconds)
        if until is None:
            raise TakeError(f"{path.text} is neither seconds nor a time")
        return until - now


class Source(Strict):
    """Where in an answer a value stands. Exactly one of `json`, `header` and `matches`."""

    json_path: Path | None = Field(default=None, alias="json")
    """In a JSON body, such as `$.access_token`: text, a number, true or false."""
    header: HeaderName | None = None
    """In the header of this name."""
    matches: GroupPattern | None = None
    """In the body, where this regular expression (Python's) first matches, found within half a second: its one group."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if len(given(self, *_WAYS)) != 1:
            raise wrong("not exactly one of `json`, `header` or `matches`", "write one of them")
        return self

    def value(self, answer: Answer) -> str:
        """Return the value as it is sent: one line of text, not empty.

        Raises:
            TakeError: There is none.
        """
        text, where = self._found(answer)
        if _UNFIT.search(text):
            raise TakeError(f"{where} is empty or not one line of text")
        return text

    def _found(self, answer: Answer) -> tuple[str, str]:
        if self.json_path is not None:
            return _text(answer.json_value(self.json_path), self.json_path), self.json_path.text
        if self.header is not None:
            if self.header.lower() not in answer.headers:
                raise TakeError(f"the answer has no header {self.header}")
            return answer.headers[self.header.lower()], f"the header {self.header}"
        match = _search(self.matches or "", answer.text())
        if match is None or match[1] is None:
            raise TakeError("the body has nothing that `matches` finds")
        return match[1], "what `matches` finds"


def lifetime(cache: float | JsonPath | None, answer: Answer, now: float) -> float:
    """Return for how many seconds from now what is taken from an answer may be used again.

    Args:
        cache: Seconds, or where the answer says so; None for not at all.
        answer: The answer.
        now: Unix time in seconds.

    Raises:
        TakeError: It does not say so.
    """
    if cache is None or isinstance(cache, float):
        return cache or 0.0
    return answer.lifetime(cache, now)


def _search(pattern: str, text: str) -> regex.Match[str] | None:
    try:
        return search(pattern, text)
    except TimeoutError as error:
        raise TakeError(str(error)) from None


def _text(value: object, path: JsonPath) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise TakeError(f"{path.text} is not a single value")


def _number(value: object) -> float | None:
    """Return a number, also one that is written as text, as some APIs do."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
