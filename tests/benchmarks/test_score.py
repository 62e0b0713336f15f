"""The scorer against values worked out by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import score
from benchmarks.score import Flags, Series


def series(
    tmp_path: Path,
    rows: int = 1000,
    windows: tuple[tuple[int, int], ...] = ((500, 599),),
    source: str = "nab",
) -> Series:
    """A series of five-minute rows with labelled row ranges."""
    stamps = pd.date_range("2026-01-05", periods=rows, freq="5min").strftime("%Y-%m-%d %H:%M:%S")
    pd.DataFrame({"timestamp": stamps, "value": 1.0}).to_csv(tmp_path / "x.csv", index=False)
    spans = [[stamps[a], stamps[b]] for a, b in windows]
    return Series("x", {"source": source, "kind": "k", "windows": spans}, tmp_path)


def at(s: Series, *rows: int) -> dict[str, Flags]:
    """Alarms at these rows."""
    flags = np.zeros(s.n, dtype=bool)
    flags[list(rows)] = True
    return {s.name: flags}


def test_probation_and_windows_are_rows(tmp_path: Path) -> None:
    """15 % of the rows, at most 750 for NAB; windows as inclusive row pairs."""
    s = series(tmp_path)
    assert (s.n, s.step, s.probation, s.windows) == (1000, 300.0, 150, [(500, 599)])
    assert series(tmp_path, rows=6000).probation == 750
    assert series(tmp_path, rows=6000, source="cmd").probation == 900


def test_silence_is_0_and_the_first_row_of_every_window_is_100(tmp_path: Path) -> None:
    """The null detector and the perfect one are the ends of the NAB score."""
    s = series(tmp_path)
    assert score.nab([s], at(s)) == {"standard": 0.0, "low_fp": 0.0, "low_fn": 0.0}
    assert score.nab([s], at(s, 500)) == {"standard": 100.0, "low_fp": 100.0, "low_fn": 100.0}


def test_a_false_alert_far_from_windows_costs_its_weight(tmp_path: Path) -> None:
    """One window: perfect is 1 above the base of -1, so a false alert of .11 is 5.5 points, .22 is 11, and of 3, 3.7."""
    s = series(tmp_path)
    found = score.nab([s], at(s, 300, 500))
    assert found == {"standard": 94.5, "low_fp": 89.0, "low_fn": 96.3}


def test_a_late_alert_earns_the_sigmoid_of_its_place(tmp_path: Path) -> None:
    """Half way through a window of 100 rows: (2 / (1 + e^-2.5) - 1) / (2 / (1 + e^-5) - 1) of the credit."""
    s = series(tmp_path)
    credit = (2 / (1 + math.exp(-2.5)) - 1) / (2 / (1 + math.exp(-5)) - 1)
    assert score.nab([s], at(s, 550))["standard"] == pytest.approx(100 * (credit + 1) / 2, abs=0.05)


def test_an_alert_shortly_after_a_window_costs_less(tmp_path: Path) -> None:
    """Ten rows after a window of 100 rows a missed window's alert costs .11 (1 - 2 / (1 + e^(50/99)))."""
    s = series(tmp_path)
    cost = 0.11 * (1 - 2 / (1 + math.exp(5 * 10 / 99)))
    assert score.nab([s], at(s, 609))["standard"] == pytest.approx(-100 * cost / 2, abs=0.05)


def test_alerts_in_probation_do_not_count(tmp_path: Path) -> None:
    """Neither for nor against."""
    s = series(tmp_path)
    assert score.nab([s], at(s, 10)) == score.nab([s], at(s))
    assert score.events([s], at(s, 10))["false"] == 0


def test_an_alert_that_lasts_repeats_every_fiftieth_of_the_series() -> None:
    """1000 rows: a page at its opening and every 20 rows."""
    alert = np.zeros(1000, dtype=bool)
    alert[100:150] = True
    assert np.flatnonzero(score.thin(alert, 1000)).tolist() == [100, 120, 140]


def test_events_are_counted_as_worked_out_by_hand(tmp_path: Path) -> None:
    """Two windows, one found ten rows late; three alerts outside within the hour are one false episode, a fourth is two."""
    s = series(tmp_path, windows=((500, 599), (800, 810)))
    found = score.events([s], at(s, 300, 305, 310, 400, 510))
    assert (found["found"], found["events"], found["false"]) == (1, 2, 2)
    assert found["precision"] == pytest.approx(1 / 3, abs=1e-3)
    assert found["recall"] == 0.5
    assert found["f1"] == 0.4
    assert (found["delay_steps"], found["delay_minutes"]) == (10.0, 50.0)
    weeks = 849 * 300 / 604800
    assert found["false_per_week"] == pytest.approx(2 / weeks, abs=1e-3)


