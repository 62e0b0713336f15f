"""The small interfaces that every model stands behind.

A model is fitted once on a window of history, then carried along the grid: `walk` feeds it each grid row, in order,
after which its state knows that row and no later one. What it answers comes from that state alone, so that live
operation and replay of the past are the same calls in the same order.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ml_sidecar.features import Mask, Window
from ml_sidecar.results import Forecasts, ModelCard, Patterns, Scores


@runtime_checkable
class Model(Protocol):
    """What all models have in common. Models are picklable; their pickle is their state."""

    name: str

    @property
    def clock(self) -> float:
        """Time of the last grid row that entered the state; -inf before the first."""

    def fit(self, window: Window, excluded: Mask | None = None) -> None:
        """Learn from history, including the walk over it; afterwards `clock` is the window's end.

        Args:
            window: history on the grid.
            excluded: (T, A), True where the API was known to be bad and must not be learnt as normal.

        Raises:
            NotEnoughDataError: the history is too short.
        """

    def describe(self) -> ModelCard:
        """The model's card.

        Raises:
            NotTrainedError: it was never fitted.
        """


@runtime_checkable
class AnomalyModel(Model, Protocol):
    """Scores what is seen against what is normal."""

    def walk(self, window: Window, excluded: Mask | None = None) -> Scores:
        """Score each row with the state before it, then let it enter the state.

        The window must start after `clock`; rows missing in between count as absent.
        """

    def score(self, instant: Window) -> Scores:
        """Score provisional values between two grid points; does not change what later rows are scored against."""


@runtime_checkable
class ForecastModel(Model, Protocol):
    """Says what comes next."""

    def walk(self, window: Window) -> None:
        """Let each row enter the state and judge the forecasts that were made for its time."""

    def predict(self) -> Forecasts:
        """Forecasts issued at `clock` for every API known."""


@runtime_checkable
class PatternModel(Model, Protocol):
    """Names how an API behaves."""

    def assign(self, window: Window) -> Patterns:
        """The pattern of each API over the window (usually the last day)."""
