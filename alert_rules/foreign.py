"""Names of what Prometheus and Alertmanager say about themselves; a test asks both servers for each of them."""

from __future__ import annotations

from typing import Final

UP: Final = "up"
ALERTS: Final = "ALERTS"

PROCESS_START: Final = "process_start_time_seconds"
RULE_FAILURES: Final = "prometheus_rule_evaluation_failures_total"
RULE_GROUP_DURATION: Final = "prometheus_rule_group_last_duration_seconds"
RULE_GROUP_INTERVAL: Final = "prometheus_rule_group_interval_seconds"
PROMETHEUS_RELOAD: Final = "prometheus_config_last_reload_successful"
NOTIFICATIONS_SENT: Final = "prometheus_notifications_sent_total"
NOTIFICATION_ERRORS: Final = "prometheus_notifications_errors_total"
ALERTMANAGERS: Final = "prometheus_notifications_alertmanagers_discovered"
ALERTMANAGER_RELOAD: Final = "alertmanager_config_last_reload_successful"
MESSAGES: Final = "alertmanager_notifications_total"
MESSAGES_FAILED: Final = "alertmanager_notifications_failed_total"

OF_PROMETHEUS: Final = (
    PROCESS_START,
    RULE_FAILURES,
    RULE_GROUP_DURATION,
    RULE_GROUP_INTERVAL,
    PROMETHEUS_RELOAD,
    NOTIFICATIONS_SENT,
    NOTIFICATION_ERRORS,
    ALERTMANAGERS,
)
OF_ALERTMANAGER: Final = (PROCESS_START, ALERTMANAGER_RELOAD, MESSAGES, MESSAGES_FAILED)
BUILT_IN: Final = frozenset((UP, ALERTS, *OF_PROMETHEUS, *OF_ALERTMANAGER))
