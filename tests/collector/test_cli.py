"""The command line and the environment variables."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import collector
from collector.cli import app
from collector.errors import ConfigError
from collector.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_example_is_valid() -> None:
    """The configuration that we ship passes its own check."""
    result = CliRunner().invoke(app, ["check", "--config", "collector/apis.yml"])
    assert (result.exit_code, result.output) == (0, "collector/apis.yml: no errors, 2 APIs\n")


@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_configuration(tmp_path: Path, command: str) -> None:
    """A wrong file ends either command with exit status 1 and the message, without a traceback."""
    path = tmp_path / "apis.yml"
    path.write_text("apis: [{name: A, url: 'http://a.example', intervall: 1}]", encoding="utf-8")
    result = CliRunner().invoke(app, [command, "--config", str(path)])
    expected = f"rapidapi-collector: {path}:1: apis[0].intervall: unknown key; did you mean `interval`?\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", expected)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"COLLECTOR_PORT": "http"},
            "environment: COLLECTOR_PORT: 'http' is no port; set a number from 0 to 65535, or leave it unset",
        ),
        (
            {"COLLECTOR_PORT": "65536"},
            "environment: COLLECTOR_PORT: '65536' is no port; set a number from 0 to 65535, or leave it unset",
        ),
        (
            {"LOG_LEVEL": "loud"},
            "environment: LOG_LEVEL: 'LOUD' is no level; set DEBUG, INFO, WARNING or ERROR",
        ),
    ],
)
def test_bad_environment(environ: dict[str, str], message: str) -> None:
    """A wrong environment variable is named, with what to set instead."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_environ(environ)
    assert str(caught.value) == message


def _checked(path: Path, **environ: str) -> list[str]:
    """Return what `check` complains of; a hanging one fails the test."""
    command = [sys.executable, "-m", "collector", "check", "--config", str(path)]
    told = subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, timeout=30, check=False
    )
    assert told.returncode == 1
    return told.stderr.splitlines()


def test_a_pipe_is_no_configuration(tmp_path: Path) -> None:
    """A named pipe is refused wherever a file is meant, instead of waited for: as the configuration, or for a secret."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert f"{pipe}: cannot be read (not a regular file)" in _checked(pipe)[0]
    config = tmp_path / "apis.yml"
    config.write_text(
        "apis:\n"
        "  - {name: A, url: 'https://a.example', bearer: {token_file: pipe}}\n"
        "  - {name: B, url: 'https://b.example', tls: {ca_file: pipe}}\n"
        "  - {name: C, url: 'https://c.example', bearer: {token: '${KEY}'}}\n"
    )
    told = _checked(config, KEY_FILE=str(pipe))
    assert [line.split("(")[-1].split(")")[0] for line in told] == ["not a regular file"] * 3
    assert ["token_file" in told[0], "ca_file" in told[1], "KEY_FILE" in told[2]] == [True] * 3


def test_handover_folder(tmp_path: Path) -> None:
    """A folder that is missing, or in which everybody may claim anything, is refused at the start."""
    missing = tmp_path / "missing"
    with pytest.raises(ConfigError, match="is no folder; create it, or leave it unset"):
        Settings.from_environ({"COLLECTOR_HANDOVER_DIR": str(missing)})
    missing.mkdir()
    missing.chmod(0o2770)
    assert Settings.from_environ({"COLLECTOR_HANDOVER_DIR": str(missing)}).handover_dir == missing
    missing.chmod(0o1777)
    with pytest.raises(ConfigError, match=r"everybody may write to .*; give it to a group: chmod 2770"):
        Settings.from_environ({"COLLECTOR_HANDOVER_DIR": str(missing)})


def test_settings() -> None:
    """Variables that are unset or empty leave the defaults; the others decide."""
    assert Settings.from_environ({"COLLECTOR_PORT": ""}) == Settings("127.0.0.1", 9101, "production", "INFO")
    environ = {"COLLECTOR_HOST": "::1", "COLLECTOR_PORT": "1", "ENVIRONMENT": "lab", "LOG_LEVEL": "debug"}
    assert Settings.from_environ(environ) == Settings("::1", 1, "lab", "DEBUG")


def test_public_names() -> None:
    """What the package offers is there, under the names that it promises."""
    assert collector.__all__ == [
        "CollectorError",
        "ConfigError",
        "Handover",
        "InstrumentedAsyncClient",
        "InstrumentedClient",
        "InstrumentedSession",
        "__version__",
        "aiohttp_trace",
        "shared_registry",
    ]
    assert all(hasattr(collector, name) for name in collector.__all__)
    assert not hasattr(collector, "InstrumentedSesion")


def test_names_cost_nothing() -> None:
    """Who only wants the metric names, or measures one HTTP client, does not load the prober or the other clients."""
    code = (
        "import sys, collector.contract; sys.exit({'aiohttp', 'httpx', 'requests'} & {*sys.modules} != set())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = "import sys; from collector import InstrumentedSession; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
