"""What an alert tells a person: a constant summary, what was expected and seen, where to look and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_rules.model import AlertingRule
from alert_rules.settings import duration
from collector import contract as raw
from ml_sidecar import contract as ml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alert_rules.model import Kind, Severity
    from alert_rules.settings import Settings

OVERVIEW: Final = "rapidapi_overview"
IN_DEPTH: Final = "rapidapi_api"
MODELS: Final = "rapidapi_models"
PIPELINE: Final = "rapidapi_pipeline"
"""Uids of the dashboards that alerts lead to; a test compares them with those that exist."""
API: Final = "{{ $labels.api_name }} ({{ $labels.environment }})"

UNITS: Final = {
    ml.SUCCESS_RATE: "%",
    ml.RESPONSE_TIME: "s",
    ml.ERROR_RATE: "%",
    ml.REQUESTS_PER_MINUTE: "requests/min",
}

SELECT_API: Final = (
    '{{- $api := printf "api_name=%q,environment=%q" $labels.api_name $labels.environment -}}\n'
)
"""Matchers of the alert's API; `%q` quotes as PromQL does, so that any name stays a name."""


def alert(
    name: str,
    settings: Settings,
    *,
    expr: str,
    severity: Severity,
    kind: Kind,
    component: str,
    summary: str,
    description: str,
    for_: int = 0,
    hold: int = 0,
    per_api: bool = True,
    board: str = IN_DEPTH,
    labels: Mapping[str, str] | None = None,
) -> AlertingRule:
    """Return an alert with the labels and the four annotations that every alert carries.

    Args:
        name: CamelCase, beginning with the part of the system that it is about.
        settings: Give the addresses of runbook and dashboards.
        expr: Ends in a comparison.
        severity: Who is told; `critical` wakes somebody.
        kind: What is told.
        component: Which part of the system it is about.
        summary: One constant sentence.
        description: Template; says what was expected and what was seen.
        for_: Seconds that it must last.
        hold: Seconds that it stays when the expression no longer holds.
        per_api: Whether the alert carries the labels of one API.
        board: Uid of the dashboard that shows more of it.
        labels: More labels.
    """
    return AlertingRule(
        alert=name,
        expr=expr,
        severity=severity,
        for_=for_,
        hold=hold,
        labels={"component": component, "kind": kind, **(labels or {})},
        annotations=alert_annotations(name, summary, description, settings, per_api=per_api, board=board),
    )


def alert_annotations(
    name: str,
    summary: str,
    description: str,
    settings: Settings,
    *,
    per_api: bool = True,
    board: str = OVERVIEW,
) -> dict[str, str]:
    """Return the four annotations every alert carries; runbook section and dashboard follow from the arguments."""
    variables = (
        "?var-environment={{ $labels.environment | urlquery }}&var-api_name={{ $labels.api_name | urlquery }}"
    )
    return {
        "summary": summary,
        "description": description,
        "runbook_url": f"{settings.runbook_url}#{name.lower()}",
        "dashboard_url": f"{settings.grafana_url}/d/{board}{variables if per_api else ''}",
    }


def value_of(selector: str, unit: str, otherwise: str = "unknown") -> str:
    """Return template text that looks a value up, for series whose matchers are filled in by `SELECT_API`.

    Args:
        selector: The series, with `%s` where the API's matchers belong.
        unit: What to write behind the number.
        otherwise: What to write when there is no such series.
    """
    quoted = selector.replace('"', '\\"')
    return (
        f'{{{{ with printf "max({quoted})" $api | query }}}}{{{{ . | first | value | printf "%.4g" }}}}'
        f" {unit}{{{{ else }}}}{otherwise}{{{{ end }}}}"
    )


def _commonest(label: str, metric: raw.Metric, words: str, settings: Settings) -> str:
    window = duration(settings.window)
    return (
        f'{{{{- with printf "topk(1, sum by ({label}) (increase({metric.name}{{%s}}[{window}])) > 0)" $api | query }}}}'
        f' {words}: {{{{ . | first | label "{label}" }}}}.{{{{ end }}}}'
    )


def failures(settings: Settings) -> str:
    """Return one sentence about the commonest reason of failures; needs `SELECT_API`. A hook may not say reasons."""
    return _commonest("reason", raw.ERRORS, "Most failures", settings)


def slowest_phase(settings: Settings) -> str:
    """Return one sentence about the phase of the requests that takes most of the time; needs `SELECT_API`."""
    return _commonest("phase", raw.PHASE_SECONDS, "Most of the time", settings)


def _branches() -> str:
    """Return the choice of series, unit and words for whatever feature contributes most."""
    keywords = ["if", *["else if"] * (len(ml.RECORDED) - 1)]
    lines = [
        f'{{{{- {keyword} eq $feature "{feature}" }}}}{{{{ $series = "{ml.RECORDED[feature]}" }}}}'
        f'{{{{ $unit = "{UNITS[feature]}" }}}}\n'
        for keyword, feature in zip(keywords, ml.RECORDED, strict=True)
    ]
    return "".join(lines) + "{{- end -}}\n"


def _expected(metric: ml.Metric) -> str:
    query = f'printf "max({metric.name}{{%s,feature=%q}})" $api $feature | query'
    return f'{{{{ with {query} }}}}{{{{ . | first | value | printf "%.4g" }}}}{{{{ else }}}}?{{{{ end }}}}'


_SEEN: Final = (
    '{{ with printf "max(%s{%s})" $series $api | query }}{{ . | first | value | printf "%.4g" }} {{ $unit }}'
    "{{ else }}nothing{{ end }}"
)
"""A feature may be absent just because of the incident: where no request gets an answer, no time is measured."""

EXPECTED_AND_SEEN: Final = (
    '{{- $feature := "" }}{{ $series := "" }}{{ $unit := "" -}}\n'
    f'{{{{- with printf "sort_desc(max by (feature) ({ml.CONTRIBUTION.name}{{%s}}))" $api | query }}}}'
    '{{ $feature = . | first | label "feature" }}{{ end -}}\n'
    + _branches()
    + '{{- if $series }} Most of it is due to its {{ reReplaceAll "_" " " $feature }}: expected '
    + f"{_expected(ml.EXPECTED)} {{{{ $unit }}}} (from {_expected(ml.EXPECTED_LOWER)} to {_expected(ml.EXPECTED_UPPER)})"
    + f", seen {_SEEN}.\n"
    "{{- else if $feature }} Most of it is due to {{ $feature }}.\n"
    "{{- end }}"
)
"""One sentence about the feature that contributes most; needs `SELECT_API` before it."""
