"""The whole way of one value, and what happens when a part of the way fails.

The tests share one running loop and build on one another, in the order in which they stand.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from demo.tools import tool
from ml_sidecar import contract
from tests.integration.stack import ENVIRONMENT, NAMES, Stack, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("loop")]

VICTIM = NAMES[0]
COUNTED = f'sum(rapidapi_ml_anomalies_total{{api_name="{VICTIM}"}})'


def scores(stack: Stack) -> dict[str, float]:
    """Anomaly scores in Prometheus by API, once there are all."""
    return stack.query(contract.ANOMALY_SCORE.name)


def test_every_api_has_score_forecast_and_threshold_in_prometheus(stack: Stack) -> None:
    """After the first training Prometheus holds a score, three forecasts and thresholds of every API."""
    wait_for("scores of all APIs", lambda: set(scores(stack)) == set(NAMES))
    predicted = stack.query('count by (api_name) (rapidapi_ml_predicted{feature="success_rate"})')
    assert predicted == dict.fromkeys(NAMES, 3.0)
    thresholds = stack.query(
        'count by (api_name) (rapidapi_ml_threshold{feature="success_rate",bound="lower"})'
    )
    assert thresholds == dict.fromkeys(NAMES, 2.0)
    sums = stack.query("sum by (api_name) (rapidapi_ml_anomaly_contribution_ratio)")
    assert sums == pytest.approx(dict.fromkeys(NAMES, 1.0))


def test_nothing_is_anomalous_without_an_incident(stack: Stack) -> None:
    """A healthy fleet has no open episode."""
    assert stack.query("rapidapi_ml_anomaly == 1") == {}


@pytest.mark.parametrize("name", ["collector", "sidecar"])
def test_expositions_pass_promtool(stack: Stack, name: str) -> None:
    """Prometheus' own linter finds nothing in what either program exposes."""
    text = stack.get(name, "/metrics").text
    checked = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_every_endpoint_answers(stack: Stack) -> None:
    """The documented URLs answer, and say the same thing in text and JSON."""
    for name, paths in {"sidecar": ("/", "/health", "/ready", "/status"), "collector": ("/health",)}.items():
        for path in paths:
            assert stack.get(name, path).ok, path
    metrics = {metric["name"]: metric for metric in stack.get("sidecar", "/metrics/json").json()["metrics"]}
    samples = metrics[contract.ANOMALY_SCORE.name]["samples"]
    assert {sample["labels"]["api_name"] for sample in samples} == set(NAMES)
    assert {sample["labels"]["environment"] for sample in samples} == {ENVIRONMENT}
    page = stack.get("sidecar", "/").text
    assert all(name in page for name in NAMES)


def test_status_shows_settings_without_secrets(stack: Stack) -> None:
    """Status names models, APIs and settings."""
    status = stack.status()
    assert set(status["models"]) == set(contract.MODEL_NAMES)
    assert {row["api_name"]: row["state"] for row in status["apis"]} == dict.fromkeys(NAMES, "normal")
    assert status["ready"] is True
    told = wait_for("the training's outcome", lambda: stack.status()["last_training"].get("outcome"))
    assert told == "promoted"


def test_an_outage_goes_from_the_answer_to_the_alert_and_survives_a_crash(stack: Stack) -> None:
    """One value's whole way: HTTP answer, counter, feature, score, alert; counted once, also across a kill -9."""
    wait_for("a count of no episodes", lambda: stack.value(COUNTED) == 0.0)
    with stack.incident(VICTIM, "outage"):
        wait_for("the score to rise", lambda: scores(stack).get(VICTIM, 0.0) > 0.7)
        wait_for("the episode", lambda: stack.query("rapidapi_ml_anomaly == 1") == {VICTIM: 1.0})
        assert all(score < 0.7 for name, score in scores(stack).items() if name != VICTIM)
        [opened] = stack.events("anomaly_opened")
        assert opened["api_name"] == VICTIM
        assert "expected" in opened["text"]
        [alert] = wait_for("the alert", lambda: stack.alerts("RapidAPIDown"))
        assert alert["labels"]["api_name"] == VICTIM
        assert alert["labels"]["environment"] == ENVIRONMENT
        assert "expected a success rate of 100 %, seen 0 %" in alert["annotations"]["description"]
        crash_and_restart(stack)
        wait_for(
            "the open episode after the crash",
            lambda: stack.query("rapidapi_ml_anomaly == 1") == {VICTIM: 1.0},
        )
        assert stack.events("anomaly_opened") == []
    wait_for(
        "the success rate to recover",
        lambda: stack.query("rapidapi_api_success_rate").get(VICTIM, 0.0) > 90.0,
    )


def test_a_slow_api_is_alerted_with_what_was_expected_and_seen(stack: Stack) -> None:
    """An incident that no fixed limit sees reaches Alertmanager with its reason."""
    slow = NAMES[2]
    with stack.incident(slow, "latency"):
        alert = wait_for("the alert", lambda: of_api(stack.alerts("RapidAPIAnomaly"), slow))
    description = alert["annotations"]["description"]
    assert "Most of it is due to its response time: expected 0." in description
    assert "seen 0." in description


