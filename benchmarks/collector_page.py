"""docs/performance.md: sections that the benchmarks of the collector write, each its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, get_args

Section = Literal["cost", "endurance"]
_HEAD: Final = """# Performance of the collector

Written by `python -m benchmarks.collector --write docs/performance.md` and `python -m benchmarks.collector_hour --write docs/performance.md`; do not edit.
"""


def write_section(page: Path, name: Section, text: str) -> None:
    """Replace one section of the page, which need not exist yet; the other stays as it is."""
    known = page.read_text(encoding="utf-8") if page.exists() else ""
    texts: dict[Section, str] = {
        section: found[1]
        for section in get_args(Section)
        if (found := re.search(f"{_mark(section)}\n(.*?)(?=\n<!-- |\\Z)", known, re.DOTALL))
    }
    texts[name] = text
    parts = [
        f"{_mark(section)}\n{texts[section].strip()}\n" for section in get_args(Section) if section in texts
    ]
    page.write_text("\n".join([_HEAD, *parts]), encoding="utf-8")


def _mark(name: Section) -> str:
    return f"<!-- {name} -->"
