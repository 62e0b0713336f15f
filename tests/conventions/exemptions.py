"""The one list of exemptions from the conventions, and how a test applies it.

A test collects everything that breaks its statement and hands it to `hold`, which fails on a violation without an
exemption and on an exemption without a violation, so that none outlives its cause:

    def test_r6_every_alert_waits() -> None:
        hold("R6", ((rule.alert, "has no `for`") for rule in alerts() if not rule.wait))

A test that serves several statements holds them one after the other. All violations of one statement go into one call.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PATH: Final = Path(__file__).with_name("exemptions.yml")
WHOLE_RULE: Final = "the whole rule"
"""The entry of a statement that has no test at all."""

Exemptions = dict[str, dict[str, str]]
"""Rule id to entry to reason."""


def load(text: str | None = None) -> Exemptions:
    """Return the exemptions.

    Raises:
        ValueError: If an item lacks a reason, has an unknown key, or repeats an entry.
    """
    content = yaml.safe_load(PATH.read_text(encoding="utf-8") if text is None else text)
    found: Exemptions = defaultdict(dict)
    for rule, items in content["exclusions"].items():
        for item in items:
            _add(found[rule], rule, item)
    return dict(found)


def _add(entries: dict[str, str], rule: str, item: Mapping[str, Any]) -> None:
    if set(item) != {"reason", "entries"} or not item["entries"] or len(item["reason"].split()) < 4:
        raise ValueError(f"{rule}: every item needs a reason of some words and a list of entries, got {item}")
    for entry in item["entries"]:
        if entry in entries:
            raise ValueError(f"{rule}: {entry!r} is listed twice")
        entries[entry] = item["reason"]


def hold(rule: str, violations: Iterable[tuple[str, str]], exemptions: Exemptions | None = None) -> None:
    """Fail unless the violations of a rule are exactly its exemptions.

    Args:
        rule: Id of the statement, as `D8`.
        violations: What breaks it: the entry (say where, e.g. `rapidapi_overview: Response time`) and the problem.
        exemptions: What to compare with; the project's file by default.
    """
    listed = (load() if exemptions is None else exemptions).get(rule, {})
    problems: defaultdict[str, list[str]] = defaultdict(list)
    for entry, problem in violations:
        problems[entry].append(problem)
    broken = [f"{entry}: {'; '.join(problems[entry])}" for entry in problems if entry not in listed]
    unused = [f"{entry}: exempted, but nothing is wrong with it" for entry in listed if entry not in problems]
    assert not broken + unused, "\n".join([f"{rule} does not hold:", *broken, *unused])
