"""Paths into JSON."""

from __future__ import annotations

import pytest

from collector.json_path import JsonPath

DOCUMENT = {"data": {"items": [{"id": 1}, {"id": 2}], "odd name.x": True, "": 0}, "0": "text"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.data.items[0].id", 1),
        ("data.items[-1].id", 2),
        ("$.data['odd name.x']", True),
        ('$["data"][""]', 0),
        ("$.0", "text"),
    ],
)
def test_a_path_leads_to_a_value(path: str, value: object) -> None:
    """Names, quoted names and indexes, also from the end."""
    assert JsonPath(path).find(DOCUMENT) == value


@pytest.mark.parametrize("path", ["$.nothing", "$.data[0]", "$.data.items[2]", "$.data.items.id", "$['0'].x"])
def test_a_path_may_lead_nowhere(path: str) -> None:
    """A missing key, an index too high, a name in a list and an index in an object are told alike."""
    with pytest.raises(LookupError):
        JsonPath(path).find(DOCUMENT)


@pytest.mark.parametrize(
    "path", ["", ".", ".a", "$a", "$.", "$..a", "$.a.", "$.[0]", "$[a]", "$['a]", "a b]", "$[*]"]
)
def test_what_is_no_path(path: str) -> None:
    """Anything else is refused, wildcards included, instead of being taken for a name."""
    with pytest.raises(ValueError) as caught:
        JsonPath(path)
    assert caught.value.args == (path,)
