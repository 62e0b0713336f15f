"""RapidAPI - Sidecar and collector: whether the monitoring itself lives, keeps up, and what it costs."""

from __future__ import annotations

from typing import Any, Final

from grafanalib.core import Dashboard

from alert_rules.settings import DEFAULT
from collector import contract as raw
from dashboards.common import ANY_API
from dashboards.frame import frame
from dashboards.layout import Section, Sized
from dashboards.names import FEATURES, PIPELINE
from dashboards.palette import BAD, GOOD, NEUTRAL, WARN
from dashboards.panels import named_lines, stat, steps, time_series, value_names
from dashboards.queries import RANGE, RATE, own_series, per_api, process_series
from ml_sidecar import contract as ml

TITLE: Final = "RapidAPI - Sidecar and collector"

_WHO: Final = "{{job}} {{instance}}"
_NO_SOURCES: Final = "no sources, all APIs are in the file"


def _per_process(expr: str, *labels: str) -> str:
    return f"max by ({', '.join(('job', 'instance', *labels))}) ({expr})"


def _own(metric: raw.Metric | ml.Metric) -> str:
    return _per_process(own_series(metric))


def _rate(metric: raw.Metric | ml.Metric, *labels: str) -> str:
    return _per_process(f"rate({own_series(metric)}[{RATE}])", *labels)


def _now() -> list[Sized]:
    up = stat(
        "Processes",
        "Whether Prometheus can scrape each process.",
        [(_per_process(process_series("up")), _WHO)],
        "none",
        steps(NEUTRAL),
        mappings=value_names((0, "down", BAD), (1, "up", GOOD)),
    )
    age = stat(
        "Last scored",
        "Time since the last successful scoring. After two minutes scores are no longer evidence and an alert fires.",
        [(f"time() - {_own(ml.LAST_SCORE)}", _WHO)],
        "s",
        steps(GOOD, (4 * DEFAULT.interval, WARN), (DEFAULT.sidecar_max_age, BAD)),
        none="never",
    )
    apis = stat(
        "APIs scored",
        "APIs in the last cycle.",
        [(_own(ml.APIS), _WHO)],
        "none",
        steps(BAD, (1, NEUTRAL)),
    )
    silent = stat(
        "Silent APIs",
        "APIs whose last probe is older than two of their intervals and the delay of scrapes, so that their features have "
        "ended.",
        [(f"count({_probe_age()} > 1)", "silent")],
        "none",
        steps(WARN),
        none="none, all are probed in time",
    )
    reload_ = stat(
        "Collector configuration",
        "Whether the last attempt to load the configuration succeeded.",
        [(_own(raw.RELOAD_SUCCESS), _WHO)],
        "none",
        steps(NEUTRAL),
        mappings=value_names((0, "refused", BAD), (1, "in service", GOOD)),
    )
    loaded = stat(
        "Configuration loaded",
        "Time since the collector last loaded its configuration.",
        [(f"time() - {_own(raw.RELOAD_TIMESTAMP)}", _WHO)],
        "s",
        steps(NEUTRAL),
        decimals=0,
    )
    return [(up, 6), (age, 4), (apis, 3), (silent, 4), (reload_, 4), (loaded, 3)]


def _probe_age() -> str:
    """Return the age of each API's last probe, as a share of the age at which its features end."""
    limit = f"(2 * {per_api(own_series(raw.PROBE_INTERVAL))} + {DEFAULT.freshness_slack})"
    return f"(time() - {per_api(own_series(raw.LAST_PROBE))}) / {limit}"


def _sidecar() -> list[Sized]:
    interval = steps(NEUTRAL, (DEFAULT.interval, WARN))
    cycle = time_series(
        "Scoring cycle",
        "How long the last cycle and its queries took. A cycle must stay below its interval of 15 s.",
        [
            (_own(ml.CYCLE_DURATION), "cycle, {{instance}}"),
            (_own(ml.QUERY_DURATION), "queries, {{instance}}"),
        ],
        "s",
        thresholds=interval,
    )
    queries = time_series(
        "Queries to Prometheus",
        "Queries a second, and those that failed. All failures at zero: Prometheus answers.",
        [(_rate(ml.QUERIES), "sent, {{instance}}"), (_rate(ml.QUERY_FAILURES), "failed, {{instance}}")],
        "reqps",
    )
    exported = time_series(
        "Exported series",
        "Series in the sidecar's exposition.",
        [(_own(ml.EXPORTED_SERIES), _WHO)],
        "none",
    )
    lost = time_series(
        "Series left out and samples refused",
        "A second: series beyond the cap on exported series, and samples that were not finite or out of range. "
        "All at zero: nothing is lost.",
        [
            (_rate(ml.SERIES_DROPPED), "left out, {{instance}}"),
            (_rate(ml.SAMPLES_REJECTED, "feature"), "{{feature}}"),
        ],
        "cps",
        overrides=named_lines(
            {name: (f"refused {shown.words}", shown.color) for name, shown in FEATURES.items()}
        ),
    )
    return [(panel, 12) for panel in (cycle, queries, exported, lost)]


