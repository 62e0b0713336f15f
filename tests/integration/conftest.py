"""One running loop for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The loop, ready; its logs are shown where it does not come up."""
    found = Stack(tmp_path_factory.mktemp("stack"))
    try:
        found.start()
        yield found
    finally:
        found.stop()
