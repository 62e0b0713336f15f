"""The systemd units: valid, hardened, and installed by a script that can be run again."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from collector.settings import Settings
from ml_sidecar.config import Environment

ROOT: Final = Path(__file__).resolve().parents[2]
UNITS: Final = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
EXPOSURE: Final = 1.5
"""What systemd may find open at most, of 10; a unit without any hardening has 9.6."""
TARGETS: Final = (
    "sysinit.target",
    "basic.target",
    "multi-user.target",
    "network-online.target",
    "shutdown.target",
    "umount.target",
)
analyzed = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def install(root: Path) -> str:
    """Install below a folder, without the virtual environment; return what the script says."""
    command = ["sh", str(ROOT / "deploy/systemd/install.sh"), "--root", str(root), "--no-python"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def unit(path: Path) -> str:
    """Text of a unit."""
    return path.read_text(encoding="utf-8")


def programs(text: str) -> set[str]:
    """Programs that a unit starts."""
    return set(re.findall(r"^Exec\w+=(\S+)", text, re.MULTILINE))


@analyzed
def test_the_units_are_valid(tmp_path: Path) -> None:
    """Systemd has nothing against the installed units: no unknown key, no program that is missing."""
    install(tmp_path)
    for name in set().union(*(programs(unit(path)) for path in UNITS)):
        program = tmp_path / name.lstrip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
    for target in TARGETS:
        (tmp_path / "etc/systemd/system" / target).write_text("[Unit]\n", encoding="utf-8")
    for path in UNITS:
        installed = tmp_path / "etc/systemd/system" / path.name
        done = subprocess.run(
            [
                "systemd-analyze",
                "verify",
                "--man=no",
                f"--root={tmp_path}",
                str(installed.relative_to(tmp_path)),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        ours = [line for line in done.stderr.splitlines() if "rapidapi" in line]
        assert ours == [], path.name


@analyzed
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_the_units_are_hardened(path: Path) -> None:
    """What systemd finds exposed of a service is little: no root, no capability, a read-only system, few calls."""
    command = [
        "systemd-analyze",
        "security",
        "--no-pager",
        "--offline=true",
        f"--threshold={EXPOSURE * 10:.0f}",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_a_second_installation_changes_nothing(tmp_path: Path) -> None:
    """The script can be run again: it says what it did the first time and finds nothing to do the second."""
    assert install(tmp_path).count("installed ") == 8
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert "installed " not in install(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_update_keeps_what_was_configured_and_renews_the_units(tmp_path: Path) -> None:
    """One's own list of APIs, settings and key survive; a unit of an older version does not."""
    install(tmp_path)
    own = {"apis.yml": "apis: []\n", "sidecar.env": "LOG_LEVEL=DEBUG\n", "secrets/rapidapi_key": "key\n"}
    for name, text in own.items():
        (tmp_path / "etc/rapidapi-ml" / name).write_text(text, encoding="utf-8")
    old = tmp_path / "etc/systemd/system" / UNITS[0].name
    old.write_text("[Unit]\n", encoding="utf-8")
    install(tmp_path)
    assert {name: (tmp_path / "etc/rapidapi-ml" / name).read_text(encoding="utf-8") for name in own} == own
    assert unit(old) == unit(UNITS[0])


def test_nobody_else_reads_the_key(tmp_path: Path) -> None:
    """The folder of secrets and the key in it are root's; the collector is handed the key by systemd."""
    install(tmp_path)
    secrets = tmp_path / "etc/rapidapi-ml/secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "rapidapi_key").stat().st_mode & 0o777 == 0o600
    collector = unit(ROOT / "deploy/systemd/rapidapi-collector.service")
    assert "LoadCredential=rapidapi_key:/etc/rapidapi-ml/secrets/rapidapi_key" in collector
    assert "RAPIDAPI_KEY_FILE=%d/rapidapi_key" in collector


def test_every_setting_that_is_offered_is_known() -> None:
    """The example of the sidecar's settings names variables that the sidecar reads."""
    offered = re.findall(
        r"^#([A-Z_]+)=", (ROOT / "deploy/systemd/sidecar.env").read_text("utf-8"), re.MULTILINE
    )
    assert offered
    assert {name.lower() for name in offered} <= set(Environment.model_fields)


def test_every_setting_of_the_collector_is_offered() -> None:
    """The example of the collector's settings names every variable that the collector reads, and no other."""
    offered = re.findall(
        r"^#([A-Z_]+)=", (ROOT / "deploy/systemd/collector.env").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(offered) == sorted(re.findall(r"\(`([A-Z_]+)`\)", Settings.__doc__ or ""))
