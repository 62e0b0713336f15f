"""A CSV file as arrays in its own order, and which of its rows can be replayed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_sidecar.errors import ReplayError
from ml_sidecar.features import Array, Feature, clean

STEP_ROWS = 24
"""The step is the median difference between the times of so many rows."""
DEFAULT_STEP = 300.0


@dataclass(frozen=True, slots=True)
class Table:
    """A file as arrays, in the file's order.

    Attributes:
        stamps: the timestamp column as it was written.
        times: seconds since the epoch, NaN where unreadable.
        entities: API of each row.
        values: (rows, F), NaN where empty, not a number or out of range.
    """

    stamps: NDArray[np.object_]
    times: Array
    entities: NDArray[np.object_]
    values: Array


def read_table(
    path: Path, features: Sequence[Feature], *, entity_column: str | None, timestamp_column: str
) -> Table:
    """Read a CSV file of rows in time order (per API).

    Raises:
        ReplayError: the file cannot be read, a column is missing, or a time is unreadable.
    """
    names = [f.name for f in features]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ReplayError(f"{path}: {error}") from error
    wanted = [timestamp_column, *names, *([entity_column] if entity_column else [])]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise ReplayError(f"{path}: no column {', '.join(missing)}; it has {', '.join(table.columns)}")
    times = seconds(table[timestamp_column])
    bad = np.flatnonzero(~np.isfinite(times))
    if len(bad):
        raise ReplayError(
            f"{path}: line {bad[0] + 2}: {table[timestamp_column].iloc[bad[0]]!r} is neither ISO 8601 nor epoch seconds"
        )
    raw = np.column_stack(
        [pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64) for name in names]
    )
    owner = table[entity_column].to_numpy(object) if entity_column else np.full(len(table), "", dtype=object)
    return Table(table[timestamp_column].to_numpy(object), times, owner, clean(raw, features)[0])


def seconds(column: pd.Series[str]) -> Array:
    """Seconds since the epoch from texts, each read by itself: numbers, or ISO 8601 times (naive ones are UTC)."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    texts = ~np.isfinite(numbers)
    result = numbers.copy()
    if texts.any():
        parsed = pd.to_datetime(column[texts], format="ISO8601", utc=True, errors="coerce")
        since = (parsed - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
        result[texts] = since.to_numpy(np.float64)
    return result


def step_of(times: Array, owners: NDArray[np.object_]) -> float:
    """Sampling step in seconds: median positive difference of the first 24 times of the first API to have as many."""
    steps = np.diff(_first_full(times, owners))
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else DEFAULT_STEP


@dataclass
class Session:
    """APIs that are replayed together because their rows come in one order of time.

    Attributes:
        rows: row numbers in the file, in order.
        clock: latest time of them.
        members: APIs in it.
    """

    rows: list[int] = field(default_factory=list)
    clock: float = -np.inf
    members: set[str] = field(default_factory=set)


def sessions(times: Array, owners: NDArray[np.object_]) -> list[Session]:
    """Group a file's rows so that a row never meets one that comes later in the file.

    An API joins the first group whose clock its first row does not fall behind; a file ordered by API and then by
    time thus becomes one group per API, one ordered by time a single group in which APIs learn from each other.
    """
    found: list[Session] = []
    home: dict[str, Session] = {}
    for row, (time, owner) in enumerate(zip(times.tolist(), owners.tolist(), strict=True)):
        session = home.get(owner)
        if session is None:
            session = next((s for s in found if s.clock <= time), None)
            if session is None:
                session = Session()
                found.append(session)
            home[owner] = session
            session.members.add(owner)
        session.rows.append(row)
        session.clock = max(session.clock, time)
    return found


def rank_within(slots: NDArray[np.int64], apis: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each row, how many earlier rows have the same slot and API."""
    order = np.lexsort((np.arange(len(slots)), apis, slots))
    same = (np.diff(slots[order]) == 0) & (np.diff(apis[order]) == 0)
    at = np.arange(len(slots))
    start = np.maximum.accumulate(np.where(np.concatenate([[True], ~same]), at, 0))
    rank = np.empty(len(slots), dtype=np.intp)
    rank[order] = at - start
    return rank


def _first_full(times: Array, owners: NDArray[np.object_]) -> Array:
    """Times of the API that is the first to have 24 rows; of the first API where none has."""
    seen: dict[str, list[float]] = {}
    for time, owner in zip(times.tolist(), owners.tolist(), strict=True):
        mine = seen.setdefault(owner, [])
        mine.append(time)
        if len(mine) == STEP_ROWS:
            return np.array(mine)
    return np.array(next(iter(seen.values())))
