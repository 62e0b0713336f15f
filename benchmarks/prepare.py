"""Build the folder of labelled series from checkouts of its two public sources.

    python -m benchmarks.prepare --nab DIR --cmd DIR --out DIR

`--nab` is a checkout of github.com/numenta/NAB, `--cmd` one of github.com/microsoft/cloud-monitoring-dataset; both are
MIT-licensed, one alone will do. Written are one CSV (timestamp, value) per series and labels.json: source, kind and
labelled windows by name. Only the tuning half is written (benchmarks/tuning_half.txt), on which docs/quality.md is
measured; `--all` writes every series: the other half is for a last check, and whoever tunes on it has none left.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer

TUNING_HALF = Path(__file__).with_name("tuning_half.txt")
FORMAT = "%Y-%m-%d %H:%M:%S"
JOIN_SECONDS, JOIN_STEPS = 3600.0, 3.0
"""Labelled rows closer than this belong to one incident, as alerts do in the scorer."""


class LayoutError(Exception):
    """A checkout does not look as expected."""


def nab_series(root: Path) -> Iterator[tuple[str, dict[str, Any], pd.DataFrame]]:
    """Name, entry of labels.json and table of each series of a checkout of numenta/NAB.

    Raises:
        LayoutError: not such a checkout.
    """
    windows = _json(root / "labels" / "combined_windows.json")
    for place, spans in sorted(windows.items()):
        kind, file = place.split("/")
        table = _table(root / "data" / kind / file, {"timestamp": "timestamp", "value": "value"})
        entry = {"kind": kind, "source": "nab", "windows": [[_text(a), _text(b)] for a, b in spans]}
        yield f"nab--{kind}--{Path(file).stem}", entry, table


def cmd_series(root: Path) -> Iterator[tuple[str, dict[str, Any], pd.DataFrame]]:
    """Likewise of a checkout of microsoft/cloud-monitoring-dataset, which labels rows instead of windows.

    Raises:
        LayoutError: not such a checkout.
    """
    paths = sorted((root / "data").glob("*/*.csv"))
    if not paths:
        raise LayoutError(f"{root}/data/*/*.csv: no such files; is it a checkout of the dataset?")
    for path in paths:
        table = _table(path, {"TimeStamp": "timestamp", "Value": "value", "Label": "label"})
        labelled = pd.to_numeric(table.pop("label")).to_numpy() == 1
        entry = {
            "kind": path.parent.name,
            "source": "cmd",
            "windows": incidents(table["timestamp"], labelled),
        }
        yield f"cmd--{path.parent.name}--{path.stem}", entry, table


def incidents(stamps: pd.Series[str], labelled: np.ndarray[Any, np.dtype[np.bool_]]) -> list[list[str]]:
    """First and last time of each run of labelled rows, runs joined that are at most an hour or three steps apart."""
    seconds = pd.to_datetime(stamps, format=FORMAT).to_numpy("datetime64[s]").astype(np.int64)
    steps = np.diff(seconds)
    step = float(np.median(steps[steps > 0]))
    rows = np.flatnonzero(labelled)
    if not len(rows):
        return []
    far = np.flatnonzero(np.diff(seconds[rows]) > max(JOIN_SECONDS, JOIN_STEPS * step))
    first, last = rows[np.concatenate([[0], far + 1])], rows[np.concatenate([far, [len(rows) - 1]])]
    return [[str(stamps.iloc[a]), str(stamps.iloc[b])] for a, b in zip(first, last, strict=True)]


def write(out: Path, found: Sequence[tuple[str, Mapping[str, Any], pd.DataFrame]]) -> None:
    """Write series and labels into a folder, which is made if need be."""
    out.mkdir(parents=True, exist_ok=True)
    for name, _, table in found:
        table.to_csv(out / f"{name}.csv", index=False)
    labels = {name: entry for name, entry, _ in sorted(found, key=lambda part: part[0])}
    (out / "labels.json").write_text(json.dumps(labels, indent=1) + "\n", encoding="utf-8")


def _table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """The named columns, values as they are written, times in one format (without a zone they are UTC)."""
    try:
        table = pd.read_csv(path, dtype=str)
    except OSError as error:
        raise LayoutError(f"{path}: {error}; is the checkout complete?") from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise LayoutError(f"{path}: no column {', '.join(missing)}; it has {', '.join(table.columns)}")
    table = table[list(columns)].rename(columns=columns)
    table["timestamp"] = pd.to_datetime(table["timestamp"], format="ISO8601", utc=True).dt.strftime(FORMAT)
    return table


def _json(path: Path) -> dict[str, list[list[str]]]:
    try:
        found: dict[str, list[list[str]]] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LayoutError(f"{path}: {error}; is it a checkout of NAB?") from error
    return found


def _text(stamp: str) -> str:
    return pd.Timestamp(stamp).strftime(FORMAT)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nab", type=Path, help="checkout of numenta/NAB")
    parser.add_argument("--cmd", type=Path, help="checkout of microsoft/cloud-monitoring-dataset")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--all", action="store_true", help="the held-out half, too")
    options = parser.parse_args(arguments)
    if not (options.nab or options.cmd):
        parser.error("name a checkout: --nab DIR, --cmd DIR or both")
    try:
        found = [*(nab_series(options.nab) if options.nab else ())]
        found += cmd_series(options.cmd) if options.cmd else ()
    except LayoutError as error:
        parser.error(str(error))
    if not options.all:
        wanted = set(TUNING_HALF.read_text(encoding="utf-8").split())
        found = [part for part in found if part[0] in wanted]
    write(options.out, found)
    typer.echo(f"{len(found)} series written to {options.out}")


if __name__ == "__main__":
    main()
