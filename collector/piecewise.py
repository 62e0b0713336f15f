"""`/metrics` in short pieces, because no probe may wait for a scrape.

With 1,000 APIs, 35,000 series, prometheus-client's encoder takes 0.5 s of CPU, as much as all probes between two scrapes, and
also from a thread it held answers up by 100 ms and more. Nearly all of it goes into spelling names and labels, which do
not change: here prometheus-client spells them once, and a scrape adds the values, 0.05 s in pieces of a
millisecond. `benchmarks.collector` measures it.
"""

from __future__ import annotations

import asyncio
import time
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from prometheus_client import Metric
    from prometheus_client.metrics import MetricWrapperBase
    from prometheus_client.samples import Sample

    Encode = Callable[[Collector], bytes]

_PIECE_SECONDS: Final = 0.001
_END: Final = b"# EOF\n"
"""What OpenMetrics ends with."""


class PiecewiseRegistry(CollectorRegistry):
    """A registry that can also be encoded without holding up the event loop.

    Counters, gauges, histograms and summaries with labels are read where prometheus-client keeps them, child by child; whatever else
    is registered is left to its encoder. Exemplars are not shown.
    """

    def __init__(self) -> None:
        self._labelled: list[_Family] = []
        self._others = CollectorRegistry()
        super().__init__()

    def register(self, collector: Collector) -> None:
        """Add a collector, which stays."""
        super().register(collector)
        if isinstance(collector, Counter | Gauge | Histogram | Summary) and collector._labelnames:  # noqa: SLF001 - nowhere public
            self._labelled.append(_Family(collector))
        else:
            self._others.register(collector)

    async def encode(self, accept: str) -> tuple[bytes, str]:
        """Return what `/metrics` answers and its content type.

        Args:
            accept: The request's header `Accept`.
        """
        encode, content_type = choose_encoder(accept)
        pieces = [piece for family in self._labelled async for piece in family.encode(encode)]
        return b"".join([*pieces, encode(self._others)]), content_type


class _Family:
    """A metric with labels, and how each of its lines begins."""

    def __init__(self, metric: MetricWrapperBase) -> None:
        self._metric = metric
        self._heads: dict[Sequence[str], list[str]] = {}

    async def encode(self, encode: Encode) -> AsyncIterator[bytes]:
        """Give the metric's lines in pieces, with other work in between."""
        yield encode(_Fixed(self._metric.describe())).removesuffix(_END)
        with self._metric._lock:  # noqa: SLF001 - see PiecewiseRegistry
            children = dict(self._metric._metrics)  # noqa: SLF001
        heads = {labels: known for labels, known in self._heads.items() if labels in children}
        self._heads = heads
        lines: list[str] = []
        began = time.perf_counter()
        for labels, child in children.items():
            if labels not in heads:
                heads[labels] = self._spell(labels, child._child_samples())  # noqa: SLF001
            lines += map(str.__add__, heads[labels], map(_spelled, _values(child)))
            if time.perf_counter() - began > _PIECE_SECONDS:
                yield "".join(lines).encode()
                lines.clear()
                await asyncio.sleep(0)
                began = time.perf_counter()
        yield "".join(lines).encode()

    def _spell(self, values: Sequence[str], samples: Iterable[Sample]) -> list[str]:
        labels = dict(zip(self._metric._labelnames, values, strict=True))  # noqa: SLF001
        (family,) = self._metric.describe()
        for sample in samples:
            family.add_sample(family.name + sample.name, {**labels, **sample.labels}, 0.0)
        lines = generate_latest(_Fixed([family])).decode().split("\n")
        return [line.removesuffix("0.0") for line in lines if line and not line.startswith("#")]


def _values(child: MetricWrapperBase) -> list[float]:
    """What its samples hold, without making them: that was half of what a scrape took."""
    if isinstance(child, Summary):
        return [child._count.get(), child._sum.get()]  # noqa: SLF001
    if not isinstance(child, Histogram):
        return [child._value.get()]  # type: ignore[attr-defined] # noqa: SLF001 - a counter or a gauge
    counts = list(accumulate(bucket.get() for bucket in child._buckets))  # noqa: SLF001
    return [*counts, counts[-1], child._sum.get()]  # noqa: SLF001


def _spelled(value: float) -> str:
    # Go goes over to exponents at a million.
    return f"{value!r}\n" if abs(value) < 1e6 else f"{floatToGoString(value)}\n"  # type: ignore[no-untyped-call]


class _Fixed(Collector):
    """Families as they are."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
