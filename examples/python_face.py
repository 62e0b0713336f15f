"""Everything the Python face offers, against a running demo.

MODELS_DIR=.demo/models RULES_DIR=.demo/prometheus/rules ENVIRONMENT=demo .venv/bin/python examples/python_face.py
"""

import asyncio

from alert_rules import alert_manager
from dashboards import create_grafana_dashboards, grafana_integration
from ml_sidecar import (
    detect_api_anomalies,
    get_ml_analytics,
    get_prometheus_exporter,
    optimize_system_thresholds,
    predict_api_performance,
)


async def main() -> None:
    for result in (await detect_api_anomalies())[:2]:
        print(f"{result.api_name}: score {result.anomaly_score:.2f} ({result.severity}), {result.reason}")

    for prediction in await predict_api_performance("weather-forecast", hours_ahead=3):
        print(
            f"{prediction.timestamp:%H:%M} {prediction.metric} {prediction.predicted_value:.1f} "
            f"({prediction.lower:.1f} to {prediction.upper:.1f}), confidence {prediction.confidence:.2f}"
        )

    thresholds = await optimize_system_thresholds()
    print("thresholds:", thresholds["optimized_thresholds"]["weather-forecast"]["response_time"])

    analytics = get_ml_analytics()
    for name, model in analytics.models.items():
        print(f"{name}: accuracy {model.accuracy:.2f} on {model.training_samples} rows, {model.last_trained}")
    print("rows of history:", len(analytics.historical_data))
    print("maintenance:", (await analytics.auto_maintenance())["reason"])

    metrics = get_prometheus_exporter().metrics
    score = metrics["rapidapi_ml_anomaly_score"]
    print(len(metrics), "metrics;", score.metric_type, score.labels)

    rule = await alert_manager.add_custom_alert_rule(
        name="Weather answers slowly",
        metric="response_time",
        threshold=2.0,
        operator=">",
        severity="warning",
        description="An API takes more than two seconds.",
    )
    print(rule.message)

    for dashboard in await create_grafana_dashboards():
        print(dashboard.title, dashboard.status, dashboard.error or dashboard.url)
    overview = await grafana_integration.create_dashboard("rapidapi_overview")
    print(overview.title, overview.status)


asyncio.run(main())
