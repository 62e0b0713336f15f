"""Synthetic labelled series: reproducible, in the layout that the benchmark reads, labelled where they were struck."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import synthetic
from benchmarks.score import load


def test_the_same_seed_gives_the_same_series(tmp_path: Path) -> None:
    """Whoever repeats a measurement measures the same series, and with another seed other ones."""
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        synthetic.main(["--out", str(tmp_path / folder), "--seed", seed, "--each", "1"])
    a, b, c = ({path.name: path.read_bytes() for path in (tmp_path / x).iterdir()} for x in "abc")
    assert a == b
    assert set(a) == set(c)
    assert all(a[name] != c[name] for name in a if name.endswith(".csv"))


def test_the_benchmark_reads_what_is_written(tmp_path: Path) -> None:
    """Every kind is there, never negative, with incidents that begin after some history."""
    synthetic.main(["--out", str(tmp_path), "--each", "1"])
    found = load(tmp_path)
    assert {s.kind for s in found} == set(synthetic.KINDS)
    for s in found:
        assert s.windows
        assert (s.value >= 0).all()
        assert all(synthetic.LEARNT * s.n - 1 <= a <= b < s.n for a, b in s.windows)


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_where_faults_are(seed: int) -> None:
    """Outside the labelled rows a series is as it was drawn; inside, each fault has changed something."""
    draw = np.random.default_rng(seed)
    clean = draw.lognormal(3, 0.3, 2000)
    value, labels = synthetic.struck(draw, clean, 3600.0)
    touched = value != clean
    for first, last in labels:
        assert touched[first : last + 1].any()
        touched[first : last + 1] = False
    assert not touched.any()
