"""Which alert makes which other one superfluous: one message a problem, and never one API silenced by another.

The label `kind` decides: a symptom is felt by whoever uses the API, a sign is what the models see in it. Causes, such as a
certificate or a quota that runs out, are never silenced: they may be what one is looking for.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ml_sidecar import contract as ml

GROUP_BY: Final = ("alertname", *ml.API_LABELS)
_SAME_API: Final = ml.API_LABELS
_SAME_ENVIRONMENT: Final = ("environment",)
_ANY_API: Final = 'api_name=~".+"'
_FELT_OR_SEEN: Final = 'kind=~"symptom|sign"'
_MILDER: Final = 'severity=~"warning|info"'


class Inhibition(NamedTuple):
    """While an alert matches `source`, those that match `target` and agree with it in the labels `equal` are quiet.

    No alert may match both sides. Where a label of `equal` is missing on both, Alertmanager takes that as agreement.
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


def _named(*names: str) -> str:
    return f'alertname=~"{"|".join(names)}"' if len(names) > 1 else f'alertname="{names[0]}"'


INHIBITIONS: Final = (
    # The milder severity of one alert.
    Inhibition(('severity="critical"',), (_MILDER,), GROUP_BY),
    # An API that is down is slow, unusual and failing too.
    Inhibition((_named("RapidAPIDown"),), (_FELT_OR_SEEN, 'alertname!="RapidAPIDown"'), _SAME_API),
    # Somebody has been woken for this API: what is milder can wait.
    Inhibition((_ANY_API, 'kind="symptom"', 'severity="critical"'), (_FELT_OR_SEEN, _MILDER), _SAME_API),
    # The rate says it sooner than the budget.
    Inhibition(
        (_named("RapidAPISuccessRateLow"), 'severity="critical"'),
        (_named("RapidAPIErrorBudgetBurn"), 'severity="critical"'),
        _SAME_API,
    ),
    # The anomaly names the feature and the reason; the threshold of that feature adds nothing.
    Inhibition(
        (_named("RapidAPIAnomaly"),), (_FELT_OR_SEEN, _MILDER, 'alertname!="RapidAPIAnomaly"'), _SAME_API
    ),
    # Many APIs at once have one cause.
    Inhibition((_named("RapidAPIManyDown"),), (_ANY_API, _FELT_OR_SEEN), _SAME_ENVIRONMENT),
    Inhibition((_named("RapidAPIManyDown"),), (_named("RapidAPIManyAnomalous"),), _SAME_ENVIRONMENT),
    Inhibition((_named("RapidAPIManyAnomalous"),), (_ANY_API, 'kind="sign"'), _SAME_ENVIRONMENT),
    # What an API depends on is down. The source is one alert for each child, in the child's name.
    Inhibition((_named("RapidAPIParentDown"),), (_FELT_OR_SEEN,), _SAME_API),
    # What a sidecar said last is no news while it says nothing.
    Inhibition((_named("MLSidecarSilent"),), ('component="ml"',), _SAME_ENVIRONMENT),
    # Without a collector every API is silent.
    Inhibition(
        (_named("CollectorDown"),),
        (_named("RapidAPISilent", "RapidAPIPaused", "RapidAPIVanished", "MLSidecarNotScoring"),),
        _SAME_ENVIRONMENT,
    ),
)
