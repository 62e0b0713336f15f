"""Training rows for the forest, gathered while history is walked through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_sidecar.features import Array
from ml_sidecar.models.forecast.history import Clock
from ml_sidecar.models.forecast.outlook import Outlook

_APIS = 12
"""APIs drawn per origin: with three horizons, four weeks make 48,000 rows. It must not depend on the length of the
history, or a longer one would change the forecasts replayed at its beginning."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Columns of one origin: (H * n, C) for n series, with their present value and scale."""

    row: int
    series: NDArray[np.int64]
    columns: NDArray[np.float32]
    now: Array
    scale: Array


class Lessons:
    """Columns seen at past origins of one feature, of twelve APIs each, drawn at random where there are more.

    Args:
        clock: the grid.
        series: indices of the feature's series.
        values: (T, S), the history that the walk goes through, row 0 first.
        rng: draws the APIs.
    """

    def __init__(
        self, clock: Clock, series: NDArray[np.int64], values: Array, rng: np.random.Generator
    ) -> None:
        self._clock = clock
        self._series = series
        self._values = values
        self._rng = rng
        self._pages: list[_Page] = []

    def note(self, row: int, outlook: Outlook) -> None:
        """Remember what was seen at an origin; nothing is judged before its truth has arrived."""
        series = self._series
        if len(series) > _APIS:
            series = np.sort(self._rng.choice(series, _APIS, replace=False))
        self._pages.append(
            _Page(row, series, outlook.columns(series), outlook.now[series], outlook.scale[series])
        )

    def until(self, row: int) -> tuple[NDArray[np.float32], Array]:
        """Columns (N, C) and changes (N,) in units of scale, of all forecasts whose truth had arrived by this row."""
        columns, changes = [], []
        for page in self._pages:
            for j, ahead in enumerate(self._clock.ahead):
                if page.row + ahead > row:
                    break
                change = (self._values[page.row + ahead, page.series] - page.now) / page.scale
                known = np.isfinite(change)
                block = page.columns[j * len(page.series) : (j + 1) * len(page.series)]
                columns.append(block[known])
                changes.append(change[known])
        if not columns:
            return np.empty((0, 0), dtype=np.float32), np.empty(0)
        return np.concatenate(columns), np.concatenate(changes)
