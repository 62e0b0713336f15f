"""What an answer's body has to be, beside arriving whole: the part `expected_body` of the configuration."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final, Self

import regex
from pydantic import Field, model_validator

from collector.secret_values import Text, wrong
from collector.strict import Strict, given
from collector.values import Path, Pattern, Seconds

_CONDITIONS: Final = ("equals", "above", "below", "max_age")
_EARLIEST_UNIX_MILLISECONDS: Final = 1e12
_LATEST_UNIX_MILLISECONDS: Final = 1e15
_MATCH_SECONDS: Final = 0.5
"""Of processor time; 250 kB take an honest expression a hundredth of that, and a catastrophic one would take for ever."""


class JsonCheck(Strict):
    """A condition on one value of a JSON body. Exactly one of `equals`, `above` and `below`, `max_age`."""

    path: Path
    """Where the value stands, such as `$.data.items[0].name`."""
    equals: bool | int | float | str | None = None
    """The value is this text, number, true, false or null."""
    above: float | None = None
    """The value is a number above this one."""
    below: float | None = None
    """The value is a number below this one; with `above`, between the two."""
    max_age: Seconds | None = None
    """The value is a time, as ISO 8601 or Unix time, at most so long ago."""

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        conditions = {"above" if key == "below" else key for key in given(self, *_CONDITIONS)}
        if len(conditions) != 1:
            raise wrong("not exactly one condition", "write `equals`, `above` and `below`, or `max_age`")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise wrong(
                f"nothing is above {self.above:g} and below {self.below:g}", "write the smaller as `above`"
            )
        return self

    def problem(self, document: object, now: float) -> str | None:
        """Return what is wrong with the value; None if nothing is.

        Args:
            document: A decoded JSON body.
            now: Unix time in seconds at which it came.
        """
        try:
            value = self.path.find(document)
        except LookupError:
            return f"the body has no {self.path.text}"
        if "equals" in self.model_fields_set:
            same = value == self.equals and isinstance(value, bool) == isinstance(self.equals, bool)
            return None if same else f"{self.path.text} is not as expected"
        if self.max_age is not None:
            return self._problem_of_age(value, now)
        return self._problem_of_size(value)

    def _problem_of_age(self, value: object, now: float) -> str | None:
        time = unix_time(value)
        if time is None:
            return f"{self.path.text} is no time"
        if now - time > (self.max_age or 0):
            return f"{self.path.text} is {now - time:.0f} s old, expected at most {self.max_age:g} s"
        return None

    def _problem_of_size(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{self.path.text} is no number"
        if self.above is not None and not value > self.above:
            return f"{self.path.text} is not above {self.above:g}"
        if self.below is not None and not value < self.below:
            return f"{self.path.text} is not below {self.below:g}"
        return None


class BodyChecks(Strict):
    """What the body has to be for the answer to be a success. All conditions must hold."""

    contains: Text | None = None
    """The body contains this text; capitals matter."""
    matches: Pattern | None = None
    """Somewhere in the body this regular expression (Python's) matches, found within half a second."""
    json_values: list[JsonCheck] = Field(default=[], alias="json")
    """The body is JSON, and these conditions on its values hold."""

    @model_validator(mode="after")
    def _some_condition(self) -> Self:
        if not (self.contains or self.matches or self.json_values):
            raise wrong("no condition")
        return self

    def problem(self, body: bytes, charset: str, now: float) -> str | None:
        """Return what is wrong with a body, without quoting it; None if nothing is.

        Args:
            body: The body, unpacked.
            charset: How its text is encoded; UTF-8 if that is unknown.
            now: Unix time in seconds at which it came.
        """
        text = decoded(body, charset)
        if self.contains is not None and self.contains not in text:
            return "the body does not contain what is expected"
        problem = self._problem_of_pattern(text) if self.matches is not None else None
        return problem or (self._problem_of_json(body, now) if self.json_values else None)

    def _problem_of_pattern(self, text: str) -> str | None:
        try:
            found = search(self.matches or "", text)
        except TimeoutError as error:
            return str(error)
        return None if found else "the body does not match what is expected"

    def _problem_of_json(self, body: bytes, now: float) -> str | None:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return "the body is no JSON"
        problems = (check.problem(document, now) for check in self.json_values)
        return next((problem for problem in problems if problem), None)


def search(pattern: str, text: str) -> regex.Match[str] | None:
    """Return where a regular expression first matches in a body; None if it does not.

    Raises:
        TimeoutError: It takes too long; the message is for the log.
    """
    try:
        return regex.search(pattern, text, timeout=_MATCH_SECONDS, concurrent=True)
    except TimeoutError:
        words = f"matching the body took more than {_MATCH_SECONDS:g} s: the regular expression backtracks too much"
        raise TimeoutError(words) from None


def decoded(body: bytes, charset: str) -> str:
    """Return a body as text; what its charset does not know is replaced, and an unknown charset is taken for UTF-8."""
    try:
        return body.decode(charset, errors="replace")
    except (LookupError, UnicodeError):  # UnicodeError: `idna`, for example, does not replace
        return body.decode(errors="replace")


def unix_time(value: object) -> float | None:
    """Return the Unix time in seconds that a JSON value states: ISO 8601, seconds or milliseconds; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        if not abs(value) < _LATEST_UNIX_MILLISECONDS:  # also NaN, and integers that no float can hold
            return None
        return value / 1000 if value >= _EARLIEST_UNIX_MILLISECONDS else float(value)
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
