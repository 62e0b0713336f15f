"""The gate behind the gates: exemptions carry reasons, and none is left over."""

from __future__ import annotations

import pytest

from tests.conventions.exemptions import hold, load

LISTED = {"D8": {"board: panel": "the series has no such label"}}


def test_d28_what_is_broken_and_exempted_passes() -> None:
    """An exemption with a reason lets its entry through, and nothing else."""
    hold("D8", [("board: panel", "no matcher")], LISTED)
    hold("D9", [], LISTED)


def test_d28_what_is_broken_and_not_exempted_fails_with_its_place() -> None:
    """A violation without an exemption names the statement, the place and the problem."""
    with pytest.raises(AssertionError, match=r"D8 does not hold:\nboard: other: no matcher"):
        hold("D8", [("board: panel", "no matcher"), ("board: other", "no matcher")], LISTED)


def test_d28_an_exemption_that_nothing_needs_fails() -> None:
    """When the cause is gone, the exemption has to go too."""
    with pytest.raises(AssertionError, match="board: panel: exempted, but nothing is wrong"):
        hold("D8", [], LISTED)


@pytest.mark.parametrize(
    "text",
    [
        "exclusions: {D8: [{entries: [a]}]}",
        "exclusions: {D8: [{reason: because, entries: [a]}]}",
        "exclusions: {D8: [{reason: the series has no label, entries: []}]}",
        "exclusions: {D8: [{reason: the series has no label, entries: [a, a]}]}",
    ],
)
def test_d28_an_exemption_needs_a_reason_and_an_entry_of_its_own(text: str) -> None:
    """Nobody is let off silently, or twice."""
    with pytest.raises(ValueError, match="D8"):
        load(text)


def test_d28_the_project_s_list_can_be_read() -> None:
    """The committed file has the form that the loader reads."""
    assert isinstance(load(), dict)
