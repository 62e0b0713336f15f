"""The committed rules as Prometheus reads them, for the tests of statements about them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import yaml

from alert_rules.generate import PROVISIONING
from tests.conventions.promql import children, parse

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
Node = Any


@cache
def files() -> dict[str, dict[str, Any]]:
    """Return the one group of each committed rule file by its name."""
    found = {}
    for path in sorted((PROVISIONING / "prometheus" / "rules").glob("*.yml")):
        [group] = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        if group["name"] != "custom":
            found[path.stem] = group
    return found


def rules() -> list[dict[str, Any]]:
    """Return every rule."""
    return [rule for group in files().values() for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Return every alerting rule."""
    return [rule for rule in rules() if "alert" in rule]


def name_of(rule: dict[str, Any]) -> str:
    """Return what an exemption calls the rule."""
    if "record" in rule:
        return str(rule["record"])
    return f"{rule['alert']} {rule['labels']['severity']}"


def nodes(expr: str) -> Iterator[Node]:
    """Yield every node of an expression."""
    pending = [parse(expr)]
    while pending:
        node = pending.pop()
        yield node
        pending += children(node)


def seconds(text: str) -> int:
    """Return a duration of Prometheus in seconds."""
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
