"""What the probes of one configuration saw, from the raw samples in Prometheus and the target's own log.

One probe lies between two scrapes of the collector, so the rise of `_sum` is the response time of that one probe.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import requests

from benchmarks.collector_target import Arrival
from collector import contract
from collector.schedule import offset

Samples = dict[str, list[tuple[float, float]]]
"""By API: pairs of Unix time and value, oldest first."""
_AFTER_CONNECT = "processing|transfer"


class Seen(NamedTuple):
    """One probe as its prober tells it: when it lay, its response time, and the part after the connection (s)."""

    begun: float
    ended: float
    seconds: float
    after_connect: float


class Errors(NamedTuple):
    """By how much response times exceeded what the target waited, as quantiles (ms).

    `whole` holds the connection and TLS, which are part of a response time and no error; `answer` begins after them.
    """

    whole: dict[str, float]
    answer: dict[str, float]


def quantiles(values: Iterable[float]) -> dict[str, float]:
    """Count, median, p99 and maximum, the latter three in ms of values in seconds; only the count where there is none."""
    known = np.array(list(values)) * 1000
    if not len(known):
        return {"count": 0}
    p50, p99 = np.quantile(known, (0.5, 0.99))
    return {"count": len(known), "p50": float(p50), "p99": float(p99), "max": float(known.max())}


def start_delays(arrivals: Iterable[Arrival], interval: float) -> list[float]:
    """Seconds from each probe's slot to the reading of its request at the target, connecting included."""
    late = ((arrival.at - offset(arrival.path[1:], interval)) % interval for arrival in arrivals)
    return [
        delay - interval if delay > interval / 2 else delay for delay in late
    ]  # a timer may fire too early


def errors(seen: Mapping[str, Iterable[Seen]], arrivals: Iterable[Arrival]) -> Errors:
    """Compare what the prober measured with what the target did."""
    log: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        log.setdefault(arrival.path[1:], []).append(arrival)
    pairs = [
        (probe, found)
        for name, probes in seen.items()
        for probe in probes
        if (found := _between(log.get(name, []), probe.begun, probe.ended))
    ]
    return Errors(
        quantiles(probe.seconds - found.waited for probe, found in pairs),
        quantiles(probe.after_connect - found.waited for probe, found in pairs),
    )


def _between(arrivals: Sequence[Arrival], begun: float, ended: float) -> Arrival | None:
    times = [arrival.at for arrival in arrivals]
    first, last = bisect_left(times, begun), bisect_right(times, ended)
    return arrivals[first] if last - first == 1 else None


def seen_by_collector(prometheus: str, until: float, seconds: float) -> dict[str, list[Seen]]:
    """The collector's probes, by API."""

    def read(selector: str) -> Samples:
        return _raw(prometheus, selector, until, seconds)

    name = contract.RESPONSE_TIME.name
    counts, sums, ended = read(f"{name}_count"), read(f"{name}_sum"), read(contract.LAST_PROBE.name)
    phases = [
        read(f'{contract.PHASE_SECONDS.name}{{phase="{phase}"}}') for phase in _AFTER_CONNECT.split("|")
    ]
    return {
        api: list(_probes(counts[api], sums[api], [phase[api] for phase in phases], dict(ended[api])))
        for api in counts
        if api in ended
    }


def _probes(
    counts: Sequence[tuple[float, float]],
    sums: Sequence[tuple[float, float]],
    phases: Sequence[Sequence[tuple[float, float]]],
    ended: Mapping[float, float],
) -> Iterator[Seen]:
    for k in range(1, len(counts)):
        at = counts[k][0]
        if counts[k][1] - counts[k - 1][1] == 1 and at in ended:
            seconds = sums[k][1] - sums[k - 1][1]
            after = sum(phase[k][1] - phase[k - 1][1] for phase in phases)
            yield Seen(ended[at] - seconds - 0.1, ended[at], seconds, after)


def seen_by_blackbox(prometheus: str, until: float, seconds: float) -> dict[str, list[Seen]]:
    """The probes of blackbox_exporter, by API."""
    durations = _raw(prometheus, "probe_duration_seconds", until, seconds)
    phases = [
        _raw(prometheus, f'probe_http_duration_seconds{{phase="{phase}"}}', until, seconds)
        for phase in _AFTER_CONNECT.split("|")
    ]
    return {
        api: [
            Seen(at - 0.01, at + value + 0.01, value, sum(phase[api][k][1] for phase in phases))
            for k, (at, value) in enumerate(samples)
        ]
        for api, samples in durations.items()
    }


def total(prometheus: str, expression: str) -> float:
    """The value of an expression without labels; 0 if it has none."""
    result = _query(prometheus, expression, {})
    return float(result[0]["value"][1]) if result else 0.0


def _raw(prometheus: str, selector: str, until: float, seconds: float) -> Samples:
    result = _query(prometheus, f"{selector}[{seconds:.0f}s]", {"time": f"{until:.3f}"})
    return {
        series["metric"]["api_name"]: [(float(at), float(value)) for at, value in series["values"]]
        for series in result
    }


def _query(prometheus: str, expression: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    query = {"query": expression, **parameters}
    response = requests.get(f"{prometheus}/api/v1/query", params=query, timeout=60)
    response.raise_for_status()
    result: list[dict[str, Any]] = response.json()["data"]["result"]
    return result
