"""Which alert makes which other one superfluous: one message a problem, and never one API silenced by another."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ml_sidecar import contract as ml

GROUP_BY: Final = ("alertname", *ml.API_LABELS)

_ENVIRONMENT: Final = ml.API_LABELS[1:]


class Inhibition(NamedTuple):
    """While an alert matches `source`, those that match `target` and agree with it in the labels `equal` are quiet.

    Where a label of `equal` is missing on both sides, Alertmanager takes that as agreement.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    equal: tuple[str, ...]

    def as_mapping(self) -> dict[str, Any]:
        """Return it as Alertmanager reads it."""
        return {
            "source_matchers": list(self.source),
            "target_matchers": list(self.target),
            "equal": list(self.equal),
        }


def _any_of(*names: str) -> str:
    return f'alertname=~"{"|".join(names)}"' if len(names) > 1 else f'alertname="{names[0]}"'


_SYMPTOMS: Final = ("RapidAPISuccessRateLow", "RapidAPIAnomaly")
"""What every outage of an API brings with it. Its certificate and its quota are no symptoms: they may be the cause."""

INHIBITIONS: Final = (
    # Two severities of one alert, of one API.
    Inhibition(('severity="critical"',), ('severity=~"warning|info"',), GROUP_BY),
    Inhibition((_any_of("RapidAPIDown"),), (_any_of(*_SYMPTOMS),), ml.API_LABELS),
    # What a sidecar said last is no news while it says nothing.
    Inhibition((_any_of("MLSidecarSilent"),), ('component="ml"',), _ENVIRONMENT),
)
