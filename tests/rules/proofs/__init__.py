"""One module for each group of rules; `PROOFS` holds all their proofs."""

from __future__ import annotations

from typing import Final

from tests.rules.proofs import anomaly, availability, sidecar

PROOFS: Final = (*availability.PROOFS, *anomaly.PROOFS, *sidecar.PROOFS)
