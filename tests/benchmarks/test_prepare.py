"""`python -m benchmarks.prepare` on small trees of the shape of the two public repositories."""

import json
from pathlib import Path

import pytest

from benchmarks import prepare
from benchmarks.score import load


@pytest.fixture
def nab(tmp_path: Path) -> Path:
    """A checkout of NAB with two series, of which one belongs to the tuning half."""
    root = tmp_path / "NAB"
    (root / "labels").mkdir(parents=True)
    windows = {
        "realKnownCause/nyc_taxi.csv": [["2014-07-01 00:30:00.000000", "2014-07-01 01:00:00.000000"]],
        "realKnownCause/other.csv": [],
    }
    (root / "labels" / "combined_windows.json").write_text(json.dumps(windows))
    for name in windows:
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "timestamp,value\n2014-07-01 00:00:00,10844\n2014-07-01 00:30:00,8127\n2014-07-01 01:00:00,6210\n"
        )
    return root


@pytest.fixture
def cmd(tmp_path: Path) -> Path:
    """A checkout of the cloud monitoring dataset with one series: six labelled hours, one of them apart."""
    root = tmp_path / "cloud-monitoring-dataset"
    folder = root / "data" / "middle-tier-api-dependency-latency"
    folder.mkdir(parents=True)
    labelled = {3, 4, 7, 8, 12}
    lines = [f'"2018-06-17T{h:02d}:00:00Z",{83.25 + h},{int(h in labelled)}' for h in range(20)]
    (folder / "outbound-01.csv").write_text("\n".join(["TimeStamp,Value,Label", *lines, ""]))
    (folder / "outbound-01.csv-metadata.json").write_text("{}")
    return root


def test_both_sources_become_one_folder_that_the_scorer_reads(tmp_path: Path, nab: Path, cmd: Path) -> None:
    """Names, columns, windows: runs of labelled rows three steps apart are one incident, four are two."""
    out = tmp_path / "series"
    prepare.main(["--nab", str(nab), "--cmd", str(cmd), "--out", str(out)])
    labels = json.loads((out / "labels.json").read_text())
    assert labels == {
        "cmd--middle-tier-api-dependency-latency--outbound-01": {
            "kind": "middle-tier-api-dependency-latency",
            "source": "cmd",
            "windows": [
                ["2018-06-17 03:00:00", "2018-06-17 08:00:00"],
                ["2018-06-17 12:00:00", "2018-06-17 12:00:00"],
            ],
        },
        "nab--realKnownCause--nyc_taxi": {
            "kind": "realKnownCause",
            "source": "nab",
            "windows": [["2014-07-01 00:30:00", "2014-07-01 01:00:00"]],
        },
    }
    latency = (out / "cmd--middle-tier-api-dependency-latency--outbound-01.csv").read_text()
    assert latency.startswith("timestamp,value\n2018-06-17 00:00:00,83.25\n")
    assert [s.windows for s in load(out)] == [[(3, 8), (12, 12)], [(1, 2)]]


def test_the_held_out_half_is_written_only_when_asked_for(tmp_path: Path, nab: Path) -> None:
    """Nobody tunes on it by accident."""
    prepare.main(["--nab", str(nab), "--out", str(tmp_path / "half")])
    prepare.main(["--nab", str(nab), "--out", str(tmp_path / "all"), "--all"])
    assert not (tmp_path / "half" / "nab--realKnownCause--other.csv").exists()
    assert (tmp_path / "all" / "nab--realKnownCause--other.csv").exists()


@pytest.mark.parametrize("option", ["--nab", "--cmd"])
def test_another_folder_is_refused_by_name(
    tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names what is missing."""
    with pytest.raises(SystemExit):
        prepare.main([option, str(tmp_path), "--out", str(tmp_path / "out")])
    assert str(tmp_path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_without_labels_is_refused(
    tmp_path: Path, cmd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A column that is missing is named, with those that are there."""
    path = cmd / "data" / "middle-tier-api-dependency-latency" / "outbound-01.csv"
    path.write_text("TimeStamp,Value\n2018-06-17T00:00:00Z,1\n")
    with pytest.raises(SystemExit):
        prepare.main(["--cmd", str(cmd), "--out", str(tmp_path / "out")])
    assert "no column Label" in capsys.readouterr().err
