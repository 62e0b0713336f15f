"""`/metrics` in short pieces, because no probe may wait for a scrape.

With 1,000 APIs, 35,000 series, prometheus-client's encoder takes 0.5 s of CPU, as much as all probes between two scrapes, and
also from a thread it held answers up by 100 ms and more. Nearly all of it goes into spelling names and labels, which do
not change: here prometheus-client spells them once, and a scrape adds the values, 0.05 s in pieces of a
millisecond. `benchmarks.collector` measures it.
"""

from __future__ import annotations

import asyncio
import time
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, Final

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
_AT_A_TIME: Final = 20
"""Children between two looks at the clock."""
_GO_EXPONENTS: Final = 1e6
"""From here on Go spells numbers with exponents; below it does as Python does."""
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
    """A metric with labels, and the lines of each child without the values."""

    def __init__(self, metric: MetricWrapperBase) -> None:
        self._metric = metric
        self._read = _reader(metric)
        self._lines: dict[Sequence[str], str] = {}

    async def encode(self, encode: Encode) -> AsyncIterator[bytes]:
        """Give the metric's lines in pieces, with other work in between."""
        yield encode(_Fixed(self._metric.describe())).removesuffix(_END)
        with self._metric._lock:  # noqa: SLF001 - see PiecewiseRegistry
            children = dict(self._metric._metrics)  # noqa: SLF001
        lines: list[str] = []
        began = time.perf_counter()
        pending = iter(children.items())
        while some := list(islice(pending, _AT_A_TIME)):
            lines += [_filled(self._known(labels, child), self._read(child)) for labels, child in some]
            if time.perf_counter() - began > _PIECE_SECONDS:
                yield "".join(lines).encode()
                lines.clear()
                await asyncio.sleep(0)
                began = time.perf_counter()
        yield "".join(lines).encode()
        if len(self._lines) > len(children):
            self._lines = {labels: known for labels, known in self._lines.items() if labels in children}

    def _known(self, labels: Sequence[str], child: MetricWrapperBase) -> str:
        known = self._lines.get(labels)
        if known is None:
            known = self._lines[labels] = self._spell(labels, child._child_samples())  # noqa: SLF001
        return known

    def _spell(self, values: Sequence[str], samples: Iterable[Sample]) -> str:
        """Return the child's lines with `%s` in the places of their values."""
        labels = dict(zip(self._metric._labelnames, values, strict=True))  # noqa: SLF001
        (family,) = self._metric.describe()
        for sample in samples:
            if (
                sample.name != "_created"
            ):  # which nobody reads, but which a registry of prometheus-client may have
                family.add_sample(family.name + sample.name, {**labels, **sample.labels}, 0.0)
        lines = generate_latest(_Fixed([family])).decode().replace("%", "%%").split("\n")
        heads = [line.removesuffix("0.0") for line in lines if line and not line.startswith("#")]
        return "".join(f"{head}%s\n" for head in heads)


def _reader(metric: MetricWrapperBase) -> Callable[[Any], tuple[float, ...]]:
    """Return what reads a child's values without making samples of them: that was half of what a scrape took."""
    if isinstance(metric, Histogram):
        return _of_histogram
    if isinstance(metric, Summary):
        return lambda child: (child._count.get(), child._sum.get())  # noqa: SLF001
    return lambda child: (child._value.get(),)  # noqa: SLF001 - a counter or a gauge


def _of_histogram(child: Histogram) -> tuple[float, ...]:
    counts = list(accumulate([bucket.get() for bucket in child._buckets]))  # noqa: SLF001
    return *counts, counts[-1], child._sum.get()  # noqa: SLF001


def _filled(lines: str, values: tuple[float, ...]) -> str:
    """Put the values into their places; the last two may be so great, and only they, that they need Go's spelling."""
    if all(-_GO_EXPONENTS < value < _GO_EXPONENTS for value in values[-2:]):
        return lines % values
    return lines % tuple(map(floatToGoString, values))


class _Fixed(Collector):
    """Families as they are."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
