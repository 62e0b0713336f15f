"""Names, labels and help texts of everything the collector exposes, written down once.

Rules and dashboards import from here, so that a renamed metric cannot leave a dead panel behind.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

API_LABELS: Final = ("api_name", "environment")
"""Labels that identify one API; every per-API series carries both."""


class Metric(NamedTuple):
    """One exposed metric: its full name, type, help text and the labels beyond the standing ones."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    labels: tuple[str, ...] = ()
    per_api: bool = True

    @property
    def label_names(self) -> tuple[str, ...]:
        """All label names: `api_name` where it applies, `environment` always, then the metric's own."""
        standing = API_LABELS if self.per_api else ("environment",)
        return standing + self.labels


REQUEST_STATUSES: Final = ("success", "error")
ERROR_REASONS: Final = ("timeout", "dns", "connect", "tls", "http_4xx", "rate_limited", "http_5xx", "body")
MAX_STEPS: Final = 10
"""Steps of an API at most; with steps, `reason` is `step:reason`."""
PAUSE_CAUSES: Final = ("backoff", "quota_reserve")
HANDOVER_DROP_CAUSES: Final = ("too_old", "over_limit")
PHASES: Final = ("dns", "connect", "processing", "transfer")
RESPONSE_TIME_BUCKETS: Final = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds; dense where people set response-time objectives."""

REQUESTS: Final = Metric(
    "rapidapi_api_requests_total", "counter", "Finished requests to the API, by outcome.", ("status",)
)
RESPONSE_TIME: Final = Metric(
    "rapidapi_api_response_time_seconds",
    "histogram",
    "Time from the start of a request to the last byte of its answer, of all steps together if the API has several; a "
    "timeout counts with the time waited, a request that never got a connection does not count.",
)
ERRORS: Final = Metric(
    "rapidapi_api_errors_total",
    "counter",
    "Failed requests to the API, by reason; of an API with several steps the step that failed stands before it, as in "
    "login:timeout.",
    ("reason",),
)
STEP_SECONDS: Final = Metric(
    "rapidapi_api_step_seconds",
    "summary",
    "Time from the start of each step's request to the last byte of its answer, for an API with several steps; a step "
    "that was not sent, since what it took is kept, does not count.",
    ("step",),
)
QUOTA_REMAINING: Final = Metric(
    "rapidapi_api_quota_remaining",
    "gauge",
    "Requests left in the quota window, as the API last said.",
    ("quota",),
)
QUOTA_LIMIT: Final = Metric(
    "rapidapi_api_quota_limit",
    "gauge",
    "Requests allowed per quota window, as the API last said.",
    ("quota",),
)
QUOTA_RESET: Final = Metric(
    "rapidapi_api_quota_reset_timestamp_seconds",
    "gauge",
    "Time at which the quota window ends, as the API last said.",
    ("quota",),
)
PHASE_SECONDS: Final = Metric(
    "rapidapi_api_request_phase_seconds_total",
    "counter",
    "Time spent in each phase of the requests; connect includes TLS.",
    ("phase",),
)
CERTIFICATE_EXPIRY: Final = Metric(
    "rapidapi_api_certificate_expiry_timestamp_seconds",
    "gauge",
    "Time at which the API's certificate expires.",
)
LAST_PROBE: Final = Metric(
    "rapidapi_api_last_probe_timestamp_seconds", "gauge", "Time at which the last probe of the API ended."
)
PROBE_INTERVAL: Final = Metric(
    "rapidapi_api_probe_interval_seconds", "gauge", "Time between two probes of the API, as configured."
)
MISSED: Final = Metric(
    "rapidapi_api_missed_probes_total",
    "counter",
    "Probes that were left out because the one before was still running when they were due.",
)
PAUSED: Final = Metric(
    "rapidapi_api_probing_paused",
    "gauge",
    "1 while the API is not probed on purpose, else 0: it asked for a pause (backoff), or what is left of its quota is "
    "kept for others (quota_reserve).",
    ("cause",),
)
PARENT_INFO: Final = Metric(
    "rapidapi_api_parent_info",
    "gauge",
    "1 for each API that the API depends on, `parent` being its api_name; absent for an API that depends on none.",
    ("parent",),
)
UPTIME: Final = Metric(
    "rapidapi_system_uptime_seconds", "gauge", "Time since the collector started.", per_api=False
)
MEMORY: Final = Metric(
    "rapidapi_system_memory_bytes", "gauge", "Resident memory of the collector.", per_api=False
)
CPU: Final = Metric(
    "rapidapi_system_cpu_percent",
    "gauge",
    "CPU the collector used since the scrape before, in percent of one core.",
    per_api=False,
)
RELOAD_SUCCESS: Final = Metric(
    "rapidapi_collector_config_reload_success",
    "gauge",
    "1 if the last attempt to load the configuration succeeded, else 0.",
    per_api=False,
)
RELOAD_TIMESTAMP: Final = Metric(
    "rapidapi_collector_config_reload_timestamp_seconds",
    "gauge",
    "Time of the last successful load of the configuration.",
    per_api=False,
)
DISCOVERY_UP: Final = Metric(
    "rapidapi_collector_discovery_up",
    "gauge",
    "1 if the last look at the source of APIs succeeded, else 0: then its last good list stays in service.",
    ("source",),
    per_api=False,
)
DISCOVERY_REFRESHES: Final = Metric(
    "rapidapi_collector_discovery_refreshes_total",
    "counter",
    "Looks at the source of APIs, failed ones included.",
    ("source",),
    per_api=False,
)
DISCOVERY_FAILURES: Final = Metric(
    "rapidapi_collector_discovery_failures_total",
    "counter",
    "Failed looks at the source of APIs.",
    ("source",),
    per_api=False,
)
DISCOVERY_TARGETS: Final = Metric(
    "rapidapi_collector_discovery_targets",
    "gauge",
    "Targets of the source's list that is in service.",
    ("source",),
    per_api=False,
)
DISCOVERY_DUPLICATES: Final = Metric(
    "rapidapi_collector_discovery_duplicates",
    "gauge",
    "Targets of the source that are left out since their api_name belongs to an API of the file, of a source before it "
    "or of its own.",
    ("source",),
    per_api=False,
)
HANDOVER_REQUESTS: Final = Metric(
    "rapidapi_collector_handover_requests_total",
    "counter",
    "Requests that other programs handed over by file and that were counted; absent without a handover folder.",
    per_api=False,
)
HANDOVER_DROPPED: Final = Metric(
    "rapidapi_collector_handover_requests_dropped_total",
    "counter",
    "Requests that other programs handed over by file and that were not counted, by cause.",
    ("cause",),
    per_api=False,
)
HANDOVER_REFUSED: Final = Metric(
    "rapidapi_collector_handover_files_refused_total",
    "counter",
    "Files in the handover folder that were set aside as malformed.",
    per_api=False,
)

METRICS: Final = (
    REQUESTS,
    RESPONSE_TIME,
    ERRORS,
    STEP_SECONDS,
    QUOTA_REMAINING,
    QUOTA_LIMIT,
    QUOTA_RESET,
    PHASE_SECONDS,
    CERTIFICATE_EXPIRY,
    LAST_PROBE,
    PROBE_INTERVAL,
    MISSED,
    PAUSED,
    PARENT_INFO,
    UPTIME,
    MEMORY,
    CPU,
    RELOAD_SUCCESS,
    RELOAD_TIMESTAMP,
    DISCOVERY_UP,
    DISCOVERY_REFRESHES,
    DISCOVERY_FAILURES,
    DISCOVERY_TARGETS,
    DISCOVERY_DUPLICATES,
    HANDOVER_REQUESTS,
    HANDOVER_DROPPED,
    HANDOVER_REFUSED,
)

DEFAULT_PORT: Final = 9101
JOB: Final = "rapidapi-collector"
