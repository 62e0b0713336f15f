"""RapidAPI - API in depth: one API's behaviour against what is normal for it, why it is unusual, and what comes next."""

from __future__ import annotations

from typing import Any, Final

from grafanalib.core import Dashboard

from alert_rules.settings import DEFAULT
from collector import contract as raw
from dashboards.common import score
from dashboards.depth_features import forecast_against_outcome, next_hours, normal
from dashboards.error_budget import budget_left
from dashboards.frame import frame
from dashboards.layout import Section, Sized
from dashboards.names import API, FEATURES, FORECAST
from dashboards.palette import BAD, BLUE, GOOD, GREEN, NEUTRAL, ORANGE, PURPLE, SKY, VERMILLION, WARN
from dashboards.panels import SHARE, named_lines, override, stat, steps, time_series, value_names
from dashboards.queries import RATE, feature, of_api, per_api, quota_left, series, state_of_api, why
from ml_sidecar import contract as ml

TITLE: Final = "RapidAPI - API in depth"

_NOTHING: Final = "nothing unusual"
_WORTH_A_REASON: Final = 0.5
_PHASES: Final = {
    "dns": ("name resolution", SKY),
    "connect": ("connect and TLS", BLUE),
    "processing": ("processing", ORANGE),
    "transfer": ("transfer", PURPLE),
}
_REASONS: Final = {
    "timeout": ("timeout", ORANGE),
    "dns": ("name resolution", SKY),
    "connect": ("no connection", BLUE),
    "tls": ("TLS", PURPLE),
    "http_4xx": ("HTTP 4xx", GREEN),
    "rate_limited": ("rate limited", NEUTRAL),
    "http_5xx": ("HTTP 5xx", VERMILLION),
    "body": ("wrong content", "#F0E442"),
}


def _now() -> list[Sized]:
    state = stat(
        "State",
        "Critical: an alert of that severity fires. Not scored: probed, but silent or too new.",
        [(state_of_api(), "state")],
        "none",
        steps(NEUTRAL),
        mappings=value_names(
            (-1, "not scored", NEUTRAL), (0, "normal", GOOD), (1, "anomalous", WARN), (2, "critical", BAD)
        ),
    )
    reason = stat(
        "Why",
        "The feature that contributes most to the anomaly score, once the score is at least 0.5.",
        [(why(_NOTHING, _WORTH_A_REASON), "{{feature}}")],
        "none",
        steps(NEUTRAL),
        overrides=[
            *(override(name, {"displayName": shown.words}) for name, shown in FEATURES.items()),
            override(_NOTHING, {"displayName": _NOTHING}),
        ],
        names_only=True,
    )
    pattern = stat(
        "Pattern",
        "The behaviour that the API shows at present, among those found in all APIs.",
        [(f"{of_api(ml.PATTERN, 'pattern')} == 1", "{{pattern}}")],
        "none",
        steps(NEUTRAL),
        names_only=True,
        none="not known yet",
    )
    success = stat(
        "Success rate",
        "At present.",
        [(feature(ml.SUCCESS_RATE), "success rate")],
        "percent",
        steps(BAD, (95, WARN), (99, GOOD)),
        decimals=2,
    )
    quota = stat(
        "Quota left",
        "Share of the tightest quota that is left, as the API last said.",
        [(quota_left(), "quota")],
        "percentunit",
        steps(BAD, (0.1, WARN), (0.25, GOOD)),
        decimals=0,
        none="none stated",
    )
    warning, critical = DEFAULT.certificate_left
    certificate = stat(
        "Certificate",
        "Time until the API's certificate expires.",
        [(per_api(f"{series(raw.CERTIFICATE_EXPIRY.name)} - time()", by="min"), "certificate")],
        "s",
        steps(BAD, (critical, WARN), (warning, GOOD)),
        none="plain HTTP",
    )
    words = [(panel, 4) for panel in (state, reason, pattern)]
    return [*words, *((panel, 3) for panel in (success, budget_left(), quota, certificate))]


