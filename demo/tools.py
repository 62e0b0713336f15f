"""Find the servers' binaries, and fetch them where Debian or Ubuntu packages can provide them.

Packages are downloaded and unpacked into `.tools/`, not installed: that needs no root, changes nothing on the
machine, and starts no service.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from demo.errors import DemoError, DownloadError, ToolMissingError

if TYPE_CHECKING:
    from collections.abc import Sequence

ToolName = Literal["prometheus", "promtool", "alertmanager", "amtool"]
TOOL_NAMES: Final[tuple[ToolName, ...]] = get_args(ToolName)
PROJECT_ROOT: Final = Path(__file__).resolve().parents[1]
TOOLS_DIR: Final = PROJECT_ROOT / ".tools"

_BINARIES: Final = {"alertmanager": ("alertmanager", "prometheus-alertmanager")}
_PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
_APT_CONF: Final = """\
Dir::State::Lists "{folder}/lists";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
"""A private apt state; the machine's own hooks are cleared because they act on the machine's state."""
_ASSETS_BUILT_IN: Final = b"/usr/share/prometheus/alertmanager"
_ASSETS_RELOCATED: Final = b"././/share/prometheus/alertmanager"
"""Debian's Alertmanager opens its templates at a path fixed at build time, which does not exist where the package is
only unpacked. The replacement is as long, and is right when Alertmanager's working directory is the unpacked `usr`."""


def tool(name: ToolName, folder: Path = TOOLS_DIR) -> Path:
    """Path of a server binary.

    Args:
        name: Upstream's name of the binary.
        folder: Where `python -m demo.tools` unpacks packages.

    Raises:
        ToolMissingError: Neither on PATH nor in `folder`.
    """
    found = _find(name, folder)
    if found is None:
        raise ToolMissingError([name], "run `python -m demo.tools`, which fetches it")
    return found


def missing(folder: Path = TOOLS_DIR) -> list[ToolName]:
    """Names of the binaries that `tool` would not find."""
    return [name for name in TOOL_NAMES if _find(name, folder) is None]


def ensure(folder: Path = TOOLS_DIR) -> None:
    """Make every tool available; does nothing where all are present.

    Raises:
        ToolMissingError: This system has no apt-get and dpkg.
        DownloadError: The packages cannot be fetched or unpacked.
    """
    absent = missing(folder)
    if not absent:
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise ToolMissingError(
            absent,
            "install Prometheus and Alertmanager (https://prometheus.io/download/) and put them on PATH",
        )
    print(f"{', '.join(absent)} not found; fetching {' and '.join(_PACKAGES)} into {folder} ...", flush=True)  # noqa: T201 - a command's output
    fetch(folder)
    if still := missing(folder):
        raise DownloadError(["dpkg", "-x"], f"the packages do not contain {', '.join(still)}")


def _find(name: ToolName, folder: Path) -> Path | None:
    search_path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(folder / "usr" / "bin")])
    found = (shutil.which(binary, path=search_path) for binary in _BINARIES.get(name, (name,)))
    return next((Path(path) for path in found if path), None)


def fetch(folder: Path, packages: Sequence[str] = _PACKAGES) -> None:
    """Download Debian's or Ubuntu's packages and unpack them, so that `folder/usr` holds what they hold under /usr.

    Raises:
        DownloadError: They cannot be fetched or unpacked.
    """
    # Unpacked beside the final place and swapped, so that an interrupted run leaves no half-written binary.
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="unpack-") as scratch:
        debs, unpacked = Path(scratch, "debs"), Path(scratch, "unpacked")
        debs.mkdir()
        _download(folder, debs, packages)
        for deb in sorted(debs.glob("*.deb")):
            _run(["dpkg", "-x", str(deb), str(unpacked)], cwd=debs)
        _relocate(unpacked / "usr" / "bin" / "prometheus-alertmanager")
        shutil.rmtree(folder / "usr", ignore_errors=True)
        (unpacked / "usr").rename(folder / "usr")


def _relocate(binary: Path) -> None:
    if binary.exists():
        binary.write_bytes(binary.read_bytes().replace(_ASSETS_BUILT_IN, _ASSETS_RELOCATED))


def _download(folder: Path, debs: Path, packages: Sequence[str]) -> None:
    """Download with the machine's package lists, or, where it has none, with lists of our own."""
    state = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    conf = state / "apt.conf"
    conf.write_text(_APT_CONF.format(folder=state))
    download = ["download", *packages]
    try:
        _run(["apt-get", "-o", "APT::Sandbox::User=root", *download], cwd=debs)
    except DownloadError:
        _run(["apt-get", "-c", str(conf), "update"], cwd=debs)
        _run(["apt-get", "-c", str(conf), *download], cwd=debs)


def _run(command: Sequence[str], cwd: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise DownloadError(command, lines[0])


def main() -> int:
    """Make the tools available and say where they are."""
    try:
        ensure()
    except DemoError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    for name in TOOL_NAMES:
        print(f"{name:13} {tool(name)}")  # noqa: T201 - a command's output
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
