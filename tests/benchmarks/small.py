"""A few small labelled series, drawn from a seed: what telemetry looks like, with incidents of moderate size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ml_sidecar.features import Array

DAYS = 16
Change = Callable[[Array], Array]


def write(root: Path) -> None:
    """Write the series and labels.json into a folder."""
    rng = np.random.default_rng(7)
    hours = np.arange(DAYS * 288) / 12
    wave = np.sin(2 * np.pi * hours / 24)
    n = len(hours)
    series: dict[str, tuple[Array, dict[tuple[float, float], Change]]] = {
        "requests-drop": (rng.poisson(300 * (1 + 0.5 * wave)) / 5, {(250, 253): lambda x: 0.3 * x}),
        "requests-surge": (rng.poisson(600 * (1 + 0.5 * wave)) / 5, {(300.5, 303): lambda x: 2.2 * x}),
        "latency-step": (0.2 * rng.lognormal(0, 0.1, n), {(280, 284): lambda x: 2.5 * x}),
        "latency-daily": (
            0.3 * (1 + 0.3 * wave) * rng.lognormal(0, 0.15, n),
            {(220, 222): lambda x: 3 * x, (330, 334): lambda x: 2.5 * x},
        ),
        "errors": (100 * rng.binomial(500, 0.004, n) / 500, {(290, 292): lambda x: x + 4}),
        "frozen": (50 + 10 * wave + rng.normal(0, 2, n), {(310, 318): lambda x: np.full_like(x, x[0])}),
        "quiet": (20 + rng.normal(0, 1, n), {}),
        "quiet-daily": (100 * (1 + 0.4 * wave) + rng.normal(0, 6, n), {}),
    }
    labels = {}
    for name, (value, incidents) in series.items():
        stamps = pd.date_range("2026-01-05", periods=n, freq="5min").strftime("%Y-%m-%d %H:%M:%S")
        windows = []
        for (begin, end), change in incidents.items():
            rows = slice(round(begin * 12), round(end * 12))
            value[rows] = change(value[rows])
            windows.append([stamps[rows.start], stamps[rows.stop - 1]])
        pd.DataFrame({"timestamp": stamps, "value": value}).to_csv(root / f"{name}.csv", index=False)
        labels[name] = {"source": "nab", "kind": name.split("-")[0], "windows": windows}
    (root / "labels.json").write_text(json.dumps(labels))
