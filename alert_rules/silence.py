"""APIs that are no longer probed, no longer reported, or whose collector has died."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.annotations import API, PIPELINE, SELECT_API, alert
from alert_rules.expressions import BY_API, ON_API
from alert_rules.foreign import UP
from alert_rules.model import AlertingRule, Group
from alert_rules.settings import duration
from collector import contract as raw

if TYPE_CHECKING:
    from alert_rules.settings import Settings

_BACKOFF, _RESERVE = raw.PAUSE_CAUSES
_WHY_PAUSED: Final = {
    _BACKOFF: "The API asked for it, by status 429 or a Retry-After.",
    _RESERVE: "The rest of its quota is kept for others: its quota_reserve is reached.",
}


def silent(settings: Settings) -> AlertingRule:
    """Return the alert for an API that a living collector no longer probes, and not because it is kind to a quota."""
    interval = f"max {BY_API} ({raw.PROBE_INTERVAL.name})"
    return alert(
        "RapidAPISilent",
        settings,
        expr=(
            f"time() - max {BY_API} ({raw.LAST_PROBE.name})\n"
            f"  > {settings.silent_intervals} * {interval} + {settings.freshness_slack}\n"
            f"unless {ON_API} max {BY_API} ({raw.PAUSED.name}) == 1"
        ),
        for_=settings.silent_for,
        severity="warning",
        kind="health",
        component="collector",
        summary="An API is no longer probed.",
        description=(
            f"{API}: expected a probe in every interval, seen none for {{{{ $value | humanizeDuration }}}}, "
            f"which is more than {settings.silent_intervals} intervals. Nobody watches it meanwhile."
        ),
    )


def paused(settings: Settings) -> AlertingRule:
    """Return the note about an API that is not probed on purpose, for so long that somebody should know."""
    return alert(
        "RapidAPIPaused",
        settings,
        expr=f"max {BY_API} ({raw.PAUSED.name}) == 1",
        for_=settings.paused_for,
        severity="info",
        kind="health",
        component="collector",
        summary="An API has not been probed on purpose for long.",
        description=(
            f"{SELECT_API}{API}: expected a pause of less than {duration(settings.paused_for)}, seen a longer one."
            f"{''.join(map(_why_paused, raw.PAUSE_CAUSES))} Nobody watches it meanwhile."
        ),
    )


def _why_paused(cause: str) -> str:
    """Return template text that says why, if it is this; no label of the alert, which a change of it would begin anew."""
    paused = f'{raw.PAUSED.name}{{%s,cause=\\"{cause}\\"}} == 1'
    return f'{{{{ if printf "{paused}" $api | query }}}} {_WHY_PAUSED[cause]}{{{{ end }}}}'


def vanished(settings: Settings) -> AlertingRule:
    """Return the note about an API that is no longer reported at all; for an hour, then it was meant."""
    memory = duration(settings.vanished_memory)
    return alert(
        "RapidAPIVanished",
        settings,
        expr=(
            f"group {BY_API} (last_over_time({raw.PROBE_INTERVAL.name}[{memory}]))\n"
            f"unless group {BY_API} ({raw.PROBE_INTERVAL.name})"
        ),
        for_=settings.vanished_for,
        severity="info",
        kind="health",
        component="collector",
        summary="An API is no longer reported.",
        description=(
            f"{API}: expected to be reported as it was within the last {memory}, seen nothing of it for "
            f"{duration(settings.vanished_for)}. If it was taken out of the configuration, all is well."
        ),
    )


def collector_down(settings: Settings) -> AlertingRule:
    """Return the alert for an environment without a collector that answers: nothing is watched there.

    The environment of a collector that has died is remembered for `memory`; one that never answered has none.
    """
    target = f'{UP}{{job="{raw.JOB}"}}'
    known = f"group by (environment, job, instance) (last_over_time({raw.UPTIME.name}[{duration(settings.memory)}]))"
    return alert(
        "CollectorDown",
        settings,
        expr=(
            f"max by (environment) ({known} * on (job, instance) group_left () {target}) == 0\n"
            f"or on () max({target}) == 0\n"
            f"or on () absent({target})"
        ),
        for_=settings.collector_down_for,
        severity="critical",
        kind="health",
        component="collector",
        per_api=False,
        board=PIPELINE,
        summary="No collector answers: no API is watched.",
        description=(
            "Expected a collector that answers{{ with $labels.environment }} in {{ . }}{{ end }}, seen none. "
            "No API is probed, and no alert about an API can fire."
        ),
    )


def reload_failed(settings: Settings) -> AlertingRule:
    """Return the alert for a collector that goes on with a former configuration."""
    return alert(
        "CollectorConfigReloadFailed",
        settings,
        expr=f"max by (environment, job, instance) ({raw.RELOAD_SUCCESS.name}) == 0",
        for_=settings.reload_for,
        severity="warning",
        kind="health",
        component="collector",
        per_api=False,
        board=PIPELINE,
        summary="The collector could not load its configuration.",
        description=(
            "{{ $labels.instance }} ({{ $labels.environment }}): expected the last load of the configuration to "
            "succeed, seen it fail; the former one is in service."
        ),
    )


def discovery_failing(settings: Settings) -> AlertingRule:
    """Return the alert for a source of APIs whose last good list is all that the collector has."""
    return alert(
        "CollectorDiscoveryFailing",
        settings,
        expr=f"max by (environment, job, instance, source) ({raw.DISCOVERY_UP.name}) == 0",
        for_=settings.discovery_for,
        severity="warning",
        kind="health",
        component="collector",
        per_api=False,
        board=PIPELINE,
        summary="A source of APIs cannot be read.",
        description=(
            "{{ $labels.instance }} ({{ $labels.environment }}): expected the source {{ $labels.source }} to be read, "
            f"seen it fail for {duration(settings.discovery_for)}; its last good list is in service, and none after a restart."
        ),
    )


def group(settings: Settings) -> Group:
    """Return the group."""
    builders = (silent, paused, vanished, collector_down, reload_failed, discovery_failing)
    rules = tuple(build(settings) for build in builders)
    return Group("silence", rules, settings.interval, settings.series_limit)
