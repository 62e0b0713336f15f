"""What a scenario is, and the pieces of which scenarios are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector import contract as raw
from ml_sidecar import contract as ml
from tests.integration.exposition import Series, Value, now, rising

ENVIRONMENT: Final = "staging"
"""Of most scenarios; a sidecar scores in it. What must not disturb the others has an environment of its own."""
MOVING: Final = {"<n>": r"-?\d+(?:\.\d+)?", "<time>": r"\d+\w*(?: \d+\w*)*"}
"""Stands in a description for a number, or for a duration, that moves."""


@dataclass(frozen=True)
class Scenario:
    """One alert and what leads to it.

    Attributes:
        description: The alert's description, word for word; `MOVING` and the places of the test's servers may stand in it.
        labels: All labels of the alert but its name; places may stand in them too.
        collector: What the collector says.
        sidecar: What the sidecar says.
        prometheus: What a Prometheus, and an Alertmanager, say of themselves.
        doomed: What a second collector says, which soon dies.
    """

    description: str
    labels: Mapping[str, str]
    collector: Sequence[Series] = ()
    sidecar: Sequence[Series] = ()
    prometheus: Sequence[Series] = ()
    doomed: Sequence[Series] = ()

    def at(self, places: Mapping[str, str]) -> Scenario:
        """The same with the places filled in: what stands for an address, and the address."""

        def filled(text: str) -> str:
            for placeholder, place in places.items():
                text = text.replace(placeholder, place)
            return text

        labels = {name: filled(value) for name, value in self.labels.items()}
        return Scenario(filled(self.description), labels)

    def says(self, text: str) -> bool:
        """Whether this is the alert's description."""
        pattern = re.escape(self.description)
        for placeholder, moving in MOVING.items():
            pattern = pattern.replace(re.escape(placeholder), moving)
        return re.fullmatch(pattern, text) is not None


def api(name: str, environment: str = ENVIRONMENT) -> Callable[..., Series]:
    """A maker of series of one API."""

    def series(metric: raw.Metric | ml.Metric, value: Value, suffix: str = "", **labels: str) -> Series:
        return Series(metric.name + suffix, {"api_name": name, "environment": environment, **labels}, value)

    return series


def of(environment: str, metric: raw.Metric | ml.Metric, value: Value, **labels: str) -> Series:
    """A series of a whole environment."""
    return Series(metric.name, {"environment": environment, **labels}, value)


def traffic(
    name: str,
    success: float = 1.0,
    error: float = 0.0,
    reason: str = "http_5xx",
    seconds: float = 0.5,
    environment: str = ENVIRONMENT,
) -> list[Series]:
    """An API that is probed every second: so many answers of each kind a second, half a second each by default."""
    series = api(name, environment)
    return [
        series(raw.REQUESTS, rising(success), status="success"),
        series(raw.REQUESTS, rising(error), status="error"),
        series(raw.ERRORS, rising(error), reason=reason),
        series(raw.RESPONSE_TIME, rising(seconds * (success + error)), "_sum"),
        series(raw.RESPONSE_TIME, rising(success + error), "_count"),
        series(raw.LAST_PROBE, now),
        series(raw.PROBE_INTERVAL, 1),
    ]


def labels_of(name: str, severity: str, component: str, kind: str, **more: str) -> dict[str, str]:
    """The labels of an alert about one API."""
    told = {"severity": severity, "component": component, "kind": kind}
    return {"api_name": name, "environment": ENVIRONMENT, **told, **more}


def health_of(component: str, severity: str = "warning", **more: str) -> dict[str, str]:
    """The labels of an alert about the monitoring itself."""
    return {"severity": severity, "component": component, "kind": "health", **more}
