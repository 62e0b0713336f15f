"""Replay of files: one row out per row in, never from a later one, whatever the file looks like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_sidecar.episodes import EpisodeTracker
from ml_sidecar.errors import ReplayError
from ml_sidecar.models.anomaly_detector import AnomalyDetector
from ml_sidecar.replay import replay_csv, replay_window
from tests.ml_sidecar.simulated import FEATURES, fleet

HOUR = 3600
START = 1_789_948_800


def lines(rows: int, seed: int = 0) -> list[str]:
    """Rows of an untidy file: jitter, gaps, duplicates, empty cells, NaN and infinities, with an outage."""
    rng = np.random.default_rng(seed)
    found, t = [], START
    for i in range(rows):
        t += int(rng.choice([HOUR, HOUR, HOUR, HOUR, 0, 1800, 5 * HOUR])) if i > 24 else HOUR
        value = 100 + 30 * np.sin(2 * np.pi * t / 86400) + rng.normal(0, 3)
        value = 0.0 if 0.8 < i / rows < 0.82 else value
        text = rng.choice([f"{value:.6f}"] * 20 + ["", "nan", "inf", "x"])
        found.append(f"{t + int(rng.integers(-60, 60))},{text},{rng.normal():.4f}")
    return found


def replay(folder: Path, rows: list[str], **options: object) -> str:
    """What is written about a file with these rows."""
    source, target = folder / "in.csv", folder / "out.csv"
    source.write_text("\n".join(["timestamp,value,other", *rows]) + "\n")
    replay_csv(source, target, features=("value", "other"), **options)  # type: ignore[arg-type] # as given
    return target.read_text()


@given(seed=st.integers(0, 10_000), cut=st.floats(0.02, 0.98))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cut_file_gives_the_same_first_rows(tmp_path: Path, seed: int, cut: float) -> None:
    """Bit for bit, however untidy the file and wherever it is cut."""
    rows = lines(150, seed)
    whole = replay(tmp_path, rows).splitlines()
    short = replay(tmp_path, rows[: int(cut * len(rows))]).splitlines()
    assert short == whole[: len(short)]
    assert len(whole) == len(rows) + 1


@pytest.mark.parametrize("by_time", [True, False])
def test_a_cut_file_of_several_apis_gives_the_same_first_rows(tmp_path: Path, *, by_time: bool) -> None:
    """Also where rows are ordered by API, so that a later row may be about an earlier time."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "timestamp": np.tile(START + HOUR * np.arange(120), 4),
            "api": np.repeat(["d", "a", "c", "b"], 120),
            "value": rng.normal(10, 1, 480),
        }
    )
    table = table.sort_values("timestamp", kind="stable") if by_time else table
    found = []
    for rows in (480, 301):
        table[:rows].to_csv(tmp_path / "in.csv", index=False)
        replay_csv(tmp_path / "in.csv", tmp_path / "out.csv", entity_column="api")
        found.append((tmp_path / "out.csv").read_text().splitlines())
    assert found[1] == found[0][:302]
    assert found[0][0].startswith(
        "api,timestamp,anomaly_score,is_anomaly,severity,top_feature,value_expected"
    )


def test_every_row_gets_an_answer_and_an_outage_is_found(tmp_path: Path) -> None:
    """Scores lie in 0 to 1 without holes; timestamps come back as written."""
    rows = lines(700, 1)
    replay(tmp_path, rows, directions={"value": "below"}, threshold=0.5)
    table = pd.read_csv(tmp_path / "out.csv", dtype={"timestamp": str})
    assert table["timestamp"].tolist() == [row.split(",")[0] for row in rows]
    assert table["anomaly_score"].between(0, 1).all()
    assert set(table["severity"]) <= {"low", "medium", "high"}
    outage = table[560:574]
    assert outage["is_anomaly"].any()
    assert (outage.loc[outage["is_anomaly"] == 1, "top_feature"] == "value").all()


