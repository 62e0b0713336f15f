"""What the steps of an API must be together: each of its own name, each using only what a step before it has taken."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from collector.errors import Problem
from collector.values import field_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from collector.api import Api, Step
    from collector.yaml_file import Document, Location

_HOST_FROM_ANSWER: Final = re.compile(r"\w+://[^/?#]*\$\{")


def wrong_steps(apis: Sequence[Api], document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the steps of the APIs; the document knows the lines."""
    for index, api in enumerate(apis):
        for location, what, remedy in (*_problems(api.steps), *_useless_caches(api)):
            place = ("apis", index, "steps", *location)
            yield Problem(field_path(place), what, remedy, document.line(place))


def _problems(steps: Sequence[Step]) -> Iterator[tuple[Location, str, str]]:
    counts = Counter(step.name for step in steps)
    known: set[str] = set()
    taken = {value for step in steps for value in _values(step)}
    for number, step in enumerate(steps):
        if counts[step.name] > 1:
            yield (number, "name"), f"duplicate step name {step.name!r}", "give each step a name of its own"
        for key, place in step.places():
            if place not in known:
                yield (number, *key), *_unknown(place, known, taken)
        if _HOST_FROM_ANSWER.match(str(step.url)):
            what = "an answer's value in the host, which would let it choose who is asked"
            yield (number, "url"), what, "write the host out; a value can stand in the path and behind it"
        known |= _values(step)


def _useless_caches(api: Api) -> Iterator[tuple[Location, str, str]]:
    needed = api.interval + api.timeout  # what is kept has to last until the end of the next probe
    for number, step in enumerate(api.steps):
        if step.cache is None:
            continue
        if step is api.steps[-1]:
            what = "`cache` at the last step, which is what the probe is for"
            yield (number, "cache"), what, "leave it out"
        elif isinstance(step.cache, float) and step.cache <= needed:
            what = f"never used again after {step.cache:g} s, as it must last until the next probe's timeout"
            yield (
                (number, "cache"),
                what,
                f"write more than {needed:g}s (interval and timeout), or leave it out",
            )


def _values(step: Step) -> set[str]:
    return {f"{step.name}.{name}" for name in step.take}


def _unknown(place: str, known: set[str], taken: set[str]) -> tuple[str, str]:
    if place in taken:
        return f"${{{place}}} is not known before this step is sent", "use it in a later step"
    if near := difflib.get_close_matches(place, known, n=1):
        return f"no step before takes ${{{place}}}", f"did you mean ${{{near[0]}}}?"
    names = ", ".join(f"${{{name}}}" for name in sorted(known))
    return f"no step before takes ${{{place}}}", f"write one of {names}" if known else "take it first"
