"""Turns families into the ready bytes that a scrape gets.

Measured by `python -m benchmarks.exposition` (10,000 APIs, one of 2 cores), in CPU-seconds:

| | `core`, 190,000 series, 26 MB | `full`, 780,000 series, 107 MB |
|---|---|---|
| first publication, everything rendered | 0.37 | 0.87 |
| a cycle, only scores rendered anew | 0.07 | 0.20 |
| /metrics/json, when asked for | 0.8 | 4.6 |
| gzip at level 1 (not done) | 0.08 | 0.34 |

Gzip would more than double a cycle, and Prometheus would have to unpack it, to spare a network that is loopback as
a rule; so /metrics is served as it is.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from prometheus_client.registry import CollectorRegistry

from ml_sidecar.contract import (
    ANOMALIES,
    ANOMALY,
    ANOMALY_SCORE,
    CONTRIBUTION,
    EXPORTED_SERIES,
    METRICS,
    SERIES_DROPPED,
    THRESHOLD,
    Metric,
)
from ml_sidecar.exposition import Family, process_families
from ml_sidecar.families import gauge
from ml_sidecar.features import Entity, Mask

Groups = Literal["full", "core"]
CORE = (ANOMALY_SCORE, ANOMALY, CONTRIBUTION, ANOMALIES, THRESHOLD)
"""Per-API metrics of `export: core`."""

Kept = tuple[Family, Mask | None]


class MetricInfo(NamedTuple):
    """One metric that the sidecar exposes.

    Attributes:
        description: its help text.
        metric_type: counter or gauge.
        labels: names of its labels.
    """

    description: str
    metric_type: str
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Snapshot:
    """What one publication serves; replaced as a whole."""

    time: float
    families: Sequence[Kept]
    text: bytes

    @cached_property
    def json(self) -> bytes:
        """Rendered when first asked for: few ask, and it costs more than the text."""
        content = {
            "timestamp": datetime.fromtimestamp(self.time, UTC).isoformat(),
            "metrics": [family.as_json(keep) for family, keep in self.families if family.render(keep)],
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


class PrometheusExporter:
    """Holds the present exposition. One thread publishes, any number read.

    Args:
        environment: label of the metrics that belong to no API.
        max_series: cap on exported series. Beyond it whole APIs are left out, the last by name first, and counted;
            metrics that belong to no API never are.
        groups: full, or core for fewer series per API.
        registry: of prometheus_client, whose metrics (process_*, python_*) are added to each publication.
        now: clock, seconds since the epoch.
    """

    def __init__(
        self,
        environment: str,
        *,
        max_series: int = 1_000_000,
        groups: Groups = "full",
        registry: CollectorRegistry | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.environment = environment
        self.max_series = max_series
        self.groups = groups
        self.series_dropped_total = 0
        self._registry = registry
        self._now = now
        self.publish([])

    @property
    def metrics(self) -> dict[str, MetricInfo]:
        """Every metric that is exposed, by name."""
        return {
            metric.name: MetricInfo(metric.help, metric.kind, metric.label_names)
            for metric in METRICS
            if self._chosen(metric)
        }

    def _chosen(self, metric: Metric) -> bool:
        return self.groups == "full" or not metric.per_api or metric in CORE

    def publish(self, families: Sequence[Family], alive: Collection[Entity] | None = None) -> None:
        """Render families and serve them from now on, in place of all that was published before.

        Args:
            families: at most one per metric. An object published before is not rendered again.
            alive: APIs that report at present; samples of any other are left out. All of them by default.

        Raises:
            ValueError: there are two families of one metric.
        """
        chosen = sorted(
            (family for family in families if self._chosen(family.metric)),
            key=lambda family: family.metric.name,
        )
        _refuse_twins(chosen)
        kept = self._within_cap(_with_masks(chosen, alive))
        exported = sum(_count(family, keep) for family, keep in kept) + 2
        own = [
            gauge(EXPORTED_SERIES, self.environment, exported),
            gauge(SERIES_DROPPED, self.environment, self.series_dropped_total),
        ]
        process = [] if self._registry is None else process_families(self._registry)
        everything: list[Kept] = [*kept, *((family, None) for family in (*own, *process))]
        text = b"".join(family.render(keep) for family, keep in everything)
        self._snapshot = _Snapshot(self._now(), everything, text)

    def exposition(self) -> bytes:
        """What /metrics answers; ready, nothing is computed."""
        return self._snapshot.text

    def exposition_json(self) -> bytes:
        """What /metrics/json answers: the same samples. The first call after a publication renders it."""
        return self._snapshot.json

    def _within_cap(self, families: list[Kept]) -> list[Kept]:
        """Leave out whole APIs until the cap holds, and count the series left out."""
        total = sum(_count(family, keep) for family, keep in families) + 2
        if total <= self.max_series:
            return families
        counts: Counter[tuple[str, ...]] = Counter()
        for family, keep in families:
            if family.metric.per_api:
                series = family.series if keep is None else family.series * keep
                for entity, number in zip(family.labels.standing, series.tolist(), strict=True):
                    counts[entity] += number
        room = self.max_series - (total - counts.total())
        entities = sorted(counts)
        fitting = int(np.searchsorted(np.cumsum([counts[entity] for entity in entities]), room, side="right"))
        self.series_dropped_total += sum(counts[entity] for entity in entities[fitting:])
        allowed = set(entities[:fitting])
        both = _with_masks([family for family, _ in families], allowed)
        return [
            (family, cap if keep is None or cap is None else keep & cap)
            for (family, keep), (_, cap) in zip(families, both, strict=True)
        ]


def _refuse_twins(families: Sequence[Family]) -> None:
    names = [family.metric.name for family in families]
    for name, after in pairwise(names):
        if name == after:
            raise ValueError(f"two families of {name}; the text format allows one")


def _count(family: Family, keep: Mask | None) -> int:
    return int(family.series.sum() if keep is None else family.series[keep].sum())


def _with_masks(families: Sequence[Family], allowed: Collection[tuple[str, ...]] | None) -> list[Kept]:
    """Each family with the standing rows to keep; None where that is all of them."""
    if allowed is None:
        return [(family, None) for family in families]
    wanted = set(allowed)
    masks: dict[int, Mask | None] = {}
    kept: list[Kept] = []
    for family in families:
        rows = family.labels.standing
        if not family.metric.per_api:
            kept.append((family, None))
            continue
        if id(rows) not in masks:
            mask = np.fromiter((row in wanted for row in rows), dtype=bool, count=len(rows))
            masks[id(rows)] = None if mask.all() else mask
        kept.append((family, masks[id(rows)]))
    return kept