def test_a_false_episode_is_charged_again_every_six_hours(tmp_path: Path) -> None:
    """An alert of 13 hours outside windows is three false episodes."""
    s = series(tmp_path)
    assert score.events([s], at(s, *range(200, 200 + 13 * 12)))["false"] == 3


def test_an_alert_soon_after_a_window_is_not_charged(tmp_path: Path) -> None:
    """An hour after its end is still excused, an hour and five minutes is not."""
    s = series(tmp_path)
    assert score.events([s], at(s, 611))["false"] == 0
    assert score.events([s], at(s, 612))["false"] == 1


def test_cmd_windows_may_be_met_a_little_early(tmp_path: Path) -> None:
    """Ten minutes before an incident is found without delay; NAB's wide windows have no such grace."""
    early = {source: series(tmp_path, source=source) for source in ("cmd", "nab")}
    found = {source: score.events([s], at(s, 498)) for source, s in early.items()}
    assert (found["cmd"]["found"], found["cmd"]["delay_steps"], found["nab"]["found"]) == (1, 0.0, 0)


def test_best_uses_labels_and_free_does_not(tmp_path: Path) -> None:
    """A score that is right above .6 alone is perfect by the best threshold, however wrong its own alarms are."""
    s = series(tmp_path)
    column = np.full(s.n, 0.5)
    column[500:600] = 0.9
    found = score.detection([s], {"x": column}, at(s, 300))["nab"]
    assert found["free"]["events"]["f1"] == 0.0
    assert found["best"]["events"]["f1"] == 1.0
    assert found["best"]["nab"]["standard"] == 100.0
    assert found["by_kind"]["k"]["false"] == 1


def test_forecasts_are_measured_against_both_naive_ones(tmp_path: Path) -> None:
    """A line of slope 1 a row, forecast an hour ahead 1.2 too high: 1.2 / 288 of the seasonal, 1.2 / 12 of the last."""
    rows = 1500
    stamps = pd.date_range("2026-01-05", periods=rows, freq="5min").strftime("%Y-%m-%d %H:%M:%S")
    pd.DataFrame({"timestamp": stamps, "value": np.arange(rows, dtype=float)}).to_csv(
        tmp_path / "x.csv", index=False
    )
    s = Series("x", {"source": "cmd", "kind": "k", "windows": []}, tmp_path)
    out = tmp_path / "forecasts"
    out.mkdir()
    at_rows, actual = np.arange(400, 1400), np.arange(412, 1412)
    pd.DataFrame(
        {
            "issued_at": s.time[at_rows],
            "target": s.time[at_rows] + 3600,
            "predicted": actual + 1.2,
            "lower": np.where(actual % 2, actual - 1, actual + 1),
            "upper": actual + 2,
        }
    ).to_csv(out / "x.csv", index=False)
    found = score.forecasts([s], out)
    assert found["mae_vs_seasonal_naive"] == pytest.approx(1.2 / 288, abs=5e-4)
    assert found["mae_vs_last_value"] == 0.1
    assert (found["coverage"], found["series_with_coverage_86_94"]) == (0.5, 0.0)


def test_scores_of_another_length_or_range_are_refused(tmp_path: Path) -> None:
    """Whoever compares files must not compare other rows, nor scores that are none."""
    s = series(tmp_path, rows=100, windows=())
    out = tmp_path / "scores"
    out.mkdir()
    pd.DataFrame({"anomaly_score": np.zeros(99), "is_anomaly": 0}).to_csv(out / "x.csv", index=False)
    with pytest.raises(SystemExit, match="99 rows of scores for 100"):
        score.read_scores([s], out)
    pd.DataFrame({"anomaly_score": np.full(100, 1.5), "is_anomaly": 0}).to_csv(out / "x.csv", index=False)
    with pytest.raises(SystemExit, match="outside 0-1"):
        score.read_scores([s], out)


def test_the_command_prints_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m benchmarks.score --data DIR --scores DIR`."""
    s = series(tmp_path, rows=100, windows=())
    labels = {"x": {"source": "nab", "kind": "k", "windows": []}}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    out = tmp_path / "scores"
    out.mkdir()
    pd.DataFrame({"anomaly_score": np.zeros(s.n), "is_anomaly": 0}).to_csv(out / "x.csv", index=False)
    monkeypatch.setattr("sys.argv", ["score", "--data", str(tmp_path), "--scores", str(out)])
    score.main()
    assert json.loads(capsys.readouterr().out)["detection"]["nab"]["free"]["events"]["false"] == 0
