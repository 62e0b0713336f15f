"""What is generated from the configuration's classes."""

from __future__ import annotations

import re
from pathlib import Path

from collector.config_errors import REMEDIES
from collector.reference import reference, schema


def test_every_key_is_described_and_has_a_remedy() -> None:
    """An editor can say what each key is for, and an error what to write instead."""
    for section in (schema(), *schema()["$defs"].values()):
        assert section["additionalProperties"] is False
        for key, content in section["properties"].items():
            assert content["description"].endswith(".")
            assert key in REMEDIES


def test_the_reference_has_every_key() -> None:
    """No key and no environment variable is missing from the docs."""
    keys = {key for section in schema()["$defs"].values() for key in section["properties"]}
    settings = Path("collector/settings.py").read_text(encoding="utf-8")
    variables = set(re.findall(r'environ\.get\("(\w+)"', settings))
    assert len(variables) == 6
    assert set(re.findall(r"^\| `(\w+)` \|", reference(), re.MULTILINE)) == keys | variables


def test_generated_files_are_current() -> None:
    """What lies in the repository is what the classes give."""
    assert Path("docs/configuration.md").read_text(encoding="utf-8") == reference()
