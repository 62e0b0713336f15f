"""From what a person asks for to an alerting rule, or a refusal that names the argument and the remedy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from alert_rules.annotations import SELECT_API, UNITS, alert_annotations, value_of
from alert_rules.errors import InvalidRuleError
from alert_rules.expressions import ON_API, learnt, sidecar_is_fresh
from alert_rules.metrics import Resolved, resolve
from alert_rules.model import AlertingRule, Severity
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Collection

    from alert_rules.settings import Settings

OPERATORS: Final = (">", ">=", "<", "<=", "==", "!=")
LEARNED: Final = "learned"
Threshold = float | Literal["learned"]
RUNBOOK: Final = "custom-rules"
"""The section of the runbook for all of them."""

_BOUND: Final = {">": "upper", ">=": "upper", "<": "lower", "<=": "lower"}
LEARNT_BOUNDS: Final = {
    ml.SUCCESS_RATE: ("lower",),
    ml.RESPONSE_TIME: ("upper",),
    ml.ERROR_RATE: ("upper",),
    ml.REQUESTS_PER_MINUTE: ("lower", "upper"),
}
"""On which side a threshold is learnt: where the feature is bad."""


class CustomRule(NamedTuple):
    """A custom rule as one asks for it; the fields are the arguments of `add_custom_alert_rule`."""

    name: str
    metric: str
    threshold: Threshold
    operator: str
    severity: Severity
    description: str

    def build(self, settings: Settings, taken: Collection[str]) -> AlertingRule:
        """Return the rule.

        Args:
            settings: What the built-in rules are made from too.
            taken: Names of built-in alerts.

        Raises:
            InvalidRuleError: If a field cannot be what it is.
        """
        self._check(taken)
        resolved = resolve(self.metric)
        learnt = self.threshold == LEARNED
        expr = (
            self._learnt_expr(resolved) if learnt else f"{resolved.expr} {self.operator} {self.threshold!r}"
        )
        if learnt or resolved.needs_sidecar:
            expr += f"\nand {sidecar_is_fresh(settings)}"
        return AlertingRule(
            alert=self.name,
            expr=expr,
            severity=self.severity,
            for_=settings.custom_for,
            labels={"component": "custom", "kind": "custom"},
            annotations=self._annotations(resolved, settings),
        )

    def _check(self, taken: Collection[str]) -> None:
        if not self.name.strip():
            raise InvalidRuleError("name", "is empty")
        if not self.name.isprintable():
            raise InvalidRuleError("name", f"{self.name!r} holds a line break or another control character")
        if self.name in taken:
            raise InvalidRuleError("name", f"{self.name!r} is a built-in alert; choose another name")
        if self.operator not in OPERATORS:
            raise InvalidRuleError("operator", f"{self.operator!r} is none of {', '.join(OPERATORS)}")
        if self.severity not in get_args(Severity):
            raise InvalidRuleError(
                "severity", f"{self.severity!r} is none of {', '.join(get_args(Severity))}"
            )
        if self.threshold != LEARNED and not _is_number(self.threshold):
            raise InvalidRuleError(
                "threshold", f"{self.threshold!r} is neither a finite number nor `{LEARNED}`"
            )

    def _learnt_expr(self, resolved: Resolved) -> str:
        """Return the comparison with what the sidecar exposes for this feature, severity and side."""
        feature = resolved.feature
        if feature is None:
            raise InvalidRuleError(
                "threshold",
                f"nothing is learnt for {self.metric!r}, only for {', '.join(LEARNT_BOUNDS)}; give a number",
            )
        if self.severity not in ml.THRESHOLD_SEVERITIES:
            remedy = f"take {' or '.join(ml.THRESHOLD_SEVERITIES)}, or give a number"
            raise InvalidRuleError("severity", f"nothing is learnt for {self.severity!r}; {remedy}")
        bound = _BOUND.get(self.operator)
        if bound not in LEARNT_BOUNDS[feature]:
            known = " or ".join(operator for operator in _BOUND if _BOUND[operator] in LEARNT_BOUNDS[feature])
            raise InvalidRuleError(
                "operator", f"nothing is learnt for {feature} {self.operator}; take {known}, or give a number"
            )
        return f"{resolved.expr}\n  {self.operator} {ON_API} {learnt(feature, self.severity, bound)}"

    def _annotations(self, resolved: Resolved, settings: Settings) -> dict[str, str]:
        text = (
            f"{self.description} {{{{ with $labels.api_name }}}}{{{{ . }}}}: {{{{ end }}}}"
            f'seen {{{{ $value | printf "%.4g" }}}}, the rule asks for {self.operator} '
        )
        if self.threshold == LEARNED and resolved.feature:
            selector = (
                f'{ml.THRESHOLD.name}{{%s,feature="{resolved.feature}",severity="{self.severity}",'
                f'bound="{_BOUND[self.operator]}"}}'
            )
            text = f"{SELECT_API}{text}{value_of(selector, UNITS[resolved.feature])} (learnt)."
        else:
            text += f"{self.threshold:g}."
        return alert_annotations(RUNBOOK, self.description, text, settings, per_api=resolved.per_api)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - whatever a caller gives
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
