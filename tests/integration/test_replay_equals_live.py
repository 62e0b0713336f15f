"""What is measured offline is what runs: the sidecar's engine, carried through some hours, against replay of the same hours."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from demo.backfill import load_history, write_history
from demo.fleet import find
from demo.law import Behaviour, FloatArray
from demo.processes import start_prometheus
from ml_sidecar.config import Config, load_config
from ml_sidecar.engine import Engine
from ml_sidecar.episodes import EpisodeTracker
from ml_sidecar.events import EventLog
from ml_sidecar.features import Array, Mask, Window
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.reader import PrometheusReader, reader_of
from ml_sidecar.replay_history import replay_history
from ml_sidecar.results import Scores
from ml_sidecar.store import ModelStore
from ml_sidecar.training import GRID, excluded_rows, history_hours, new_models, train

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("replay")]

NAMES = ("currency-exchange", "web-search", "sms-gateway", "stock-fundamentals")
END = 1_795_348_800.0
HOURS = 8.0
TRAINED = END - HOURS * 3600.0 + 40.0
"""Between two grid rows, as a real training would be."""
RESTARTED = TRAINED + 4 * 3600.0
DAYS = 5.0
FAILING = (END - 2 * 3600.0, END - 1.5 * 3600.0)
"""When half the requests to the first API fail."""


def said(scores: Scores) -> Array:
    """Score, expected values and shares of each row and API, (T, A, 1 + 2F)."""
    return np.concatenate([scores.score[:, :, None], scores.expected, scores.contributions], axis=2)


def failing(time: FloatArray) -> Behaviour:
    """Steady, but for half an hour."""
    bad = (time >= FAILING[0]) & (time < FAILING[1])
    return Behaviour(0.12, error_probability=np.where(bad, 0.5, 0.0005))


@dataclass
class Past:
    """A Prometheus with some days of four APIs, and models trained some hours before its end."""

    config: Config
    reader: PrometheusReader
    store: ModelStore

    def engine(self) -> Engine:
        """A sidecar's engine that has just been started."""
        return Engine(
            self.config, self.reader, self.store, EventLog(logging.getLogger("test"), time.time), journal=True
        )


@dataclass
class Spy:
    """Keeps what the detectors' state said of each grid row as it entered, by time: scores, then expected values."""

    rows: dict[float, Array] = field(default_factory=dict)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Listen to all detectors from now on."""
        walk = AnomalyDetector.walk

        def heard(detector: AnomalyDetector, window: Window, excluded: Mask | None = None) -> Scores:
            scores = walk(detector, window, excluded)
            self.rows |= dict(zip(scores.times.tolist(), said(scores), strict=True))
            return scores

        monkeypatch.setattr(AnomalyDetector, "walk", heard)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Load the history, start Prometheus, train."""
    home = tmp_path_factory.mktemp("past")
    with (home / "history").open("w", encoding="utf-8") as file:
        apis = [replace(find(NAMES[0]), behaviour=failing), *map(find, NAMES[1:])]
        write_history(file, apis, END, environment="test", instance="past", days=DAYS)
    load_history(home / "history", home / "prometheus" / "data")
    with start_prometheus(home / "prometheus", "global: {}\n") as server:
        settings = {"ML_PROFILE_HOURS": f"{24 * DAYS:g}", "PROMETHEUS_METRICS_RETENTION_HOURS": "48"}
        config = load_config(variables={"PROMETHEUS_URL": server.url, **settings})
        reader, store = reader_of(config), ModelStore(home / "models")
        assert train(config, reader, store, TRAINED).promoted
        yield Past(config, reader, store)
        reader.close()


def live(past: Past, monkeypatch: pytest.MonkeyPatch) -> tuple[Array, Array]:
    """Times and answers of the grid rows as the running sidecar's state takes them in, with pauses and a restart."""
    spy = Spy()
    spy.watch(monkeypatch)
    rng = random.Random(0)
    engine = past.engine()
    assert engine.load(TRAINED + 100.0)
    now = TRAINED + 100.0
    while now < END:
        engine.look(now)
        before, now = now, now + rng.choice([15.0, 60.0, 300.0, 300.0, 2000.0])
        if before <= RESTARTED < now:
            engine = past.engine()
            assert engine.load(now)
    engine.look(END + 1.0)
    monkeypatch.undo()
    times = sorted(time for time in spy.rows if time > TRAINED)
    return np.array(times), np.stack([spy.rows[time] for time in times])


def test_the_running_sidecar_and_replay_give_the_same_scores(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the sidecar looked, paused and restarted: its scores on the grid are those of replay, bit for bit."""
    times, scores = live(past, monkeypatch)
    detector = past.store.load().models["anomaly_detector"]
    window = past.reader.history(detector.clock + GRID, END, GRID)
    replayed = detector.walk(window, excluded_rows(past.config, past.reader, window))
    np.testing.assert_array_equal(times, replayed.times)
    np.testing.assert_array_equal(scores, said(replayed))
    assert replayed.score.max() > 0.7
    assert np.isfinite(scores).all()


def test_replay_from_the_beginning_gives_what_the_trained_model_gives(past: Past) -> None:
    """`rapidapi-ml replay` over the training span and the hours after it ends in the scores of the running sidecar."""
    detector = past.store.load().models["anomaly_detector"]
    trained = detector.clock
    begin = trained - history_hours(past.config, len(NAMES)) * 3600.0
    window = past.reader.history(trained + GRID, END, GRID)
    running = detector.walk(window, excluded_rows(past.config, past.reader, window))
    replayed = replay_history(past.config, past.reader, END, (END - begin) / 3600.0)
    np.testing.assert_array_equal(replayed.scores.score[-len(window.values) :], running.score)


def test_replay_of_prometheus_is_a_walk_over_its_window(past: Past) -> None:
    """Scores and episodes of `rapidapi-ml replay` are those of the detector and the tracker over the same history."""
    hours = 48.0
    replayed = replay_history(past.config, past.reader, END, hours)
    window = past.reader.history(END - hours * 3600.0, END, GRID)
    scores = new_models(past.config).detector.walk(window)
    np.testing.assert_array_equal(replayed.scores.score, scores.score)
    tracker = EpisodeTracker(past.config.env.threshold, step=GRID)
    opened = [e for e in tracker.update(scores) if e.kind == "opened" and e.counts]
    assert [e for e in opened if e.opened_at >= window.start + 86400.0] == list(replayed.episodes)
    assert replayed.api_weeks == pytest.approx(len(NAMES) * 24 * 12 / 2016, rel=0.01)
