"""When trainings start, and what becomes of their outcome."""

from __future__ import annotations

import asyncio
import logging
import math
from pathlib import Path

import pytest

from demo.processes import free_port
from ml_sidecar import contract
from ml_sidecar.config import Config, load_config
from ml_sidecar.events import EventLog
from ml_sidecar.exporter import PrometheusExporter
from ml_sidecar.publication import Publication
from ml_sidecar.reader import reader_of
from ml_sidecar.trainer import Trainer, sentence
from ml_sidecar.training import TrainingResult

HOUR = 3600.0


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = 1795359600.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.time


def trainer(config: Config) -> tuple[Trainer, EventLog, Clock]:
    """A trainer with its events and its clock."""
    clock = Clock()
    events = EventLog(logging.getLogger("ml.analytics"), clock)
    return Trainer(config, events, clock), events, clock


def test_training_is_due_without_a_model_and_after_the_interval() -> None:
    """A sidecar without a usable model trains at once, one with a model after ML_TRAINING_INTERVAL_HOURS."""
    training, _, clock = trainer(load_config(variables={"ML_TRAINING_INTERVAL_HOURS": "12"}))
    assert training.due(None)
    assert not training.due(clock.time - 11.9 * HOUR)
    assert training.due(clock.time - 12 * HOUR)


def test_drift_brings_the_next_training_forward() -> None:
    """When features no longer look as they did, six hours are enough, and not before there is something new."""
    training, _, clock = trainer(load_config(variables={}))
    assert not training.due(clock.time - 7 * HOUR, drift=0.19)
    assert training.due(clock.time - 7 * HOUR, drift=0.21)
    assert not training.due(clock.time - 5 * HOUR, drift=0.21)


def test_a_failed_training_is_said_and_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unreachable Prometheus fails the training with one clear line, and the next try waits."""
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("PROMETHEUS_URL", url)
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    training, events, clock = trainer(load_config())
    asyncio.run(training.train())
    [event] = events.as_list()
    assert event["kind"] == "training_failed"
    assert event["text"] == (
        f"the training process ended with code 1: Prometheus at {url} is unreachable: connection refused; "
        "check PROMETHEUS_URL and that it runs"
    )
    assert training.last["outcome"] == "failed"
    assert not training.due(None)
    clock.time += 31.0
    assert training.due(None)


def test_how_long_the_last_training_took_is_exposed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The duration appears with the first completed training and is absent, not zero, before."""
    config = load_config(variables={})
    training, events, _ = trainer(config)
    exporter = PrometheusExporter("test")
    publication = Publication(config, reader_of(config), exporter, events, training)
    publication.publish_health(None)
    assert contract.TRAINING_DURATION.name not in exporter.exposition().decode()

    async def completed(_: Trainer) -> TrainingResult:
        return TrainingResult("v", True, "", 24192, 12, 33.5, {})

    monkeypatch.setattr(Trainer, "_process", completed)
    assert math.isnan(training.seconds)
    asyncio.run(training.train())
    publication.publish_health(None)
    assert (
        f'{contract.TRAINING_DURATION.name}{{environment="production"}} 33.5'
        in exporter.exposition().decode()
    )


def test_the_sentence_of_a_rejected_training_says_why() -> None:
    """A candidate that is worse than the model in service is named with its figures."""
    result = TrainingResult("v", False, "x: accuracy 0.50 after 0.90", 24192, 12, 33.2, {"x": 0.5, "y": None})
    assert sentence(result) == (
        "2 models on 24,192 rows of 12 APIs in 33 s; accuracy on held-out data: x 0.50; "
        "not put into service, x: accuracy 0.50 after 0.90"
    )
    assert TrainingResult.from_json(result.to_json()) == result
