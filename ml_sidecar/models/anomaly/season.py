"""What is normal at this time of day: profiles of the local day, the choice among them, and the spread around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array, Entity, Mask
from ml_sidecar.localtime import LocalTime
from ml_sidecar.models.anomaly.arrays import median, total
from ml_sidecar.models.anomaly.grid import DAY, HOUR, Grid

PROFILES = 4
"""No profile, every day, days of the same class (working day or weekend), the same weekday."""
SAME_CLASS = 2
"""Place of the profile of days of the same class."""
PROFILE_DAYS = 35
"""Days a profile may look back: five of the same weekday."""
SPREAD_DAYS = 14
OWN_DAYS = 5.0
"""The spread of an hour of the day is shrunk to the series' own as if that had been seen on so many days."""
DOUBT = 1.05
"""A profile must have erred by this factor less than no profile before it is believed."""
_AHEAD = 1000
"""Hours of UTC offsets looked up in advance."""


@dataclass(frozen=True)
class Zones:
    """Series grouped by time zone: one entity that stands for the zone, and the columns of its series."""

    local: LocalTime
    members: Mapping[Entity, NDArray[np.intp]]
    _offsets: dict[str, tuple[int, Array, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, local: LocalTime, entities: Sequence[Entity], features: int) -> Zones:
        """Group the columns of A entities with F features each."""
        names = np.array([local.zone(entity) for entity in entities], dtype=object)
        first = {zone: entities[i] for i, zone in reversed(list(enumerate(names)))}
        members = {
            entity: (np.flatnonzero(names == zone)[:, None] * features + np.arange(features)).ravel()
            for zone, entity in first.items()
        }
        return cls(local, members)

    def clock(self, entity: Entity, times: Array) -> Array:
        """Local seconds of the zone, same shape as `times`."""
        low, high = int(times.min() // HOUR), int(times.max() // HOUR)
        first, offsets, constant = self._offset_table(self.local.zone(entity), entity, low, high)
        if np.isfinite(constant):
            return times + constant
        return times + offsets[np.floor(times / HOUR).astype(np.int64) - first]

    def _offset_table(self, zone: str, entity: Entity, low: int, high: int) -> tuple[int, Array, float]:
        """UTC offsets by hour since the epoch: the first hour, seconds from there to `high` at least; the only one or NaN."""
        first, offsets, constant = self._offsets.get(zone, (low, np.empty(0), np.nan))
        if low < first:
            first, offsets = low, np.empty(0)
        if high >= first + len(offsets):
            hours = np.arange(first + len(offsets), high + _AHEAD, dtype=np.float64) * HOUR
            new = self.local.local(hours, [entity])[:, 0] - hours
            keep = max(0, low - first)
            first, offsets = first + keep, np.concatenate([offsets, new])[keep:]
            constant = float(offsets[0]) if (offsets == offsets[0]).all() else np.nan
            self._offsets[zone] = (first, offsets, constant)
        return first, offsets, constant

    def constant(self, entity: Entity, begin: float, end: float) -> bool:
        """True if no clock is changed between these times, as far as is quickly told."""
        zone = self.local.zone(entity)
        return bool(np.isfinite(self._offset_table(zone, entity, int(begin // HOUR), int(end // HOUR))[2]))

    def quarter(self, times: Array, columns: int) -> NDArray[np.intp]:
        """Quarter of the local day, 0 to 3, shape (T, columns)."""
        result = np.zeros((len(times), columns), dtype=np.intp)
        for entity, mine in self.members.items():
            result[:, mine] = ((self.clock(entity, times) % DAY) // (DAY / 4)).astype(np.intp)[:, None]
        return result


def same_time(tape: Array, unit: int, start: int, grid: Grid, zones: Zones, days: int) -> Array:
    """What a tape holds for the same local time of day on earlier days.

    Args:
        tape: (K, N), one row per `unit` grid rows, the newest ending at `start`.
        unit: grid rows per row of the tape.
        start: first grid row of the block asked about.
        grid: the grid.
        zones: time zones of the columns.
        days: how many days back.

    Returns:
        Values (days, U, N) for the U units of the block, NaN where nothing is known.
    """
    times, back = _days_before(unit, start, grid, days)
    found = np.full((*back.shape, tape.shape[1]), np.nan)
    for entity, mine in zones.members.items():
        if zones.constant(entity, back[-1, 0], times[-1]):
            row, known = _rows_before(unit, grid, days, len(tape))
        else:
            moved = _moved(zones, entity, times, back)
            row, known = _within(np.rint((moved - times[0]) / (unit * grid.step)), len(tape))
        values = tape[row] if len(mine) == tape.shape[1] else tape[row][..., mine]
        found[..., mine] = np.where(known, values, np.nan)
    return found


@lru_cache(maxsize=64)
def _rows_before(unit: int, grid: Grid, days: int, length: int) -> tuple[NDArray[np.intp], Mask]:
    """Rows of the tape, and whether it has them, where no clock was changed."""
    times, back = _days_before(unit, 0, grid, days)
    return _within(np.rint((back - times[0]) / (unit * grid.step)), length)


def _within(row: Array, length: int) -> tuple[NDArray[np.intp], Mask]:
    """Places counted from the end of a tape as its rows, and whether it has them, (..., 1)."""
    place = row.astype(np.intp) + length
    known = (place >= 0) & (place < length)
    return np.where(known, place, 0), known[..., None]


def same_class(unit: int, start: int, grid: Grid, zones: Zones, days: int, columns: int) -> Mask:
    """Whether those days were of the same class (working day or weekend) as the present one, (days, U, columns)."""
    times, back = _days_before(unit, start, grid, days)
    alike = np.zeros((*back.shape, columns), dtype=bool)
    for entity, mine in zones.members.items():
        moved = _moved(zones, entity, times, back)
        here, there = ((np.floor(zones.clock(entity, time) / DAY) + 3) % 7 >= 5 for time in (times, moved))
        alike[..., mine] = (here == there)[..., None]
    return alike


def _days_before(unit: int, start: int, grid: Grid, days: int) -> tuple[Array, Array]:
    """Times of the block's units (U,), and of the same UTC time on earlier days, (days, U)."""
    times = grid.times(start + unit * np.arange(grid.block // unit))
    return times, times - DAY * np.arange(1, days + 1)[:, None]


def _moved(zones: Zones, entity: Entity, times: Array, back: Array) -> Array:
    """Earlier times, moved where the clocks were changed in between so that the local time of day is the same."""
    return back + (zones.clock(entity, times) - times) - (zones.clock(entity, back) - back)


def profiles(slots: Array, start: int, grid: Grid, zones: Zones) -> Array:
    """The guesses of the four profiles for the coming block's slots, (4, S, N); the first is 0: no profile.

    Every day: median of 14 days. Same class: of the last 10 such days, at least 2. Same weekday: of 5, at least 3.
    """
    found = same_time(slots, grid.slot, start, grid, zones, PROFILE_DAYS)
    alike = same_class(grid.slot, start, grid, zones, 28, slots.shape[1])
    kept = np.where(alike, found[:28], np.nan)
    kept = np.where(np.cumsum(np.isfinite(kept), axis=0) <= 10, kept, np.nan)
    return np.stack(
        [np.zeros(found.shape[1:]), median(found[:14]), median(kept, least=2), median(found[6::7], least=3)]
    )


def chosen(guesses: Array, errors: Array) -> Array:
    """For each slot and series the profile that has erred least so far, another one where it knows nothing.

    Args:
        guesses: (4, S, N), level included.
        errors: (2, 4, N): discounted absolute errors of each profile, and those of no profile at the same times.
    """
    share = np.full(errors.shape[1:], np.inf)
    known = errors[1] > 0
    share[known] = DOUBT * errors[0][known] / errors[1][known]
    share[0] = 1.0
    best = np.argmin(share, axis=0)
    picked = np.take_along_axis(guesses, best[None, None], axis=0)[0]
    return np.asarray(np.where(np.isfinite(picked), picked, guesses[0]))


def learnt(errors: Array, misses: Array, cap: Array, grid: Grid) -> Array:
    """Errors after a block in which the profiles missed by `misses` (4, S, N); a day of old counts a fifth less."""
    size = np.fmin(np.abs(misses), cap)
    both = np.isfinite(size) & np.isfinite(size[0])
    parts = np.stack([np.where(both, size, 0.0), np.where(both, size[0], 0.0)])
    new = total(np.moveaxis(parts, 2, 0))
    return np.asarray(errors * 0.8 ** (grid.block * grid.step / DAY) + new)


def spread(hours: Array, own: Array, start: int, grid: Grid, zones: Zones) -> Array:
    """Spread of the residual for each slot of the coming block, (S, N).

    The median of the same hour over 14 days, shrunk to the series' own spread.

    Args:
        hours: (K, N), 1.4826 x median absolute residual of each hour.
        own: (N,), the same of the last 48 h.
        start: first row of the block.
        grid: the grid.
        zones: time zones.
    """
    found = same_time(hours, grid.hour, start, grid, zones, SPREAD_DAYS)
    seen = np.isfinite(found).sum(axis=0)
    usual = np.where(seen > 0, median(found), own)
    mixed = (seen * usual + OWN_DAYS * own) / (seen + OWN_DAYS)
    return np.repeat(mixed, grid.hour // grid.slot, axis=0)
