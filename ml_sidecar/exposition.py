"""Families of samples as arrays, and their Prometheus text format (0.0.4) and JSON.

A family renders itself once and remembers the bytes, so that a family that is published again (forecasts between two
grid points) costs nothing; label texts are shared by all families over the same APIs. Measured by
`python -m benchmarks.exposition`; the figures stand in `exporter`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import compress, product
from typing import Any, Literal

import numpy as np
from prometheus_client.registry import Collector, CollectorRegistry

from ml_sidecar.contract import API_LABELS, Metric
from ml_sidecar.features import Array, Entity, Mask

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True, eq=False)
class Labels:
    """Label sets of a family: each row of `standing` with each row of `extra`, in this order.

    Attributes:
        names: label names, those of `standing` first.
        standing: R rows of label values; one row per API for per-API metrics.
        extra: K rows of the values of the remaining labels.
    """

    names: tuple[str, ...]
    standing: tuple[tuple[str, ...], ...]
    extra: tuple[tuple[str, ...], ...] = ((),)

    @cached_property
    def texts(self) -> list[str]:
        """The label sets as the text format has them, braces included; R * K of them."""
        split = len(self.names) - len(self.extra[0]) if self.extra else len(self.names)
        heads = [_pairs(self.names[:split], row) for row in self.standing]
        tails = [_pairs(self.names[split:], row) for row in self.extra]
        return [_braced(head, tail) for head in heads for tail in tails]

    def dicts(self) -> Iterator[dict[str, str]]:
        """The label sets as dictionaries."""
        for head, tail in product(self.standing, self.extra):
            yield dict(zip(self.names, head + tail, strict=True))


@lru_cache(maxsize=16)
def api_labels(
    entities: tuple[Entity, ...], names: tuple[str, ...] = (), extra: tuple[tuple[str, ...], ...] = ((),)
) -> Labels:
    """Label sets of a per-API family; the same object for equal arguments, so that texts are made once."""
    return Labels((*API_LABELS, *names), entities, extra)


def _pairs(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(
        f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True)
    )


def _braced(head: str, tail: str) -> str:
    inside = f"{head},{tail}" if head and tail else head or tail
    return f"{{{inside}}}" if inside else ""


@dataclass(eq=False)
class Family:
    """All samples of one metric. Its values must not change after it was published.

    Attributes:
        metric: name, type and help.
        labels: R * K label sets.
        values: R * K values, any shape; NaN is no sample.
    """

    metric: Metric
    labels: Labels
    values: Array
    _rendered: tuple[bytes | None, bytes] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        rows, columns = len(self.labels.standing), len(self.labels.extra)
        self.values = np.asarray(self.values, dtype=np.float64).reshape(rows, columns)

    @cached_property
    def series(self) -> Array:
        """(R,), samples of each standing row."""
        return np.asarray((~np.isnan(self.values)).sum(axis=1))

    def present(self, keep: Mask | None) -> Mask:
        """(R * K,), which label sets have a sample, of the standing rows in `keep` (R,)."""
        present = ~np.isnan(self.values)
        return np.asarray(present if keep is None else present & keep[:, None]).ravel()

    def render(self, keep: Mask | None = None) -> bytes:
        """The family in the text format; empty when there is no sample."""
        key = None if keep is None else keep.tobytes()
        if self._rendered is None or self._rendered[0] != key:
            self._rendered = (key, self._render(self.present(keep)))
        return self._rendered[1]

    def _render(self, present: Mask) -> bytes:
        if not present.any():
            return b""
        name, kind, text = self.metric.name, self.metric.kind, self.metric.help
        values = self.values.ravel()[present]
        numbers = map(repr if np.isfinite(values).all() else _number, values.tolist())
        lines = [
            f"{name}{label} {number}\n"
            for label, number in zip(compress(self.labels.texts, present), numbers, strict=True)
        ]
        head = f"# HELP {name} {text.translate(_HELP_ESCAPES)}\n# TYPE {name} {kind}\n"
        return (head + "".join(lines)).encode("utf-8", "replace")

    def as_json(self, keep: Mask | None = None) -> dict[str, Any]:
        """The same samples as JSON-able values; infinite ones as text, which JSON has no numbers for."""
        present = self.present(keep)
        values = self.values.ravel()[present].tolist()
        samples = [
            {"labels": labels, "value": value if math.isfinite(value) else _number(value)}
            for labels, value in zip(compress(self.labels.dicts(), present), values, strict=True)
        ]
        metric = self.metric
        return {"name": metric.name, "help": metric.help, "type": metric.kind, "samples": samples}


def _number(value: float) -> str:
    """A float that may be infinite, as the text format writes it."""
    return repr(value) if math.isfinite(value) else f"{value:+}".capitalize().replace("inf", "Inf")


def process_families(registry: CollectorRegistry | Collector) -> list[Family]:
    """Gauges and counters of a registry of prometheus_client (process_*, python_*) as families.

    Raises:
        ValueError: the registry holds a metric of another type.
    """
    families = []
    for metric in registry.collect():
        if metric.type not in {"gauge", "counter"}:
            raise ValueError(f"{metric.name} is a {metric.type}; only gauges and counters are exported")
        samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
        if not samples:
            continue
        names = tuple(samples[0].labels)
        rows = tuple(tuple(sample.labels.values()) for sample in samples)
        kind: Literal["counter", "gauge"] = "counter" if metric.type == "counter" else "gauge"
        described = Metric(samples[0].name, kind, metric.documentation, names, per_api=False)
        values = np.array([sample.value for sample in samples])
        families.append(Family(described, Labels(names, ((),), rows), values))
    return families
