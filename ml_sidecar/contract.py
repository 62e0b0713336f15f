"""Names, labels and help texts of everything the sidecar reads and exposes, written down once.

Rules and dashboards import from here, so that a renamed metric cannot leave a dead panel behind.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

API_LABELS: Final = ("api_name", "environment")
"""Labels that identify one API; every per-API series carries both."""


class Metric(NamedTuple):
    """One exposed metric: its full name, type, help text and the labels beyond the standing ones."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()
    per_api: bool = True

    @property
    def label_names(self) -> tuple[str, ...]:
        """All label names: `api_name` where it applies, `environment` always, then the metric's own."""
        standing = API_LABELS if self.per_api else ("environment",)
        return standing + self.labels


# ------------------------------------------------------------------ what the recording rules write

SUCCESS_RATE: Final = "success_rate"
RESPONSE_TIME: Final = "response_time"
ERROR_RATE: Final = "error_rate"
REQUESTS_PER_MINUTE: Final = "requests_per_minute"
FEATURES: Final = (SUCCESS_RATE, RESPONSE_TIME, ERROR_RATE, REQUESTS_PER_MINUTE)
"""Values of the label `feature` in the default profile, in column order."""

RECORDED: Final = {
    SUCCESS_RATE: "rapidapi_api_success_rate",
    RESPONSE_TIME: "rapidapi_api_response_time_seconds",
    ERROR_RATE: "rapidapi_api_error_rate",
    REQUESTS_PER_MINUTE: "rapidapi_api_requests_per_minute",
}
"""Recorded series behind each default feature: percent, seconds, percent, requests per minute."""

RESPONSE_TIME_P95: Final = "api:rapidapi_api_response_time_seconds:p95"
ALERTS_ACTIVE: Final = "rapidapi_alerts_active"

HORIZONS: Final = ("1h", "2h", "3h")
SEVERITIES: Final = ("low", "medium", "high")
"""Severities of an anomaly: low below 0.7, medium from 0.7, high from 0.9."""
THRESHOLD_SEVERITIES: Final = ("warning", "critical")
BOUNDS: Final = ("lower", "upper")
MODEL_NAMES: Final = ("anomaly_detector", "performance_predictor", "pattern_clusterer")
MISSION_ALIASES: Final = {
    "ml_anomaly": "rapidapi_ml_anomaly_score",
    "performance_trend": "rapidapi_ml_performance_trend",
}

# ------------------------------------------------------------------ what the sidecar exposes

