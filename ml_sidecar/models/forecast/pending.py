"""Forecasts that wait for their truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_sidecar.features import Array
from ml_sidecar.models.forecast.arrays import Columns, rearranged


@dataclass(frozen=True, slots=True)
class Issue:
    """Forecasts of one origin.

    Attributes:
        now: (S,), present value.
        sigma: (S,), local volatility.
        candidates: (K, H, S).
        predicted, half_width, confidence, worth: (H, S); worth is the smallest deviation worth an alarm.
    """

    now: Array
    sigma: Array
    candidates: Array
    predicted: Array
    half_width: Array
    confidence: Array
    worth: Array

    def rearranged(self, columns: Columns) -> Issue:
        """The same for other series, NaN for new ones."""
        return Issue(
            *(
                rearranged(x, columns, np.nan)
                for x in (
                    self.now, self.sigma, self.candidates, self.predicted, self.half_width, self.confidence, self.worth
                )
            )
        )  # fmt: skip


class Pending:
    """Issues by row number of their origin, kept until the last horizon is resolved."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._issues: dict[int, Issue] = {}

    def add(self, row: int, issue: Issue) -> None:
        """Remember the forecasts issued at this row; forget those resolved by now."""
        self._issues = {r: i for r, i in self._issues.items() if row - r <= self._longest}
        self._issues[row] = issue

    def at(self, row: int) -> Issue | None:
        """Forecasts issued at this row, if any."""
        return self._issues.get(row)

    def rearrange(self, columns: Columns) -> None:
        """Take over other series, -1 for new ones."""
        self._issues = {row: issue.rearranged(columns) for row, issue in self._issues.items()}
