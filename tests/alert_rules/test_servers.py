"""The configuration of Prometheus."""

from __future__ import annotations

import yaml

from alert_rules.servers import prometheus_config
from collector.contract import JOB as COLLECTOR_JOB
from ml_sidecar.contract import JOB as SIDECAR_JOB


def test_prometheus_scrapes_everybody_under_the_contracts_job_names() -> None:
    """Collector, sidecar, Prometheus itself and Alertmanager are scraped, each address where it was asked for."""
    config = yaml.safe_load(
        prometheus_config(
            collectors=["127.0.0.1:1", "127.0.0.1:2"],
            sidecars=["127.0.0.1:3"],
            prometheus="127.0.0.1:4",
            alertmanagers=["127.0.0.1:5"],
            rule_files=["/somewhere/*.yml"],
        )
    )
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert jobs == {
        COLLECTOR_JOB: ["127.0.0.1:1", "127.0.0.1:2"],
        SIDECAR_JOB: ["127.0.0.1:3"],
        "prometheus": ["127.0.0.1:4"],
        "alertmanager": ["127.0.0.1:5"],
    }
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:5"]
    assert config["rule_files"] == ["/somewhere/*.yml"]
    assert config["global"]["scrape_interval"] == config["global"]["evaluation_interval"] == "15s"
