"""The proof itself: what it leaves out for old versions, and that it is skipped in the engine's own words only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.compose import engine, images
from tests.compose.derive import REFUSED_BY_OLD_COMPOSE, REFUSED_BY_OLD_ENGINE, derive, refused
from tests.compose.errors import EngineError, NotProvedError
from tests.compose.proof import SKIPPED, page
from tests.compose.running import until
from tests.compose.shell import CommandError, run
from tests.compose.stack import FILE, ROOT
from tests.compose.standins import PYTHON_IMAGE, _without_address


@pytest.mark.parametrize(
    ("compose", "engine", "expected"),
    [
        ((1, 29, 2), (20, 10, 24), {*REFUSED_BY_OLD_COMPOSE, *REFUSED_BY_OLD_ENGINE}),
        ((2, 26, 1), (20, 10, 24), set(REFUSED_BY_OLD_ENGINE)),
        ((2, 20, 2), (25, 0, 0), set()),
    ],
)
def test_only_old_versions_are_spared(
    compose: tuple[int, ...], engine: tuple[int, ...], expected: set[str]
) -> None:
    """What people have today gets the file as it is."""
    assert refused(compose, engine) == expected


def test_every_key_that_is_left_out_is_there_and_nothing_else_goes() -> None:
    """The derived file differs by the asserted keys, by what cannot be pulled, and by where secrets lie."""
    derived, dropped = derive(FILE, REFUSED_BY_OLD_COMPOSE, ["grafana"], "/elsewhere")
    assert dropped == set(REFUSED_BY_OLD_COMPOSE)
    assert FILE["services"].keys() - derived["services"].keys() == {"grafana"}
    assert derived["secrets"] == {name: {"file": f"/elsewhere/{name}"} for name in FILE["secrets"]}
    text = json.dumps(derived["services"])
    assert not [
        key for key in ("start_interval", "required", "pids", "create_host_path") if f'"{key}"' in text
    ]
    for name, service in derived["services"].items():
        original = FILE["services"][name]
        assert original.keys() - service.keys() <= {"build"}
        for key in original.keys() - {"build", "depends_on", "healthcheck", "deploy", "volumes"}:
            assert service[key] == original[key]


def _environment(folder: Path, scripts: dict[str, str]) -> dict[str, str]:
    """Environment in which these scripts come before the machine's programs, none of which is in an `sbin`."""
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}:/usr/bin:/bin",
        "COMPOSE_TEST_CACHE": str(folder / "cache"),
    }