def _explanation() -> list[Sized]:
    shares = time_series(
        "What the score is due to",
        "The share of each feature in the anomaly score; the shares sum to 100 %. Read it while the score is high.",
        [(of_api(ml.CONTRIBUTION, "feature"), "{{feature}}")],
        "percentunit",
        axis=SHARE,
        stacked=True,
        overrides=named_lines({name: (shown.words, shown.color) for name, shown in FEATURES.items()}),
    )
    parents = stat(
        "Depends on",
        "The APIs on which this one depends, as declared. Look there first: while one of them is down, this one may only "
        "suffer from it.",
        [(of_api(raw.PARENT_INFO, "parent"), "{{parent}}")],
        "none",
        steps(NEUTRAL),
        names_only=True,
        none="no other API, as far as declared",
    )
    return [(score(), 10), (shares, 10), (parents, 4)]


def _requests() -> list[Sized]:
    per_second = f"sum by ({{labels}}) (rate({{selector}}[{RATE}]))"
    api = ", ".join(raw.API_LABELS)
    phases = per_second.format(labels=f"{api}, phase", selector=series(raw.PHASE_SECONDS.name))
    answers = per_second.format(labels=api, selector=series(f"{raw.RESPONSE_TIME.name}_count"))
    errors = per_second.format(labels=f"{api}, reason", selector=series(raw.ERRORS.name))
    phase_panel = time_series(
        "Phases of a request",
        "Where the mean response time goes; the phases sum to it. Connect includes TLS.",
        [(f"{phases} / on ({api}) group_left () ({answers} > 0)", "{{phase}}")],
        "s",
        stacked=True,
        overrides=named_lines(_PHASES),
    )
    step_sum, step_count = (
        per_second.format(labels=f"{api}, step", selector=series(f"{raw.STEP_SECONDS.name}{part}"))
        for part in ("_sum", "_count")
    )
    slow = time_series(
        "Mean and slowest answers",
        "The mean response time, and the time within which 95 of 100 requests are answered; of an API with several steps "
        "the mean of each step, too.",
        [
            (feature(ml.RESPONSE_TIME), "mean"),
            (series(ml.RESPONSE_TIME_P95), "95 of 100"),
            (f"{step_sum} / {step_count}", "step {{step}}"),
        ],
        "s",
    )
    error_panel = time_series(
        "Errors by reason",
        "Failed requests per minute, of an API with several steps by step:reason. All lines at zero: no request fails.",
        [(f"60 * {errors}", "{{reason}}")],
        "reqpm",
        overrides=named_lines(_REASONS),
    )
    return [(phase_panel, 8), (slow, 8), (error_panel, 8)]


def _quota() -> list[Sized]:
    remaining = time_series(
        "Quota",
        "Requests left and allowed in each quota window, as the API last said.",
        [
            (per_api(series(raw.QUOTA_REMAINING.name), "quota", by="min"), "left of {{quota}}"),
            (of_api(raw.QUOTA_LIMIT, "quota"), "allowed by {{quota}}"),
        ],
        "none",
        none="The API states no quota",
    )
    reset = stat(
        "Quota renews in",
        "Time until each quota window ends.",
        [(per_api(f"{series(raw.QUOTA_RESET.name)} - time()", "quota", by="min"), "{{quota}}")],
        "s",
        steps(NEUTRAL),
        none="The API states no quota",
    )
    paused = time_series(
        "Probing paused",
        "1 while the API is not probed on purpose: it asked for a pause (backoff), or the rest of its quota is kept "
        "(quota_reserve). It has no features and no score meanwhile.",
        [(of_api(raw.PAUSED, "cause"), "{{cause}}")],
        "none",
        none="Nobody probes this API",
    )
    return [(remaining, 12), (paused, 8), (reset, 4)]


def dashboard() -> Dashboard:
    """Return the dashboard."""
    each: dict[str, Any] = {"repeat": "api_name"}
    forecasts = [(forecast_against_outcome(name), 12) for name in FORECAST]
    return frame(
        API,
        TITLE,
        "Each feature against what is normal for this API, reasons, forecasts against what came, phases and quota.",
        [
            Section("$api_name now", _now(), 4, **each),
            Section("$api_name against what is normal", [(normal(name), 12) for name in FEATURES], **each),
            Section("Why $api_name is unusual", _explanation(), **each),
            Section("What was forecast for $api_name, and what came", forecasts, **each),
            Section(
                "What is forecast for $api_name", [(next_hours(name), 12) for name in FORECAST], 6, **each
            ),
            Section("Requests to $api_name", _requests(), **each),
            Section("Quota of $api_name", _quota(), 6, **each),
        ],
        apis="one",
    )