def _collector() -> list[Sized]:
    ages = time_series(
        "Age of the last probe",
        "As a share of the age at which an API counts as silent: two of its intervals and the delay of scrapes.",
        [(_probe_age(), ANY_API)],
        "percentunit",
        thresholds=steps(NEUTRAL, (1, WARN)),
    )
    planned = f"60 * sum(1 / {per_api(own_series(raw.PROBE_INTERVAL))})"
    done = f"60 * sum({per_api(f'rate({own_series(raw.REQUESTS)}[{RATE}])', by='sum')})"
    missed = f"60 * sum({per_api(f'rate({own_series(raw.MISSED)}[{RATE}])', by='sum')})"
    probes = time_series(
        "Probes planned and requests made",
        "Per minute. Requests above the plan are real traffic that was measured beside the probes; below it "
        "probes were left out, since the one before was still running, or the API asked for a pause.",
        [(done, "requests"), (planned, "probes planned"), (missed, "left out")],
        "reqpm",
    )
    interval = time_series(
        "Probe intervals",
        "Time between two probes of each API, as configured.",
        [(per_api(own_series(raw.PROBE_INTERVAL)), ANY_API)],
        "s",
    )
    handed = time_series(
        "Handed over by other programs",
        "Per minute: requests that short-lived programs measured and handed over by file; those left out, as older than "
        "an hour or of too many APIs; and files that were set aside as malformed.",
        [
            (f"60 * {_rate(raw.HANDOVER_REQUESTS)}", "counted, {{instance}}"),
            (f"60 * {_rate(raw.HANDOVER_DROPPED, 'cause')}", "left out: {{cause}}, {{instance}}"),
            (f"60 * {_rate(raw.HANDOVER_REFUSED)}", "files refused, {{instance}}"),
        ],
        "cpm",
        none="no folder to hand over by is set",
    )
    return [(panel, 6) for panel in (ages, probes, interval, handed)]


def _sources() -> list[Sized]:
    state = stat(
        "Sources",
        "Whether each source of APIs could be read when last looked at; the last good list of one that fails stays in service.",
        [(_per_process(own_series(raw.DISCOVERY_UP), "source"), "{{source}}, {{instance}}")],
        "none",
        steps(NEUTRAL),
        mappings=value_names((0, "fails", BAD), (1, "is read", GOOD)),
        none=_NO_SOURCES,
    )
    found = time_series(
        "APIs found",
        "Targets of each source's list in service, and those that are left out since another API has their name.",
        [
            (_per_process(own_series(raw.DISCOVERY_TARGETS), "source"), "{{source}}, {{instance}}"),
            (
                _per_process(own_series(raw.DISCOVERY_DUPLICATES), "source"),
                "{{source}}, {{instance}}, left out",
            ),
        ],
        "none",
        none=_NO_SOURCES,
    )
    looks = time_series(
        "Looks at the sources",
        "A second, and those that failed.",
        [
            (_rate(raw.DISCOVERY_REFRESHES, "source"), "{{source}}, {{instance}}"),
            (_rate(raw.DISCOVERY_FAILURES, "source"), "{{source}}, {{instance}}, failed"),
        ],
        "reqps",
        none=_NO_SOURCES,
    )
    return [(state, 6), (found, 9), (looks, 9)]


def _cost() -> list[Sized]:
    memory = time_series(
        "Memory",
        "Resident memory of each process.",
        [(_per_process(process_series("process_resident_memory_bytes")), _WHO), (_own(raw.MEMORY), _WHO)],
        "bytes",
    )
    processor = time_series(
        "CPU",
        "Share of one core.",
        [
            (_per_process(f"rate({process_series('process_cpu_seconds_total')}[{RATE}])"), _WHO),
            (f"{_own(raw.CPU)} / 100", _WHO),
        ],
        "percentunit",
    )
    uptime = stat(
        "Running for",
        "Time since each process started.",
        [
            (f"time() - {_per_process(process_series('process_start_time_seconds'))}", _WHO),
            (_own(raw.UPTIME), _WHO),
        ],
        "s",
        steps(NEUTRAL),
        decimals=0,
    )
    return [(memory, 9), (processor, 9), (uptime, 6)]


def _prometheus() -> list[Sized]:
    scrapes = time_series(
        "Scrapes",
        "How long Prometheus takes to scrape each process.",
        [(_per_process(process_series("scrape_duration_seconds")), _WHO)],
        "s",
    )
    samples = time_series(
        "Samples per scrape",
        "What each process hands to Prometheus at a scrape.",
        [(_per_process(process_series("scrape_samples_scraped")), _WHO)],
        "none",
    )
    rules = time_series(
        "Rule evaluation",
        "How long each group of rules takes, beside the interval of 15 s that it must stay below.",
        [(f"max by (group) ({_rule_groups()})", "{{group}}")],
        "s",
        thresholds=steps(NEUTRAL, (DEFAULT.interval, WARN)),
        none="Prometheus does not scrape itself",
    )
    failed = stat(
        "Rules that failed",
        "Failed evaluations in the chosen time span.",
        [(_failures(), _WHO)],
        "none",
        steps(GOOD, (1, BAD)),
        decimals=0,
        none="Prometheus does not scrape itself",
    )
    return [(scrapes, 7), (samples, 7), (rules, 7), (failed, 3)]


def _rule_groups() -> str:
    """Return the duration of each group, by its name without the path of its file."""
    durations = process_series("prometheus_rule_group_last_duration_seconds")
    return f'label_replace({durations}, "group", "$1", "rule_group", ".*;(.*)")'


def _failures() -> str:
    failures = f"increase({process_series('prometheus_rule_evaluation_failures_total')}[{RANGE}])"
    return f"sum by (job, instance) ({failures})"


def dashboard() -> Dashboard:
    """Return the dashboard."""
    rows: list[tuple[str, list[Sized], dict[str, Any]]] = [
        ("Now", _now(), {"height": 4}),
        ("Sidecar", _sidecar(), {}),
        ("Collector", _collector(), {}),
        ("Sources of APIs", _sources(), {"height": 6}),
        ("What they cost", _cost(), {}),
        ("Prometheus", _prometheus(), {"height": 7}),
    ]
    return frame(
        PIPELINE,
        TITLE,
        "Cycle times, queries, failures, series, probes and memory of the monitoring itself.",
        [Section(title, panels, **options) for title, panels, options in rows],
        processes=True,
    )
