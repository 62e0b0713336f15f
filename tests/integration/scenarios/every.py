"""Which scenario is whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.integration.scenarios import apis, monitoring, shared
from tests.integration.scenarios.scenario import Scenario

SCENARIOS: Final[Mapping[str, Callable[[], Scenario]]] = {
    "RapidAPIDown critical": apis.down,
    "RapidAPISuccessRateLow warning": apis.success_rate_low,
    "RapidAPISuccessRateLow critical": apis.success_rate_critical,
    "RapidAPIResponseTimeHigh warning": apis.response_time_high,
    "RapidAPIResponseTimeHigh critical": apis.response_time_critical,
    "RapidAPIErrorBudgetBurn critical": apis.budget_burn_critical,
    "RapidAPIErrorBudgetBurn warning": apis.budget_burn,
    "RapidAPIErrorBudgetNotRecorded warning": apis.budget_not_recorded,
    "RapidAPIAnomaly warning": apis.anomaly,
    "RapidAPIAnomalyScoreHigh warning": apis.score_high,
    "RapidAPIDegrading warning": apis.degrading,
    "RapidAPIBreachPredicted warning": apis.breach_predicted,
    "RapidAPIThresholdChanged info": apis.threshold_changed,
    "RapidAPIQuotaExhausting warning": apis.quota_exhausting,
    "RapidAPICertificateExpiring warning": apis.certificate_expiring,
    "RapidAPICertificateExpiring critical": apis.certificate_expired,
    "RapidAPIParentDown none": shared.parent_down,
    "RapidAPIManyDown critical": shared.many_down,
    "RapidAPIManyAnomalous warning": shared.many_anomalous,
    "RapidAPISilent warning": shared.api_silent,
    "RapidAPIPaused info": shared.api_paused,
    "RapidAPIVanished info": shared.api_vanished,
    "CollectorDown critical": shared.collector_down,
    "CollectorConfigReloadFailed warning": shared.collector_reload_failed,
    "CollectorDiscoveryFailing warning": shared.discovery_failing,
    "MLSidecarSilent warning": monitoring.sidecar_silent,
    "MLSidecarNotScoring warning": monitoring.not_scoring,
    "MLSidecarQueriesFailing warning": monitoring.queries_failing,
    "MLSidecarCycleSlow warning": monitoring.cycle_slow,
    "MLSidecarSeriesDropped warning": monitoring.series_dropped,
    "MLModelOld warning": monitoring.model_old,
    "MLModelDrift warning": monitoring.drift,
    "MLModelCoverageLow warning": monitoring.coverage_low,
    "MLModelSkillLost warning": monitoring.skill_lost,
    "MLModelFalseAlarms warning": monitoring.false_alarms,
    "PrometheusTargetDown warning": monitoring.target_down,
    "PrometheusJobDown warning": monitoring.job_down,
    "PrometheusJobAbsent warning": monitoring.job_absent,
    "PrometheusTargetRestarting warning": monitoring.restarting,
    "PrometheusRuleFailures warning": monitoring.rule_failures,
    "PrometheusRuleEvaluationSlow warning": monitoring.evaluation_slow,
    "PrometheusConfigReloadFailed warning": monitoring.prometheus_reload_failed,
    "PrometheusAlertmanagerUnreachable warning": monitoring.alertmanager_unreachable,
    "AlertmanagerNotificationsFailing warning": monitoring.notifications_failing,
    "AlertmanagerConfigReloadFailed warning": monitoring.alertmanager_reload_failed,
    "Watchdog none": monitoring.watchdog,
}
"""By name and severity of the alert."""

PROMTOOL_ONLY: Final[Mapping[str, str]] = {}
"""Alerts that no test of a minute can see fire, and why; promtool alone proves them."""