def test_iso_times_and_epoch_seconds_give_the_same(tmp_path: Path) -> None:
    """Times may be written either way."""
    rows = [f"{START + HOUR * i},{i % 24},1" for i in range(100)]
    iso = [f"{pd.Timestamp(START + HOUR * i, unit='s').isoformat()},{i % 24},1" for i in range(100)]
    cut = [text.split(",", 1)[1] for text in replay(tmp_path, rows).splitlines()]
    assert cut == [text.split(",", 1)[1] for text in replay(tmp_path, iso).splitlines()]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("timestamp,x\n1,2\n", {}, "no column value; it has timestamp, x"),
        ("timestamp,value\nyesterday,2\n", {}, "line 2: 'yesterday' is neither ISO 8601 nor epoch seconds"),
        ("timestamp,value\n1,2\n", {"directions": {"y": "above"}}, "--direction names y"),
        ("timestamp,value\n1,2\n", {"directions": {"value": "up"}}, "--direction value=up: choose one of"),
        ("", {}, "No columns to parse"),
    ],
)
def test_a_wrong_file_or_option_is_named(
    tmp_path: Path, text: str, options: dict[str, dict[str, str]], message: str
) -> None:
    """The message says what is wrong and where."""
    (tmp_path / "in.csv").write_text(text)
    with pytest.raises(ReplayError, match=message):
        replay_csv(tmp_path / "in.csv", tmp_path / "out.csv", **options)  # type: ignore[arg-type] # as given


def test_an_empty_file_gives_an_empty_answer(tmp_path: Path) -> None:
    """A header and nothing else."""
    (tmp_path / "in.csv").write_text("timestamp,value\n")
    replay_csv(tmp_path / "in.csv", tmp_path / "out.csv")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1


@given(data=st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_duplicates_within_a_slot_leave_the_other_rows_as_they_were(
    tmp_path: Path, data: st.DataObject
) -> None:
    """A sample that came twice changes no score but its own: the last value of a slot is the one that is learnt."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    rows = [f"{START + HOUR * i},{100 + rng.normal():.4f},1" for i in range(120)]
    twice = sorted(data.draw(st.sets(st.integers(1, 119), min_size=1, max_size=30)))
    doubled = list(rows)
    for i in reversed(twice):
        doubled.insert(i, rows[i].replace(f"{START + HOUR * i}", f"{START + HOUR * i - 60}"))
    plain = replay(tmp_path, rows).splitlines()[1:]
    answered = dict.fromkeys(line.split(",")[0] for line in plain)
    kept = [line for line in replay(tmp_path, doubled).splitlines()[1:] if line.split(",")[0] in answered]
    assert kept == plain


def test_forecasts_are_written_beside_the_scores(tmp_path: Path) -> None:
    """Each forecast was issued before its target."""
    rows = [f"{START + HOUR * i},{10 + i % 24},1" for i in range(24 * 6)]
    replay(tmp_path, rows, forecasts_out=tmp_path / "ahead.csv", horizons=(3600.0, 10800.0))
    table = pd.read_csv(tmp_path / "ahead.csv")
    assert set(table["feature"]) == {"value", "other"}
    assert set(table["target"] - table["issued_at"]) == {3600.0, 10800.0}
    assert (table["lower"] <= table["upper"]).all()


def test_a_window_is_replayed_as_live_operation_would() -> None:
    """Scores, open episodes and events in one go, the same as from the parts."""
    history = fleet(3, apis=2)
    walked = replay_window(AnomalyDetector(FEATURES), EpisodeTracker(), history)
    scores = AnomalyDetector(FEATURES).walk(history)
    observed = EpisodeTracker().observe(scores)
    np.testing.assert_array_equal(walked.scores.score, scores.score)
    np.testing.assert_array_equal(walked.is_anomaly, observed.is_anomaly)
    assert walked.events == observed.events
