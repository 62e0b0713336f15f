"""Settings: every wrong one names its source, its field and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_sidecar.config import DEFAULT_FILE, load_config, parse_duration, read_environment, read_file
from ml_sidecar.contract import FEATURES, RECORDED
from ml_sidecar.errors import ConfigError
from ml_sidecar.features import Direction

ONE = "features:\n  a: {expr: up, direction: above}\n"


def refused(tmp_path: Path, text: str) -> str:
    """The message with which a file of this text is refused, its path shortened to FILE."""
    path = tmp_path / "sidecar.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    return str(caught.value).replace(str(path), "FILE")


def test_shipped_file_reads_the_recorded_features() -> None:
    """Without any file of one's own the default features read our own recording rules."""
    config = load_config(variables={})
    assert [feature.name for feature in config.features] == list(FEATURES)
    assert {feature.name: feature.expr for feature in config.features} == RECORDED
    assert config.features[0].direction is Direction.BELOW
    assert [feature.name for feature in config.forecast_features] == ["success_rate", "response_time"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "FILE: is empty; it needs at least `features:`"),
        ("time_zone: UTC\n", "FILE: features: is required"),
        (ONE + "horizon: [1h]\n", "FILE: horizon: unknown key; remove it or correct its spelling"),
        (
            "features:\n  a: {expr: up, direction: above, min: 0}\n",
            "FILE: features.a.min: unknown key; remove it or correct its spelling",
        ),
        (
            "features:\n  a: {expr: up, direction: up}\n",
            "FILE: features.a.direction: should be 'below', 'above' or 'both', got 'up'",
        ),
        (
            "features:\n  a: {expr: up, direction: above, minimum: 3, maximum: 1}\n",
            "FILE: features.a: minimum 3 must be below maximum 1",
        ),
        (
            ONE + "horizons: [30m]\n",
            "FILE: horizons.0: a horizon is a whole number of hours, such as 1h, got '30m'",
        ),
        (
            ONE + "horizons: [soon]\n",
            "FILE: horizons.0: 'soon' is no duration; write for example 15s, 5m, 1h or 7d",
        ),
        (
            ONE + "excluded_spans: [{start: 2026-11-01T00:00:00, end: 2026-11-02T00:00:00Z}]\n",
            "FILE: excluded_spans.0.start: should have timezone info",
        ),
        (
            "features:\n  a: {expr: up, direction: above}\n  a: {expr: up, direction: above}\n",
            (
                "FILE: is no valid YAML: the key 'a' stands twice in \"<unicode string>\", line 3, column 3: "
                "a: {expr: up, direction: above} ^"
            ),
        ),
    ],
)
def test_a_wrong_file_is_refused_with_field_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    """A mistake in the file is named by its place and what to write instead."""
    assert refused(tmp_path, text) == message


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A path that does not exist is an error that shows the path."""
    with pytest.raises(ConfigError, match=r"nowhere\.yml: cannot be read: No such file or directory"):
        read_file(tmp_path / "nowhere.yml")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ML_ANOMALY_THRESHOLD": "2"}, "environment: ML_ANOMALY_THRESHOLD: should be less than 1, got '2'"),
        (
            {"PROMETHEUS_EXPORT_INTERVAL": "soon"},
            "environment: PROMETHEUS_EXPORT_INTERVAL: 'soon' is no duration; write for example 15s, 5m, 1h or 7d",
        ),
        (
            {"PROMETHEUS_URL": "localhost"},
            "environment: PROMETHEUS_URL: should be a valid URL, relative URL without a base, got 'localhost'",
        ),
        (
            {"ML_ANOMALY_THRESHOLD": "0.7", "ML_FALSE_ALARM_BUDGET_PER_WEEK": "1"},
            (
                "environment: ML_ANOMALY_THRESHOLD 0.7 promises 0.25 false alarms per API and week, "
                "ML_FALSE_ALARM_BUDGET_PER_WEEK says 1; they are one knob, set one of them"
            ),
        ),
        (
            {"LOG_LEVELS": "ml.analytics=LOUD"},
            (
                "environment: LOG_LEVELS: 'ml.analytics=LOUD' is not logger=LEVEL with a level of "
                "DEBUG, INFO, WARNING, ERROR, CRITICAL"
            ),
        ),
        (
            {"PROMETHEUS_URL_FILE": "/nonexistent/url"},
            "environment: PROMETHEUS_URL_FILE: /nonexistent/url cannot be read: No such file or directory",
        ),
    ],
)
def test_a_wrong_variable_is_refused_with_name_and_remedy(variables: dict[str, str], message: str) -> None:
    """A mistake in the environment is named by its variable."""
    with pytest.raises(ConfigError) as caught:
        read_environment(variables)
    assert str(caught.value) == message


def test_budget_and_threshold_are_one_knob() -> None:
    """0.25 false alarms a week and a threshold of 0.7 are the same wish."""
    by_budget = read_environment({"ML_FALSE_ALARM_BUDGET_PER_WEEK": "0.25"})
    assert by_budget.threshold == pytest.approx(
        read_environment({"ML_ANOMALY_THRESHOLD": "0.7"}).threshold, abs=1e-3
    )
    assert read_environment({}).budget == pytest.approx(0.25, abs=1e-3)


def test_secrets_come_from_files_and_are_not_shown(tmp_path: Path) -> None:
    """A URL with credentials may stand in a file, and /status never shows the credentials."""
    secret = tmp_path / "url"
    secret.write_text("http://user:hush@prometheus:9090\n", encoding="utf-8")
    grafana = {"GRAFANA_URL": "http://me:hush@grafana:3000"}
    config = load_config(DEFAULT_FILE, {"PROMETHEUS_URL_FILE": str(secret)} | grafana)
    assert config.env.prometheus_url == "http://user:hush@prometheus:9090"
    assert "hush" not in str(config.public())
    assert config.public()["env"]["grafana_url"] == "http://grafana:3000"


@pytest.mark.parametrize(
    ("text", "seconds"), [("15s", 15.0), ("5m", 300.0), ("1.5h", 5400.0), ("7d", 604800.0), (30, 30.0)]
)
def test_durations_are_read_as_prometheus_writes_them(text: object, seconds: float) -> None:
    """Durations carry a unit, or are seconds."""
    assert parse_duration(text) == seconds
