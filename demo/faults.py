"""Faults of graded size, struck into probes that were drawn without: what `demo.incidents` does live, for simulated time."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from demo.history import Probes
from demo.incidents import DRIFT_END_FACTOR, ERROR_SHARE, LATENCY_FACTOR, Kind
from demo.law import HOUR, TIMEOUT_SECONDS, Outcomes

if TYPE_CHECKING:
    from demo.law import BoolArray, FloatArray

REFUSED_SECONDS: Final = 0.01
"""How fast an API answers that its quota is spent."""
USUAL_SIZE: Final = {
    Kind.OUTAGE: 1.0,
    Kind.ERRORS: ERROR_SHARE,
    Kind.LATENCY: LATENCY_FACTOR,
    Kind.QUOTA: 1.0,
    Kind.DRIFT: DRIFT_END_FACTOR - 1.0,
    Kind.SILENCE: 1.0,
}
"""Sizes at which a fault is the demo's incident of its kind (a drift's, if it lasts an hour)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one API.

    Attributes:
        api_name: The API.
        kind: What goes wrong.
        start: Unix time in seconds.
        length: Seconds.
        size: Of an outage, a spent quota or errors the share of requests that fail, 0 to 1; of a latency step the
            factor on the response time; of a drift the growth of that factor per hour. Silence has none.
    """

    api_name: str
    kind: Kind
    start: float
    length: float
    size: float = 1.0

    @property
    def end(self) -> float:
        """Unix time in seconds."""
        return self.start + self.length


def strike(probes: Probes, fault: Fault) -> Probes:
    """The probes as the fault leaves them; the same fault hits the same ones."""
    hit = (probes.begun >= fault.start) & (probes.begun < fault.end)
    if fault.kind is Kind.SILENCE:
        return probes.at(~hit)
    seconds, success = probes.outcomes
    if fault.kind in {Kind.LATENCY, Kind.DRIFT}:
        slower = np.minimum(seconds * np.where(hit, _factor(probes.begun, fault), 1.0), TIMEOUT_SECONDS)
        return Probes(probes.begun, Outcomes(slower, success & (slower < TIMEOUT_SECONDS)))
    failing = hit & _unlucky(probes.begun, fault)
    took = {Kind.OUTAGE: 0.0, Kind.QUOTA: REFUSED_SECONDS}.get(fault.kind)
    seconds = seconds if took is None else np.where(failing, took, seconds)
    return Probes(probes.begun, Outcomes(seconds, success & ~failing))


def _factor(begun: FloatArray, fault: Fault) -> FloatArray | float:
    """What the response time of probes during the fault is multiplied by."""
    return fault.size if fault.kind is Kind.LATENCY else 1.0 + fault.size * (begun - fault.start) / HOUR


def _unlucky(begun: FloatArray, fault: Fault) -> BoolArray:
    """The share of probes that fails."""
    rng = np.random.default_rng([zlib.crc32(fault.api_name.encode()), int(fault.start)])
    return rng.random(len(begun)) < fault.size
