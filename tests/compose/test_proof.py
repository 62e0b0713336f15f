"""The proof itself: what it leaves out for old versions, and that it is skipped in the engine's own words only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.compose.derive import REFUSED_BY_OLD_COMPOSE, REFUSED_BY_OLD_ENGINE, derive, refused
from tests.compose.proof import SKIPPED, page
from tests.compose.stack import FILE, ROOT
from tests.compose.standins import _without_address

if TYPE_CHECKING:
    from pathlib import Path


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


def test_it_is_skipped_in_the_engine_s_own_words(tmp_path: Path) -> None:
    """Where no engine can be had, its own error is shown and nothing is claimed."""
    scripts = {
        "docker": "exit 1",
        "dockerd": "echo 'failed to mount overlay: operation not permitted' >&2; exit 1",
        "docker-compose": "exit 1",
        "debootstrap": "exit 1",
        "iptables": "exit 1",
    }
    for name, body in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "tests.compose.proof", "--write", str(tmp_path / "page.md")],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "COMPOSE_TEST_CACHE": str(tmp_path / "cache"),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == SKIPPED, done.stderr
    assert "failed to mount overlay: operation not permitted" in done.stdout
    assert "holds" not in done.stdout
    assert not (tmp_path / "page.md").exists()


def test_the_page_keeps_one_output_for_each_pair_of_versions(tmp_path: Path) -> None:
    """A new run replaces what the same engine and compose said, and nothing else."""
    path = tmp_path / "page.md"
    for engine, told in (("1", "old"), ("2", "other"), ("1", "new")):
        path.write_text(page(path, [f"engine {engine}, compose 2", told]), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert text.count("\n```\nengine") == 2
    assert ("new" in text, "other\n" in text, "old\n" in text) == (True, True, False)


def test_the_page_names_no_host() -> None:
    """Whom a machine asks for images is not told to the world."""
    said = 'Error: Get "https://registry.example/v2/": dial tcp: lookup registry.example on 192.0.2.1:53: no such host'
    assert _without_address(said) == "Error: Get the registry: dial tcp: lookup of its name: no such host"
