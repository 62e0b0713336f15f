"""Fleets of APIs in simulated time: what the sidecar would have read of them, with faults where they are asked for.

No server runs. Probes are drawn from the laws of the demo's fleet, faults are struck into them, and the recorded
features follow by what `demo.history` knows about collector and rules. 12 APIs over 28 days take 0.7 CPU-s.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from alert_rules.settings import DEFAULT
from demo.faults import strike
from demo.fleet import FLEET
from demo.history import GRID_SECONDS, RARE_PROBE_SECONDS, SCRAPE_SECONDS, probe, record, scrape
from demo.incidents import Kind
from demo.law import DAY, HOUR
from ml_sidecar.contract import RECORDED, REQUESTS_PER_MINUTE
from ml_sidecar.features import Entity, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from demo.faults import Fault
    from demo.fleet import Api
    from demo.history import Probes
    from demo.law import Behaviour, BoolArray, FloatArray

MONDAY: Final = 1_789_948_800.0
"""2026-09-21T00:00:00Z."""
YEAR: Final = 364 * DAY
"""Whole weeks: another year has the same weekdays, other bursts and other luck."""
ENVIRONMENT: Final = "simulated"
LAG_SECONDS: Final = 15.0
"""How old what a look sees is on average: a probe waits for the scrape, the rule and the look, each half an interval."""
_MARGIN: Final = 1.25 * HOUR
"""Longer than the longest window of a recording rule."""


def apis(count: int = len(FLEET)) -> tuple[Api, ...]:
    """So many APIs: the demo's fleet, over and over; each copy has its own bursts and its own luck."""
    return tuple(_copy(FLEET[i % len(FLEET)], i // len(FLEET)) for i in range(count))


def _copy(api: Api, k: int) -> Api:
    def behaviour(time: FloatArray) -> Behaviour:
        return api.behaviour(time - k * YEAR)

    return replace(api, name=f"{api.name}-{k + 1}", behaviour=behaviour) if k else api


class SimulatedFleet:
    """A fleet's features over a span of simulated time.

    Args:
        fleet: The APIs.
        start: Unix time of the first values; a multiple of 300 s.
        end: Unix time up to which values can be asked for.
        features: Names of the features, in column order; each is one of `ml_sidecar.contract.RECORDED`.
    """

    def __init__(self, fleet: Sequence[Api], start: float, end: float, features: Iterable[str]) -> None:
        self.apis = tuple(fleet)
        self.start, self.end = start, end
        self.features = tuple(features)
        self.entities = tuple(Entity(api.name, ENVIRONMENT) for api in fleet)
        self._probes = [probe(api, start - _MARGIN, end + SCRAPE_SECONDS) for api in fleet]

    def grid(self, first: float, last: float, faults: Sequence[Fault] = ()) -> Window:
        """Values on the grid, from `first` to `last`, both included."""
        return self._window(first, last, GRID_SECONDS, 0.0, faults)

    def looks(self, first: float, last: float, faults: Sequence[Fault] = ()) -> Window:
        """Values as looks every 15 s see them, from `first` to `last`, both included, if a whole number of looks apart."""
        return self._window(first, last, SCRAPE_SECONDS, LAG_SECONDS, faults)

    def _window(self, first: float, last: float, step: float, lag: float, faults: Sequence[Fault]) -> Window:
        times = first + step * np.arange(round((last - first) / step) + 1, dtype=np.float64)
        pairs = zip(self.apis, self._probes, strict=True)
        columns = [
            self._read(api, probes, times - lag, [f for f in faults if f.api_name == api.name])
            for api, probes in pairs
        ]
        return Window(first, step, self.entities, self.features, np.stack(columns, axis=1))

    def _read(self, api: Api, probes: Probes, times: FloatArray, faults: Sequence[Fault]) -> FloatArray:
        """Recorded features (T, F) of one API; NaN while it is not fresh."""
        begin = np.floor((times[0] - _MARGIN) / SCRAPE_SECONDS) * SCRAPE_SECONDS
        probes = probes.at(slice(*np.searchsorted(probes.begun, [begin, times[-1] + SCRAPE_SECONDS])))
        for fault in faults:
            probes = strike(probes, fault)
        counters = scrape(probes, api.interval, begin, times[-1] + SCRAPE_SECONDS)
        with np.errstate(invalid="ignore", divide="ignore"):
            recorded = record(counters, times, api.interval)
        values = np.column_stack([recorded[RECORDED[name]] for name in self.features])
        age = times - counters.last_probe[np.searchsorted(counters.time, times, side="right") - 1]
        values[age > freshness(api.interval)] = np.nan
        if REQUESTS_PER_MINUTE in self.features:
            column = self.features.index(REQUESTS_PER_MINUTE)
            values[_uncounted(times, api.interval, faults), column] = np.nan
        return values


def freshness(interval: float) -> float:
    """Seconds after its last probe for which the recording rules go on recording an API."""
    return 2.0 * interval + DEFAULT.freshness_slack


def _uncounted(times: FloatArray, interval: float, faults: Sequence[Fault]) -> BoolArray:
    """Where the counters do not cover the window, so that requests per minute are not recorded: in and after silence."""
    window = DEFAULT.slow_window if interval > RARE_PROBE_SECONDS else DEFAULT.window
    hole = np.zeros(len(times), dtype=bool)
    for fault in faults:
        if fault.kind is Kind.SILENCE:
            hole |= (times >= fault.start) & (times <= fault.end + interval + window)
    return hole
