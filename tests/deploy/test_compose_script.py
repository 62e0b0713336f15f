"""deploy/compose.sh: what `make up` and its sisters ask compose to do, and what they say."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import pytest

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: Final = """\
#!/bin/sh
# Writes down what it is asked; fails where it is told to.
echo "$*" >> "$(dirname "$0")/asked"
case "$*" in
  *" up "*|"up "*) exit ${UP_FAILS:-0} ;;
  *" port ml_sidecar "*) echo 127.0.0.1:8080 ;;
  *" logs "*) echo "check_collector | unknown key; did you mean interval?" ;;
esac
"""


class Outcome(NamedTuple):
    """What the script printed, how it ended, and what compose was asked."""

    said: str
    code: int
    asked: list[str]


class Scripts:
    """The scripts in a folder of their own, with a compose that only listens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(DEPLOY, folder / "deploy")
        (folder / "compose").write_text(COMPOSE, encoding="utf-8")
        (folder / "compose").chmod(0o755)

    def run(self, action: str, **environment: str) -> Outcome:
        """Run one action."""
        done = subprocess.run(
            ["sh", str(self.folder / "deploy" / "compose.sh"), action],
            env={**os.environ, "COMPOSE": str(self.folder / "compose"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        asked = (self.folder / "asked").read_text(encoding="utf-8").splitlines()
        return Outcome(
            done.stdout + done.stderr, done.returncode, [line for line in asked if line != "version"]
        )


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Scripts in a folder without settings."""
    return Scripts(tmp_path)


def test_up_starts_the_stack_alone_and_tells_the_urls(scripts: Scripts) -> None:
    """No demo, a password is made, and what runs is named with its address."""
    outcome = scripts.run("up")
    assert outcome.code == 0
    assert outcome.asked[0] == "up --detach --build --wait --wait-timeout 300"
    assert (scripts.folder / "secrets" / "grafana_admin_password").exists()
    assert "sidecar         http://127.0.0.1:8080/" in outcome.said
    assert "Grafana         http" not in outcome.said  # it does not run here


def test_up_demo_waits_for_scores(scripts: Scripts) -> None:
    """The demo's settings win over one's own, and it is done when every API is scored."""
    (scripts.folder / ".env").write_text("GRAFANA_PORT=3001\n", encoding="utf-8")
    started, waited, *_ = scripts.run("up-demo").asked
    options = "--env-file .env --env-file demo/compose.env --profile demo"
    assert started == f"{options} up --detach --build --wait --wait-timeout 300"
    assert waited.startswith(f"{options} exec -T ml_sidecar python -c")


@pytest.mark.parametrize("action", ["up", "up-demo"])
def test_a_start_that_fails_says_why(scripts: Scripts, action: str) -> None:
    """Compose only says which check failed; the check's own words follow."""
    outcome = scripts.run(action, UP_FAILS="1")
    assert outcome.code == 1
    assert "did you mean interval?" in outcome.said
    assert "http://" not in outcome.said


def test_down_ends_the_demo_as_well_and_keeps_the_volumes(scripts: Scripts) -> None:
    """Whichever way it was started, nothing is left running, and history and models stay."""
    assert scripts.run("down").asked == ["--env-file demo/compose.env --profile demo down"]


def test_without_compose_it_says_what_to_install(tmp_path: Path) -> None:
    """A machine without Docker gets a sentence, not a shell's error."""
    scripts = Scripts(tmp_path)
    (tmp_path / "asked").touch()
    outcome = scripts.run("up", COMPOSE=str(tmp_path / "nothing"))
    assert outcome.code == 1
    assert "install Docker with its compose plugin" in outcome.said