def _proof(folder: Path, scripts: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.compose.proof", *arguments],
        env=_environment(folder, scripts),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_skipped_in_the_engine_s_own_words(tmp_path: Path) -> None:
    """Where no engine can be had, its own error is shown and nothing is claimed."""
    scripts = {
        "docker": "exit 1",
        "dockerd": "echo 'failed to mount overlay: operation not permitted' >&2; exit 1",
        "docker-compose": "exit 1",
        "debootstrap": "exit 1",
        "iptables": "exit 1",
        "ip": "exit 1",
        "mount": "exit 0",
        "unshare": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    }
    done = _proof(tmp_path, scripts, "--write", str(tmp_path / "page.md"))
    assert done.returncode == SKIPPED, done.stderr
    assert "failed to mount overlay: operation not permitted" in done.stdout
    assert "holds" not in done.stdout
    assert not (tmp_path / "page.md").exists()


def test_it_is_skipped_where_no_engine_can_be_installed(tmp_path: Path) -> None:
    """Without a network, what apt-get says of it is shown; who is not root is told that only root can install."""
    scripts = {
        "docker": "exit 1",
        "apt-get": "echo 'E: Temporary failure resolving the mirror' >&2; exit 100",
    }
    done = _proof(tmp_path, scripts, "--images")
    assert done.returncode == SKIPPED, done.stderr
    expected = "E: Temporary failure" if os.geteuid() == 0 else "can only be installed by root"
    assert expected in done.stdout


@pytest.mark.parametrize("refused_command", ["run", "network"])
def test_an_engine_that_runs_no_container_is_none(
    refused_command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the engine starts but the machine lets no container run, that is told as the engine's error."""

    def refuse(*command: str) -> str:
        if command[1] == refused_command:
            raise CommandError(command, 125, "runc create failed: no cgroup mount found")
        return ""

    monkeypatch.setattr(engine, "run", refuse)
    with pytest.raises(EngineError, match="no cgroup mount found"):
        engine.try_out("image", "network")


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root, as the engine does")
def test_nothing_outlives_a_proof_that_is_killed(tmp_path: Path) -> None:
    """A kill -9 of the proof ends the engine that it has started, and what that has mounted is gone."""
    scripts = {
        "docker": "exit 1",
        "dockerd": f"readlink /proc/self/ns/pid > {tmp_path}/started; exec sleep 600",
        **dict.fromkeys(("docker-compose", "debootstrap", "iptables", "ip"), "exit 1"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.compose.proof"],
        env=_environment(tmp_path, scripts),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    ) as proof:
        until("the engine is started", lambda: _text(tmp_path / "started"), 30)
        namespace = _text(tmp_path / "started").strip()
        assert _inhabitants(namespace)
        proof.kill()
    until("nobody is left", lambda: not _inhabitants(namespace), 30)
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _inhabitants(namespace: str) -> list[str]:
    """Processes of a namespace, by its name."""
    found = []
    for link in Path("/proc").glob("[0-9]*/ns/pid"):
        with suppress(OSError):  # it may have ended
            if str(link.readlink()) == namespace:
                found.append(link.parts[2])
    return found


def test_two_proofs_keep_out_of_each_other_s_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run on the same cache says so and touches nothing; the next one finds no scraps of the first."""
    monkeypatch.setattr(engine, "CACHE", tmp_path)
    monkeypatch.setattr(engine, "SCRATCH", tmp_path / "scratch")
    with engine.alone():
        (tmp_path / "scratch" / "scrap").touch()
        with pytest.raises(NotProvedError, match="another run is at work"), engine.alone():
            pass
        assert (tmp_path / "scratch" / "scrap").exists()
    with engine.alone():
        assert not list((tmp_path / "scratch").iterdir())


def test_an_engine_that_others_use_keeps_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulled images stay, stand-ins go, and the name of ours leads to the build that it led to before."""
    held = {images.OUR_IMAGE: "our earlier build", "grafana/grafana:13.2.3": "official"}
    calls = []
    monkeypatch.setattr(images, "identity", held.get)
    monkeypatch.setattr(images, "stands_in", lambda name: held[name].startswith("stand-in"))
    monkeypatch.setattr(images, "run", lambda *command: calls.append(command[1:]))
    with images.borrowed():
        held[images.OUR_IMAGE] = "stand-in built upon"
        held["prom/prometheus:v3.14.0"] = "pulled"
        held["prom/alertmanager:v0.32.1"] = "stand-in of Alertmanager"
        held[PYTHON_IMAGE] = "stand-in of Python"
    assert calls == [
        ("image", "rm", images.OUR_IMAGE),
        ("tag", "our earlier build", images.OUR_IMAGE),
        ("image", "rm", "prom/alertmanager:v0.32.1"),
        ("image", "rm", PYTHON_IMAGE),
        ("image", "prune", "--force", "--filter=label=org.rapidapi-ml.stand-in"),
    ]


def test_a_command_that_hangs_is_ended_with_all_it_has_started() -> None:
    """The proof ends in time even where a grandchild holds on to the output."""
    with pytest.raises(CommandError, match=r"started\nno end within 1 s"):
        run("sh", "-c", "echo started >&2; sleep 600 & sleep 600", timeout=1)


def test_a_program_that_is_not_there_is_an_ordinary_failure() -> None:
    """No traceback where a machine lacks a program."""
    with pytest.raises(CommandError, match="No such file"):
        run("no-such-program")


def test_ci_runs_the_proof_and_lets_no_failure_pass() -> None:
    """What does not hold on the engine fails CI; only an engine that cannot be had does not."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert '"${proof[@]}" --images' in text
    assert '"${proof[@]}" --short || [ $? = 77 ]' in text


def test_the_page_keeps_one_output_for_each_pair_of_versions(tmp_path: Path) -> None:
    """A new run replaces what the same engine and compose said, and nothing else."""
    path = tmp_path / "page.md"
    for versions, told in (("1", "old"), ("2", "other"), ("1", "new")):
        path.write_text(page(path, [f"engine {versions}, compose 2", told]), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert text.count("\n```\nengine") == 2
    assert ("new" in text, "other\n" in text, "old\n" in text) == (True, True, False)


def test_the_page_names_no_host() -> None:
    """Whom a machine asks for images is not told to the world."""
    said = 'Error: Get "https://registry.example/v2/": dial tcp: lookup registry.example on 192.0.2.1:53: no such host'
    assert _without_address(said) == "Error: Get the registry: dial tcp: lookup of its name: no such host"
