"""What runs out: quotas before they are renewed, certificates before they are replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alert_rules.annotations import API, SELECT_API, alert
from alert_rules.expressions import BY_API
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from collector import contract as raw

if TYPE_CHECKING:
    from alert_rules.model import Severity
    from alert_rules.settings import Settings


def quota_exhausting(settings: Settings) -> AlertingRule:
    """Return the alert for a quota that will be used up before its window ends.

    The pace is the slope of what remains. A window that has just begun anew makes it rise, and quotas of a minute do so all
    the time: neither is an alarm.
    """
    by = f"by ({', '.join(raw.API_LABELS)}, quota)"
    left = f"{raw.QUOTA_RESET.name} - time()"
    pace = f"deriv({raw.QUOTA_REMAINING.name}[{duration(settings.quota_window)}])"

    def quota(metric: raw.Metric) -> str:
        return (
            f'{{{{ with printf "min({metric.name}{{%s,quota=%q}})" $api $labels.quota | query }}}}'
            '{{ . | first | value | printf "%.0f" }}{{ else }}?{{ end }}'
        )

    return alert(
        "RapidAPIQuotaExhausting",
        settings,
        expr=(
            f"min {by} (\n  {raw.QUOTA_REMAINING.name} + {pace} * ({left} > 0)\n) <= 0\n"
            f"and {by.replace('by', 'on')} max {by} ({raw.QUOTA_LIMIT.name}) > 0"
        ),
        for_=settings.quota_for,
        severity="warning",
        kind="cause",
        component="api",
        summary="An API's quota will be used up before it is renewed.",
        description=(
            f"{SELECT_API}{API}: expected its quota {{{{ $labels.quota }}}} to last until it is renewed, seen "
            f"{quota(raw.QUOTA_REMAINING)} of {quota(raw.QUOTA_LIMIT)} requests left, and at this pace "
            '{{ $value | printf "%.0f" }} by then.'
        ),
    )


def certificate_expiring(settings: Settings, severity: Severity) -> AlertingRule:
    """Return the alert for a certificate that nobody has renewed."""
    left = settings.certificate_left[severity == "critical"]
    return alert(
        "RapidAPICertificateExpiring",
        settings,
        expr=f"min {BY_API} ({raw.CERTIFICATE_EXPIRY.name}) - time() < {left}",
        for_=settings.certificate_for,
        severity=severity,
        kind="cause",
        component="api",
        summary="An API's certificate expires soon.",
        description=(
            f"{API}: expected a certificate that is valid for at least {duration(left)}, seen one that "
            "{{ if gt $value 0.0 }}expires in {{ $value | humanizeDuration }}{{ else }}has expired{{ end }}. "
            "Every request fails from then on."
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    rules = (
        quota_exhausting(settings),
        certificate_expiring(settings, "warning"),
        certificate_expiring(settings, "critical"),
    )
    return Group("limits", rules, settings.interval, settings.series_limit)
