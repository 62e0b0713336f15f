"""Score anomaly scores and forecasts against labelled series.

    python -m benchmarks.score --data DIR --scores DIR [--forecasts DIR]

`--data` holds labels.json and one CSV (timestamp, value) per series; `--scores` one CSV of the same name per series, as
`rapidapi-ml replay --csv` writes it; `--forecasts` likewise.

Two yardsticks for detection, both after a probation of the first 15 % of a series (at most 750 rows for NAB):

- NAB: the Numenta Anomaly Benchmark's score (Lavin & Ahmad 2015; profiles standard, reward low FP, reward low FN), null
  detector = 0, perfect = 100. An alert that lasts counts when it opens and again every 2 % of min(rows, 5000).
- Events: precision, recall, F1 over labelled windows, false episodes per series-week, delay of the first alert. Alerts
  outside windows are merged into one false episode while gaps stay below max(1 h, 3 steps), and a new one is charged
  every 6 h; an alert up to max(1 h, 3 steps) after a window is not charged.

`free` is the tool's own is_anomaly column: no label was used. `best` is the one threshold for all series that the labels
like best: optimistic, for comparison with published tables only.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

PROFILES = {"standard": (1.0, 0.11), "low_fp": (1.0, 0.22), "low_fn": (2.0, 0.11)}
"""Weight of a missed window and of a false alert."""
GRID = np.concatenate([np.linspace(0.02, 0.9, 45), np.linspace(0.905, 0.999, 20)])
DAY, WEEK = 86400, 604800


def epoch(column: pd.Series[Any]) -> Array:
    """Seconds since the epoch from a column of numbers or ISO 8601 times (naive ones are UTC)."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64)
    times = pd.to_datetime(column, format="ISO8601", utc=True)
    return np.asarray((times - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1), dtype=np.float64)


class Series:
    """One labelled series: n rows, `windows` as inclusive row pairs, `probation` rows never scored.

    Args:
        name: of the file, without its ending.
        meta: its entry of labels.json: source, kind, windows.
        root: folder of the files.
    """

    def __init__(self, name: str, meta: Mapping[str, Any], root: Path) -> None:
        table = pd.read_csv(root / f"{name}.csv")
        self.name, self.source, self.kind = name, str(meta["source"]), str(meta["kind"])
        self.time = epoch(table["timestamp"])
        self.value = pd.to_numeric(table["value"], errors="coerce").to_numpy(np.float64)
        self.n = len(self.time)
        steps = np.diff(self.time)
        self.step = float(np.median(steps[steps > 0]))
        limit = 750 if self.source == "nab" else math.inf
        self.probation = int(min(0.15 * self.n, limit))
        spans = [[pd.Timestamp(a).timestamp(), pd.Timestamp(b).timestamp()] for a, b in meta["windows"]]
        self.windows = [
            (int(np.searchsorted(self.time, a)), int(np.searchsorted(self.time, b, side="right")) - 1)
            for a, b in spans
        ]

    @property
    def weeks(self) -> float:
        """Weeks that are scored."""
        return float((self.time[-1] - self.time[self.probation]) / WEEK)


def load(root: Path) -> list[Series]:
    """All labelled series of a folder."""
    labels = json.loads((root / "labels.json").read_text())
    return [Series(name, meta, root) for name, meta in sorted(labels.items())]


def thin(alert: Flags, n: int) -> Flags:
    """Keep the rows at which a page would go out: the opening of an alert and its repeats."""
    hold = max(1, int(0.02 * min(n, 5000)))
    out, last = np.zeros(len(alert), dtype=bool), -hold
    for i in np.flatnonzero(alert).tolist():
        if i - last >= hold:
            out[i], last = True, i
    return out


def _sigmoid(x: Array) -> Array:
    return np.where(x > 3, -1.0, 2 / (1 + np.exp(5 * np.clip(x, -100, 100))) - 1)


def _nab_weights(s: Series) -> tuple[Array, NDArray[np.int64]]:
    """Row weights of the NAB score: inside a window its credit (1 at its start), after one the growing penalty."""
    i, weight, owner = np.arange(s.n), np.full(s.n, -1.0), np.full(s.n, -1)
    whole = float(_sigmoid(np.array(-1.0)))
    for k, (a, b) in enumerate(s.windows):
        width = b - a + 1
        weight[a : b + 1] = _sigmoid(-(b - i[a : b + 1] + 1) / width) / whole
        owner[a : b + 1] = k
        end = s.windows[k + 1][0] if k + 1 < len(s.windows) else s.n
        weight[b + 1 : end] = _sigmoid((i[b + 1 : end] - b) / max(width - 1.0, 1.0))
    return weight, owner


