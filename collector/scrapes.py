"""Knows what Prometheus has seen."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scrapes:
    """Counts how often the metrics were shown.

    Attributes:
        begun: Number of the last scrape that began.
    """

    def __init__(self) -> None:
        self.begun = 0
        self._ended = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Surround a scrape."""
        self.begun += 1
        number = self.begun
        yield
        self._ended = max(self._ended, number)

    def seen_since(self, number: int) -> bool:
        """Tell whether a scrape that began after the one of this number has ended."""
        return self._ended > number