def of_api(alerts: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The alert that concerns an API."""
    return next((alert for alert in alerts if alert["labels"]["api_name"] == name), None)


def crash_and_restart(stack: Stack) -> None:
    """Kill the sidecar and start it again; its scores must be back within 20 s, from the models on disk."""
    assert stack.sidecar is not None
    trained = stack.status()["models"]["anomaly_detector"]["trained_at"]
    stack.sidecar._child.send_signal(signal.SIGKILL)
    stack.sidecar._child.wait()
    stack.start_sidecar()
    wait_for("the sidecar to be ready again", stack.is_ready, 20.0)
    assert stack.status()["models"]["anomaly_detector"]["trained_at"] == trained
    assert stack.events("trained") == []


def test_the_python_face_answers_like_the_sidecar(stack: Stack) -> None:
    """A script in another process asks the same models about the same Prometheus."""
    script = """
import asyncio
from ml_sidecar import detect_api_anomalies, get_ml_analytics, predict_api_performance

async def main():
    results = await detect_api_anomalies()
    for result in results:
        print(result.api_name, round(sum(result.contributions.values()), 6), 0 <= result.anomaly_score <= 1)
    for prediction in await predict_api_performance(results[0].api_name):
        print(prediction.metric, prediction.lower <= prediction.predicted_value <= prediction.upper)
    print(sorted(get_ml_analytics().models), len(get_ml_analytics().historical_data) > 1000)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=stack.environment() | {"PATH": "/usr/bin:/bin", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[: len(NAMES)] == [f"{name} 1.0 True" for name in sorted(NAMES)]
    assert lines[len(NAMES) : -1] == ["success_rate True"] * 3
    assert lines[-1] == "['anomaly_detector', 'pattern_clusterer', 'performance_predictor'] True"


def test_prometheus_gone_is_said_and_nothing_stale_is_served(stack: Stack) -> None:
    """While Prometheus is away the sidecar says so and drops its scores; it goes on by itself."""
    assert stack.prometheus is not None
    stack.prometheus.stop()
    wait_for("the sidecar to notice", lambda: not stack.is_ready())
    answer = stack.get("sidecar", "/ready")
    assert answer.status_code == 503
    assert answer.json()["reason"].startswith(f"Prometheus at {stack.url['prometheus']} is unreachable")
    text = stack.get("sidecar", "/metrics").text
    assert contract.ANOMALY_SCORE.name + "{" not in text
    failures = float(
        next(line for line in text.splitlines() if line.startswith(contract.QUERY_FAILURES.name)).split()[-1]
    )
    assert failures > 0
    assert {(row["state"], row["score"], row["reason"]) for row in stack.status()["apis"]} == {
        ("absent", None, "not scored at present")
    }
    time.sleep(3.0)  # several failing cycles: they must not add lines to the log
    assert len(stack.events("prometheus_unreachable")) == 1
    stack.start_prometheus()
    wait_for("the sidecar to go on", stack.is_ready)
    wait_for("scores of all APIs", lambda: set(scores(stack)) == set(NAMES))
    assert len(stack.events("prometheus_back")) == 1


def test_an_api_that_falls_silent_loses_its_series(stack: Stack) -> None:
    """A dead collector's values are not scored as if they were fresh."""
    stack.pause_collector()
    try:
        wait_for("all series of APIs to vanish", lambda: scores(stack) == {}, 30.0)
        assert {row["state"] for row in stack.status()["apis"]} == {"absent"}
    finally:
        stack.resume_collector()
    wait_for("the scores to return", lambda: set(scores(stack)) == set(NAMES), 60.0)


def test_a_second_sidecar_on_the_same_port_says_so(stack: Stack) -> None:
    """A taken port is one clear line and exit code 1."""
    done = subprocess.run(
        [sys.executable, "-m", "ml_sidecar", "run"],
        env=stack.environment() | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("rapidapi-ml: ")
    assert str(stack.port["sidecar"]) in last


def test_a_new_api_is_learnt_before_it_is_judged(stack: Stack) -> None:
    """An API without history is scored, said to be learning, and never anomalous for being new."""
    newcomer = "web-search"
    stack.probe_also(newcomer)
    wait_for("a score of the new API", lambda: newcomer in scores(stack))
    row = next(row for row in stack.status()["apis"] if row["api_name"] == newcomer)
    assert row["state"] == "learning"
    assert row["score"] < 0.7
    assert "nothing known yet to compare it with" in row["reason"]
    assert newcomer not in stack.query("rapidapi_ml_anomaly == 1")


def test_a_damaged_model_is_said_and_replaced(stack: Stack) -> None:
    """A model file that is not what was written is never opened; the sidecar says so and trains anew."""
    path = stack.damage_model()
    stack.start_sidecar()
    wait_for("the sidecar to be ready again", stack.is_ready, 120.0)
    [said] = wait_for("what is wrong with the model", lambda: stack.events("model_load_failed"))
    [trained] = wait_for("the training to be told", lambda: stack.events("trained"))
    assert said["text"].startswith(f"{path} does not have the digest that its metadata states")
    assert trained["id"] > said["id"]
