"""What is looked for in an answer's headers and body, and what was found. Both can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.take import Answer, TakeError, lifetime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.body_checks import BodyChecks
    from collector.json_path import JsonPath
    from collector.take import Source


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    Attributes:
        problem: What is wrong, in words that quote nothing; None if nothing is.
        taken: The values that are taken, by name.
        lifetime: Seconds from now for which they may be used again.
    """

    problem: str | None = None
    taken: Mapping[str, str] = field(default_factory=dict, repr=False)
    lifetime: float = 0.0


@dataclass(frozen=True, slots=True)
class Contents:
    """What is looked for.

    Attributes:
        checks: What the body has to be; None for anything.
        take: Where the values stand that are taken, by name.
        cache: Seconds for which they may be used again, or where the body says so; None for not at all.
        headers: The answer's headers, by their names in small letters.
    """

    checks: BodyChecks | None = None
    take: Mapping[str, Source] = field(default_factory=dict)
    cache: float | JsonPath | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def has_pattern(self) -> bool:
        """Whether a regular expression is searched for, which may take long."""
        in_checks = self.checks is not None and self.checks.matches is not None
        return in_checks or any(source.matches is not None for source in self.take.values())

    def look(self, body: bytes, charset: str, now: float) -> Findings:
        """Return what a body and the headers hold.

        Args:
            body: The body, unpacked.
            charset: How its text is encoded; UTF-8 if that is unknown.
            now: Unix time in seconds at which it came.
        """
        if self.checks and (problem := self.checks.problem(body, charset, now)):
            return Findings(problem)
        answer = Answer(self.headers, body, charset)
        try:
            taken = {name: source.value(answer) for name, source in self.take.items()}
            return Findings(None, taken, lifetime(self.cache, answer, now))
        except TakeError as error:
            return Findings(str(error))
