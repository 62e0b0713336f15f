"""The README shows what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PORTUGUESE = (ROOT / "README.pt-BR.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "README.pt-BR.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_the_snippet_is_the_example() -> None:
    """What the README shows is the file that is run."""
    [shown] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    example = (ROOT / "examples" / "python_face.py").read_text(encoding="utf-8")
    assert example.split('"""\n', 2)[-1].strip() == shown.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    """No link of our pages is dead."""
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_portuguese_readme_says_the_same() -> None:
    """Who reads Portuguese types the same commands, opens the same addresses and finds the same pages."""
    blocks = re.findall(r"^```\w*\n(.*?)```", PORTUGUESE, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    for line in {line for block in blocks for line in block.splitlines()}:
        assert line in README, line
    for pattern in (r"<(http[^>]+)>", r"\]\((docs/[^)]+)\)"):
        assert set(re.findall(pattern, PORTUGUESE)) == set(re.findall(pattern, README)), pattern
    assert PORTUGUESE.count("\n## ") == README.count("\n## ")


def test_every_make_target_of_the_readme_exists() -> None:
    """A command that the README names can be typed."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert named
    assert named <= targets


def test_every_make_target_has_a_help_line() -> None:
    """`make help` lists all there is."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = [line for line in lines if re.match(r"^[a-z-]+:(?!=)", line)]
    assert targets
    assert [line for line in targets if "## " not in line] == []