def nab(series: Sequence[Series], alerts: Mapping[str, Flags]) -> dict[str, float]:
    """Normalised NAB score per profile, 100 is perfect, for alerts by series name."""
    result = {}
    for profile, (fn, fp) in PROFILES.items():
        total, base, perfect = 0.0, 0.0, 0.0
        for s in series:
            weight, owner = _nab_weights(s)
            fired = alerts[s.name] & (np.arange(s.n) >= s.probation)
            total += fp * float(weight[fired & (owner < 0)].sum())
            for k, (_, b) in enumerate(s.windows):
                if b < s.probation:
                    continue
                hits = weight[fired & (owner == k)]
                total += float(hits.max()) if len(hits) else -fn
                base -= fn
                perfect += 1
        result[profile] = round(100 * (total - base) / max(perfect - base, 1e-9), 1)
    return result


def _false_episodes(times: Array, gap: float, step: float) -> int:
    """Alerts outside windows, merged while gaps stay small, charged again every six hours."""
    count = 0
    start = last = -math.inf
    for t in times.tolist():
        if t - last > gap or t - start > 6 * 3600 + 3 * step:
            count, start = count + 1, t
        last = t
    return count


def _tally(s: Series, flags: Flags) -> tuple[int, int, int, list[float]]:
    """Windows found, windows, false episodes, and the delays of the first alert in seconds."""
    gap, before = max(3600.0, 3 * s.step), 0.0 if s.source == "nab" else max(2 * s.step, 600.0)
    fired = flags & (np.arange(s.n) >= s.probation)
    excused = np.zeros(s.n, dtype=bool)
    seen, delays = 0, []
    for a, b in s.windows:
        low = int(np.searchsorted(s.time, s.time[a] - before))
        excused[low : np.searchsorted(s.time, s.time[b] + gap, side="right")] = True
        if b < s.probation:
            continue
        seen += 1
        rows = np.flatnonzero(fired[low : np.searchsorted(s.time, s.time[b] + before, side="right")])
        if len(rows):
            delays.append(max(0.0, float(s.time[low + rows[0]] - s.time[a])))
    return len(delays), seen, _false_episodes(s.time[np.flatnonzero(fired & ~excused)], gap, s.step), delays


def events(series: Sequence[Series], alerts: Mapping[str, Flags]) -> dict[str, Any]:
    """Event precision, recall, F1, false episodes per series-week, median delay in steps and minutes."""
    hit = seen = false = 0
    delays: list[float] = []
    minutes: list[float] = []
    for s in series:
        found, windows, wrong, late = _tally(s, alerts[s.name])
        hit, seen, false = hit + found, seen + windows, false + wrong
        delays += [seconds / s.step for seconds in late]
        minutes += [seconds / 60 for seconds in late]
    weeks = sum(s.weeks for s in series)
    precision, recall = hit / max(hit + false, 1), hit / max(seen, 1)
    return {
        "precision": round(precision, 3),
        "recall": round(recall, 3),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 3),
        "false_per_week": round(false / max(weeks, 1e-9), 3),
        "false": false,
        "weeks": round(weeks, 1),
        "delay_steps": float(np.median(delays)) if delays else None,
        "delay_minutes": float(np.median(minutes)) if minutes else None,
        "events": seen,
        "found": hit,
    }


def detection(
    series: Sequence[Series], scores: Mapping[str, Array], flags: Mapping[str, Flags]
) -> dict[str, Any]:
    """All figures of detection by source, from scores (0 to 1) and open episodes by series name."""
    report = {}
    for source in sorted({s.source for s in series}):
        part = [s for s in series if s.source == source]

        def above(threshold: float, part: Sequence[Series] = part) -> dict[str, Flags]:
            return {s.name: scores[s.name] >= threshold for s in part}

        entry: dict[str, Any] = {"series": len(part), "free": {"events": events(part, flags)}, "best": {}}
        best = max(((t, events(part, above(t))) for t in GRID.tolist()), key=lambda pair: pair[1]["f1"])
        entry["best"]["events"] = {"threshold": round(best[0], 3), **best[1]}
        if source == "nab":
            thinned = ((t, {k: thin(x, len(x)) for k, x in above(t).items()}) for t in GRID.tolist())
            top = max(((t, nab(part, alerts)) for t, alerts in thinned), key=lambda pair: pair[1]["standard"])
            entry["free"]["nab"] = nab(part, {s.name: thin(flags[s.name], s.n) for s in part})
            entry["best"]["nab"] = {"threshold": round(top[0], 3), **top[1]}
        entry["by_kind"] = {
            kind: events([s for s in part if s.kind == kind], flags)
            for kind in sorted({s.kind for s in part})
        }
        report[source] = entry
    return report


