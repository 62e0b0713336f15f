"""A Grafana to push to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboards.fake_grafana import FakeGrafana, listening

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fake() -> FakeGrafana:
    """An empty Grafana."""
    return FakeGrafana()


@pytest.fixture
def url(fake: FakeGrafana) -> Iterator[str]:
    """The address at which it listens."""
    with listening(fake) as address:
        yield address
