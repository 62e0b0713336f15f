"""A container engine to prove things on: the one that runs, or Debian's, started by hand and ended again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.compose.shell import CommandError, run

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE: Final = Path(
    os.environ.get("COMPOSE_TEST_CACHE") or Path.home() / ".cache" / "rapidapi-ml" / "compose"
)
PACKAGES: Final = {
    "dockerd": "docker.io",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
}
_START_SECONDS: Final = 60.0


class EngineError(Exception):
    """No engine can be had; the message is its own."""


def answers(host: str | None = None) -> bool:
    """Whether an engine answers there."""
    environment = os.environ if host is None else {**os.environ, "DOCKER_HOST": host}
    try:
        run("docker", "version", env=environment, timeout=30)
    except (CommandError, OSError, subprocess.TimeoutExpired):
        return False
    return True


@contextmanager
def engine() -> Iterator[str]:
    """Yield a sentence about the engine that `docker` reaches while the context lasts.

    Raises:
        EngineError: There is none, and none can be started.
    """
    if answers():
        yield "the engine that runs on this machine"
        return
    _install()
    with _started() as host:
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = host
        try:
            yield "dockerd, started by hand"
        finally:
            if before is None:
                del os.environ["DOCKER_HOST"]
            else:
                os.environ["DOCKER_HOST"] = before


def _install() -> None:
    absent = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if not absent:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EngineError(
            f"no engine answers, and {', '.join(absent)} can only be installed by root with apt-get"
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        run("apt-get", "update", "-qq", env=quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *absent, env=quiet)
    except CommandError as error:
        raise EngineError(str(error)) from error


@contextmanager
def _started() -> Iterator[str]:
    """Start dockerd with a state of its own; images stay in the cache for the next time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rapidapi-ml-engine-") as folder:
        host = f"unix://{folder}/docker.sock"
        log = Path(folder, "dockerd.log")
        command = [
            "dockerd", "--host", host, "--data-root", str(CACHE / "engine"), "--exec-root", f"{folder}/exec",
            "--pidfile", f"{folder}/dockerd.pid", "--bridge", "none",
        ]  # fmt: skip
        with log.open("wb") as output:
            daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not answers(host):
                if daemon.poll() is not None or time.monotonic() > deadline:
                    raise EngineError(
                        f"dockerd does not start: {log.read_text(errors='replace').strip()[-2000:]}"
                    )
                time.sleep(0.5)
            yield host
        finally:
            daemon.terminate()
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
            _unmount(folder)


def _unmount(folder: str) -> None:
    """Unmount what the daemon leaves mounted below its folder, the host's network namespace for one."""
    mounts = [
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    ]
    for mount in reversed([mount for mount in mounts if mount.startswith(f"{folder}/")]):
        run("umount", mount)


def version() -> tuple[int, ...]:
    """The engine's version."""
    text = run("docker", "version", "--format", "{{.Server.Version}}").strip()
    return tuple(int(part) for part in text.split("+")[0].split("-")[0].split("."))
