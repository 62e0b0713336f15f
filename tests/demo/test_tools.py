from __future__ import annotations

from pathlib import Path

import pytest

from demo import tools
from demo.errors import ToolMissingError


def make_binary(path: Path) -> Path:
    """An executable file that does nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_debians_name_of_alertmanager_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with Debian's package has `prometheus-alertmanager` and needs no download."""
    binary = make_binary(tmp_path / "bin" / "prometheus-alertmanager")
    monkeypatch.setenv("PATH", str(binary.parent))
    assert tools.tool("alertmanager", tmp_path) == binary


def test_path_comes_before_the_unpacked_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A binary that the user has installed is preferred to the downloaded one."""
    installed = make_binary(tmp_path / "bin" / "prometheus")
    make_binary(tmp_path / "usr" / "bin" / "prometheus")
    monkeypatch.setenv("PATH", str(installed.parent))
    assert tools.tool("prometheus", tmp_path) == installed


def test_a_missing_tool_names_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lacks a binary reads which, and what to run."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError) as caught:
        tools.tool("promtool", tmp_path)
    assert str(caught.value) == "promtool not found: run `python -m demo.tools`, which fetches it."


def test_other_systems_are_told_in_one_line_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without apt-get nothing is tried; one line says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError) as caught:
        tools.ensure(tmp_path)
    assert str(caught.value) == (
        "prometheus, promtool, alertmanager, amtool not found: install Prometheus and Alertmanager "
        "(https://prometheus.io/download/) and put them on PATH."
    )


def test_nothing_is_fetched_where_all_tools_are_present(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second set-up returns at once and leaves the folder alone."""
    for name in tools.TOOL_NAMES:
        make_binary(tmp_path / "bin" / name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tools.ensure(tmp_path / "tools")
    assert not (tmp_path / "tools").exists()


def test_without_package_lists_apt_works_on_lists_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the machine knows no packages, lists are fetched into the project's folder, then the packages."""
    log = tmp_path / "log"
    apt = make_binary(tmp_path / "bin" / "apt-get")
    apt.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncase "$1" in -o) echo no lists >&2; exit 100;; esac\n')
    dpkg = make_binary(tmp_path / "bin" / "dpkg")
    dpkg.write_text("#!/bin/sh\nexit 0\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    folder = tmp_path / "tools"
    with pytest.raises(FileNotFoundError):  # the stand-ins deliver no package
        tools.fetch(folder)
    conf = folder / "apt" / "apt.conf"
    assert log.read_text().splitlines()[1:] == [
        f"-c {conf} update",
        f"-c {conf} download prometheus prometheus-alertmanager",
    ]
    assert f'Dir::State::Lists "{folder}/apt/lists";' in conf.read_text()


def test_the_unpacked_alertmanager_looks_for_its_files_beside_itself(tmp_path: Path) -> None:
    """Debian's fixed path is replaced in place, without moving a byte of the rest."""
    binary = tmp_path / "prometheus-alertmanager"
    binary.write_bytes(b"\x00head/usr/share/prometheus/alertmanager/ui/tail")
    tools._relocate(binary)
    assert binary.read_bytes() == b"\x00head././/share/prometheus/alertmanager/ui/tail"