ANOMALY_SCORE: Final = Metric(
    "rapidapi_ml_anomaly_score",
    "gauge",
    "How unusual the API is now, 0 to 1, higher is worse: 1 / (1 + E / 0.583), E being the expected number of such "
    "peaks per API and week on its own past.",
)
ANOMALY: Final = Metric(
    "rapidapi_ml_anomaly", "gauge", "1 while an anomaly episode of the API is open, else 0."
)
CONTRIBUTION: Final = Metric(
    "rapidapi_ml_anomaly_contribution_ratio",
    "gauge",
    "Share of the anomaly score that is due to the feature; sums to 1 per API.",
    ("feature",),
)
ANOMALIES: Final = Metric(
    "rapidapi_ml_anomalies_total",
    "counter",
    "Anomaly episodes that have closed, by the severity they reached.",
    ("severity",),
)
EXPECTED: Final = Metric("rapidapi_ml_expected", "gauge", "Normal value of the feature now.", ("feature",))
EXPECTED_LOWER: Final = Metric(
    "rapidapi_ml_expected_lower", "gauge", "Lower end of what is normal for the feature now.", ("feature",)
)
EXPECTED_UPPER: Final = Metric(
    "rapidapi_ml_expected_upper", "gauge", "Upper end of what is normal for the feature now.", ("feature",)
)
PREDICTED: Final = Metric(
    "rapidapi_ml_predicted",
    "gauge",
    "Forecast of the feature at the horizon, in the feature's unit.",
    ("feature", "horizon"),
)
PREDICTED_LOWER: Final = Metric(
    "rapidapi_ml_predicted_lower", "gauge", "Lower end of the 90 % forecast interval.", ("feature", "horizon")
)
PREDICTED_UPPER: Final = Metric(
    "rapidapi_ml_predicted_upper", "gauge", "Upper end of the 90 % forecast interval.", ("feature", "horizon")
)
PREDICTION_CONFIDENCE: Final = Metric(
    "rapidapi_ml_prediction_confidence",
    "gauge",
    "Probability that the forecast is within the feature's smallest deviation worth an alarm, 0 to 1.",
    ("feature", "horizon"),
)
BREACH_PROBABILITY: Final = Metric(
    "rapidapi_ml_breach_probability",
    "gauge",
    "Probability that the feature is beyond its critical threshold at the horizon, 0 to 1.",
    ("feature", "horizon"),
)
THRESHOLD: Final = Metric(
    "rapidapi_ml_threshold",
    "gauge",
    "Learnt alert threshold of the feature, in the feature's unit.",
    ("feature", "severity", "bound"),
)
THRESHOLD_ALERTS: Final = Metric(
    "rapidapi_ml_threshold_expected_alerts_per_week",
    "gauge",
    "Alerts per week that the threshold would have cost on the training window.",
    ("feature", "severity"),
)
THRESHOLD_CHANGES: Final = Metric(
    "rapidapi_ml_threshold_changes_total",
    "counter",
    "Changes of the feature's learnt thresholds.",
    ("feature",),
)
TREND: Final = Metric(
    "rapidapi_ml_performance_trend",
    "gauge",
    "Robust slope of the feature in its unit per day; 0 unless its 95 % interval excludes 0.",
    ("feature",),
)
PATTERN: Final = Metric(
    "rapidapi_ml_pattern", "gauge", "1 for the behaviour pattern that the API shows at present.", ("pattern",)
)
MODEL_ACCURACY: Final = Metric(
    "rapidapi_ml_model_accuracy",
    "gauge",
    "Accuracy on data that the model had not seen, 0 to 1, as its model card defines it.",
    ("model_name",),
    per_api=False,
)
MODEL_SAMPLES: Final = Metric(
    "rapidapi_ml_model_training_samples",
    "gauge",
    "Rows that the model in service was trained on.",
    ("model_name",),
    per_api=False,
)
MODEL_TRAINED: Final = Metric(
    "rapidapi_ml_model_last_trained_timestamp_seconds",
    "gauge",
    "Time at which the model in service was trained.",
    ("model_name",),
    per_api=False,
)
MODEL_INFO: Final = Metric(
    "rapidapi_ml_model_info",
    "gauge",
    "1 for the version and algorithm of the model in service.",
    ("model_name", "version", "algorithm"),
    per_api=False,
)
COVERAGE: Final = Metric(
    "rapidapi_ml_interval_coverage_ratio",
    "gauge",
    "Share of recent values that lay inside their 90 % forecast interval.",
    ("feature",),
    per_api=False,
)
SKILL: Final = Metric(
    "rapidapi_ml_forecast_skill_ratio",
    "gauge",
    "1 - error of the forecast / error of the better naive forecast, on held-out time; above 0 is better than naive.",
    ("feature",),
    per_api=False,
)
DRIFT: Final = Metric(
    "rapidapi_ml_feature_drift",
    "gauge",
    "Population stability index of the last day against the training window; above 0.2 is a drift.",
    ("feature",),
    per_api=False,
)
BUDGET_USED: Final = Metric(
    "rapidapi_ml_false_alarm_budget_used_ratio",
    "gauge",
    "Episodes of the last 7 days outside excluded spans, divided by what the false-alarm budget allows.",
    per_api=False,
)
LAST_SCORE: Final = Metric(
    "rapidapi_ml_last_score_timestamp_seconds",
    "gauge",
    "Time that the last successful scoring judged.",
    per_api=False,
)
CYCLE_DURATION: Final = Metric(
    "rapidapi_ml_cycle_duration_seconds", "gauge", "Duration of the last scoring cycle.", per_api=False
)
QUERY_DURATION: Final = Metric(
    "rapidapi_ml_query_duration_seconds",
    "gauge",
    "Duration of the last cycle's queries to Prometheus.",
    per_api=False,
)
QUERIES: Final = Metric("rapidapi_ml_queries_total", "counter", "Queries sent to Prometheus.", per_api=False)
QUERY_FAILURES: Final = Metric(
    "rapidapi_ml_query_failures_total", "counter", "Queries to Prometheus that failed.", per_api=False
)
TRAININGS: Final = Metric(
    "rapidapi_ml_trainings_total", "counter", "Training runs, by outcome.", ("outcome",), per_api=False
)
TRAINING_DURATION: Final = Metric(
    "rapidapi_ml_training_duration_seconds",
    "gauge",
    "Duration of the last training run that this process completed, promoted or not.",
    per_api=False,
)
APIS: Final = Metric("rapidapi_ml_apis", "gauge", "APIs scored in the last cycle.", per_api=False)
EXPORTED_SERIES: Final = Metric(
    "rapidapi_ml_exported_series",
    "gauge",
    "Series in the present exposition, the process's own ones apart.",
    per_api=False,
)
SERIES_DROPPED: Final = Metric(
    "rapidapi_ml_series_dropped_total",
    "counter",
    "Series left out because of the cap on exported series.",
    per_api=False,
)
SAMPLES_REJECTED: Final = Metric(
    "rapidapi_ml_samples_rejected_total",
    "counter",
    "Samples read from Prometheus that were not finite or outside the feature's valid range.",
    ("feature",),
    per_api=False,
)

TRAINING_OUTCOMES: Final = ("promoted", "rejected", "failed")

METRICS: Final = (
    ANOMALY_SCORE, ANOMALY, CONTRIBUTION, ANOMALIES, EXPECTED, EXPECTED_LOWER, EXPECTED_UPPER,
    PREDICTED, PREDICTED_LOWER, PREDICTED_UPPER, PREDICTION_CONFIDENCE, BREACH_PROBABILITY,
    THRESHOLD, THRESHOLD_ALERTS, THRESHOLD_CHANGES, TREND, PATTERN,
    MODEL_ACCURACY, MODEL_SAMPLES, MODEL_TRAINED, MODEL_INFO, COVERAGE, SKILL, DRIFT, BUDGET_USED,
    LAST_SCORE, CYCLE_DURATION, QUERY_DURATION, QUERIES, QUERY_FAILURES, TRAININGS, TRAINING_DURATION,
    APIS, EXPORTED_SERIES, SERIES_DROPPED, SAMPLES_REJECTED,
)  # fmt: skip

OVERVIEW_DASHBOARD: Final = "rapidapi_overview"
API_DASHBOARD: Final = "rapidapi_api"
"""Uids of the dashboards to which others link; `API_DASHBOARD` takes `var-api_name` and `var-environment`."""

DEFAULT_PORT: Final = 8080
JOB: Final = "rapidapi-ml-sidecar"
