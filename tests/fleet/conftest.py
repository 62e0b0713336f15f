"""One walk over four simulated weeks, shared by all tests of this folder."""

from __future__ import annotations

import pytest

from benchmarks.faults import Range


@pytest.fixture(scope="session")
def ranged() -> Range:
    """The fleet and a detector that knows four weeks of it."""
    return Range()
