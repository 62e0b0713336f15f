"""One module for each group of rules; `PROOFS` holds all their proofs."""

from __future__ import annotations

from typing import Final

from tests.rules.proofs import (
    anomaly,
    availability,
    forecast,
    limits,
    models,
    prometheus,
    shared,
    sidecar,
    silence,
    slo,
)

PROOFS: Final = tuple(
    proof
    for module in (availability, slo, anomaly, forecast, limits, shared, silence, sidecar, models, prometheus)
    for proof in module.PROOFS
)
