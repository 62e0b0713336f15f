"""The fleet's past, probe by probe, and what Prometheus would have recorded of it.

Every probe of the span is drawn from the fleet's law; the collector's counters are read at Prometheus's scrapes, and
the recording rules' rates are taken over those. What the rules will record live therefore continues the history.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from collector.contract import RESPONSE_TIME_BUCKETS
from collector.schedule import next_slot, offset
from demo.law import HOUR, Outcomes, draw
from ml_sidecar.contract import (
    ERROR_RATE,
    RECORDED,
    REQUESTS_PER_MINUTE,
    RESPONSE_TIME,
    RESPONSE_TIME_P95,
    SUCCESS_RATE,
)

if TYPE_CHECKING:
    from demo.fleet import Api
    from demo.law import BoolArray, FloatArray

GRID_SECONDS: Final = 300.0
SCRAPE_SECONDS: Final = 15.0
RARE_PROBE_SECONDS: Final = 75.0
"""APIs probed more rarely are recorded over an hour, as the recording rules do."""
HTTP_OVERHEAD_SECONDS: Final = 0.002
"""What loopback, the simulator and the collector add to a drawn response time (measured: median 2.0 ms, 99 % below 5 ms)."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The collector's counters of one API at each scrape.

    Attributes:
        time: Unix times of the scrapes, shape (n,).
        total: Requests, shape (n,).
        success: Successful requests, shape (n,).
        seconds: Sum of response times, shape (n,).
        buckets: Requests up to each bound of RESPONSE_TIME_BUCKETS, then all, shape (n, bounds + 1).
        last_probe: Unix time at which the last probe ended, shape (n,).
    """

    time: FloatArray
    total: FloatArray
    success: FloatArray
    seconds: FloatArray
    buckets: FloatArray
    last_probe: FloatArray


class Probes(NamedTuple):
    """Probes of one API in order: Unix times at which each began, shape (n,), and what it came to."""

    begun: FloatArray
    outcomes: Outcomes

    def at(self, rows: BoolArray | slice) -> Probes:
        """Some of the probes."""
        seconds, success = self.outcomes
        return Probes(self.begun[rows], Outcomes(seconds[rows], success[rows]))


def probe(api: Api, start: float, end: float) -> Probes:
    """Probe an API on the collector's schedule from `start` to `end`; the same span gives the same past."""
    rng = np.random.default_rng([zlib.crc32(api.name.encode()), int(start)])
    begun = np.arange(next_slot(start, api.interval, offset(api.name, api.interval)), end, api.interval)
    return Probes(begun, draw(api.behaviour(begun), len(begun), rng))


def scrape(probes: Probes, interval: float, start: float, end: float) -> Counters:
    """Read the collector's counters every 15 s.

    Args:
        probes: What the counters count.
        interval: Seconds between two probes of the API; the first scrape waits for the first of them.
        start: Unix time from which on the counters count.
        end: Unix time of the last scrape, at most.
    """
    seconds = probes.outcomes.seconds + HTTP_OVERHEAD_SECONDS
    ended = probes.begun + seconds
    scrapes = np.arange(start + interval + SCRAPE_SECONDS, end, SCRAPE_SECONDS)
    seen = np.searchsorted(ended, scrapes, side="right")
    bounds = np.array(RESPONSE_TIME_BUCKETS)
    within = np.column_stack([seconds[:, None] <= bounds, np.ones(len(seconds), dtype=bool)])
    return Counters(
        time=scrapes,
        total=seen.astype(np.float64),
        success=_running_sum(probes.outcomes.success.astype(np.float64))[seen],
        seconds=_running_sum(seconds)[seen],
        buckets=_running_sum(within.astype(np.float64))[seen],
        last_probe=ended[np.maximum(seen - 1, 0)],
    )


def simulate(api: Api, start: float, end: float) -> Counters:
    """Probe an API and scrape the collector meanwhile; the same span gives the same past.

    Args:
        api: The API.
        start: Unix time of the first probes.
        end: Unix time of the last scrape, at most.
    """
    return scrape(probe(api, start, end), api.interval, start, end)


def record(counters: Counters, grid: FloatArray, interval: float) -> dict[str, FloatArray]:
    """What the recording rules give at the instants of `grid`, by the names of the recorded series.

    A rate is the increase between the first and the last scrape of the window over the time between the two, which
    is what Prometheus's extrapolation comes to for a series that is there throughout the window.

    Args:
        counters: The raw counters, from at least one window before `grid`.
        grid: Unix times, shape (m,).
        interval: Seconds between two probes of the API; it decides the window.
    """
    window = HOUR if interval > RARE_PROBE_SECONDS else GRID_SECONDS
    first = np.searchsorted(counters.time, grid - window, side="right")
    last = np.searchsorted(counters.time, grid, side="right") - 1
    requests = counters.total[last] - counters.total[first]
    success_rate = 100.0 * (counters.success[last] - counters.success[first]) / requests
    return {
        RECORDED[SUCCESS_RATE]: success_rate,
        RECORDED[RESPONSE_TIME]: (counters.seconds[last] - counters.seconds[first]) / requests,
        RECORDED[ERROR_RATE]: 100.0 - success_rate,
        RECORDED[REQUESTS_PER_MINUTE]: 60.0 * requests / (counters.time[last] - counters.time[first]),
        RESPONSE_TIME_P95: histogram_quantile(0.95, counters.buckets[last] - counters.buckets[first]),
    }


def histogram_quantile(quantile: float, buckets: FloatArray) -> FloatArray:
    """Prometheus's function of the same name: linear within the bucket that holds the quantile.

    Args:
        quantile: Between 0 and 1.
        buckets: Cumulative counts per bound of RESPONSE_TIME_BUCKETS, then all, shape (n, bounds + 1).
    """
    rank = quantile * buckets[:, -1]
    index = np.minimum((buckets < rank[:, None]).sum(axis=1), len(RESPONSE_TIME_BUCKETS) - 1)
    rows = np.arange(len(buckets))
    bounds = np.array([0.0, *RESPONSE_TIME_BUCKETS])
    below = np.where(index > 0, buckets[rows, index - 1], 0.0)
    inside = buckets[rows, index] - below
    # Nothing is inside where the quantile lies above the highest bound: that bound is the answer then.
    share = np.divide(rank - below, inside, out=np.ones_like(rank), where=inside > 0)
    return np.asarray(bounds[index] + (bounds[index + 1] - bounds[index]) * np.minimum(share, 1.0))


def _running_sum(values: FloatArray) -> FloatArray:
    """Sums of the first 0, 1, 2, ... rows."""
    return np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