def forecasts(series: Sequence[Series], root: Path) -> dict[str, Any]:
    """MAE against the seasonal naive and the last value at the same origins; interval coverage."""
    rows = [
        row for s in series if (root / f"{s.name}.csv").exists() if (row := _forecast(s, root)) is not None
    ]
    if not rows:
        return {}
    table = pd.DataFrame(rows, columns=["vs_seasonal", "vs_last", "coverage"])

    def mean_ratio(name: str) -> float:
        return round(float(np.exp(np.log(table[name].clip(1e-6)).mean())), 3)

    return {
        "series": len(table),
        "mae_vs_seasonal_naive": mean_ratio("vs_seasonal"),
        "mae_vs_last_value": mean_ratio("vs_last"),
        "coverage": round(float(table["coverage"].mean()), 3),
        "series_with_coverage_86_94": round(float(table["coverage"].between(0.86, 0.94).mean()), 3),
    }


def _forecast(s: Series, root: Path) -> tuple[float, float, float] | None:
    """MAE of one series against both naive forecasts, and coverage; None where too little can be judged."""
    table = pd.read_csv(root / f"{s.name}.csv")
    issued, target = epoch(table["issued_at"]), epoch(table["target"])
    clean = pd.Series(s.value).ffill().to_numpy()
    at = np.searchsorted(s.time, issued, side="right") - 1
    to = np.searchsorted(s.time, target)
    season = round((7 if s.time[-1] - s.time[0] > 21 * DAY else 1) * DAY / s.step)
    keep = (to < s.n) & (at >= max(s.probation, season)) & (to - season >= 0) & (to - season <= at)
    keep &= np.isfinite(s.value[np.clip(to, 0, s.n - 1)])
    table, at, to = table[keep], at[keep], to[keep]
    if len(table) < 20:
        return None
    actual = s.value[to]
    naive, last = np.abs(actual - clean[to - season]).mean(), np.abs(actual - clean[at]).mean()
    if min(naive, last) < 1e-9 * (1 + np.abs(actual).mean()):
        return None
    predicted, lower, upper = (table[name].to_numpy(np.float64) for name in ("predicted", "lower", "upper"))
    ours = np.abs(actual - predicted).mean()
    inside = (actual >= lower) & (actual <= upper)
    return float(ours / naive), float(ours / last), float(inside.mean())


def read_scores(series: Sequence[Series], root: Path) -> tuple[dict[str, Array], dict[str, Flags]]:
    """Scores and open episodes by series name from files as replay writes them.

    Raises:
        SystemExit: a file has another number of rows than its series, or scores outside 0 to 1.
    """
    score, flag = {}, {}
    for s in series:
        table = pd.read_csv(root / f"{s.name}.csv")
        if len(table) != s.n:
            raise SystemExit(f"{s.name}: {len(table)} rows of scores for {s.n} rows of data")
        column = pd.to_numeric(table["anomaly_score"], errors="coerce").to_numpy(np.float64)
        score[s.name] = np.nan_to_num(column)
        flag[s.name] = pd.to_numeric(table["is_anomaly"], errors="coerce").fillna(0).to_numpy(np.float64) > 0
        outside = (score[s.name] < 0) | (score[s.name] > 1)
        if outside.any():
            raise SystemExit(f"{s.name}: {outside.sum()} scores outside 0-1")
    return score, flag


def main() -> None:
    """Print the figures of scores and forecasts that lie in files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scores", type=Path)
    parser.add_argument("--forecasts", type=Path)
    options = parser.parse_args()
    series = load(options.data)
    report = {}
    if options.scores:
        report["detection"] = detection(series, *read_scores(series, options.scores))
    if options.forecasts:
        report["forecasts"] = forecasts(series, options.forecasts)
    print(json.dumps(report, indent=1))  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()
