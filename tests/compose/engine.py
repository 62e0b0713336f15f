"""A container engine to prove things on: the one that runs, or Debian's, started by hand and ended again."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.compose.errors import EngineError, NotProvedError
from tests.compose.shell import CommandError, run

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE: Final = Path(
    os.environ.get("COMPOSE_TEST_CACHE") or Path.home() / ".cache" / "rapidapi-ml" / "compose"
)
SCRATCH: Final = CACHE / "scratch"
PACKAGES: Final = {
    "dockerd": "docker.io",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "ip": "iproute2",
}
_START_SECONDS: Final = 60.0


def answers() -> bool:
    """Whether `docker` reaches an engine."""
    try:
        run("docker", "version", timeout=30)
    except CommandError:
        return False
    return True


@contextmanager
def alone() -> Iterator[None]:
    """Keep other runs out while the context lasts, and give an empty folder to work in.

    Raises:
        NotProvedError: Another run has the cache.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotProvedError(
                f"another run is at work in {CACHE}; await its end, or name another folder in COMPOSE_TEST_CACHE"
            ) from None
        shutil.rmtree(SCRATCH, ignore_errors=True)  # a run that was killed leaves it
        SCRATCH.mkdir()
        try:
            yield
        finally:
            shutil.rmtree(SCRATCH)


def install(*programs: str) -> None:
    """Install the packages of these programs where they are absent.

    Raises:
        EngineError: They cannot be installed.
    """
    absent = [PACKAGES[program] for program in programs if shutil.which(program) is None]
    if not absent:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EngineError(
            f"{', '.join(absent)} can only be installed by root with apt-get, and no engine answers without"
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = ("install", "-y", "-qq", "--no-install-recommends", *absent)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # packages are not to be left half installed
    try:
        run("apt-get", "update", "-qq", env=quiet)
        run("apt-get", "-o", "DPkg::Lock::Timeout=120", *packages, env=quiet)
    except CommandError as error:
        raise EngineError(str(error)) from error
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def started(*options: str) -> Iterator[None]:
    """Start dockerd for `docker` to reach while the context lasts; in the cache it keeps images, and nothing else.

    It wants a sandbox around it: what it mounts, and whatever outlives it, is left to that.

    Raises:
        EngineError: It does not start; the message is its own.
    """
    place = CACHE / "run"
    place.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "tmpfs", str(place))
    shutil.rmtree(CACHE / "engine" / "network", ignore_errors=True)  # of a run that was killed
    folder = tempfile.mkdtemp(dir=place)
    os.environ["DOCKER_HOST"] = f"unix://{folder}/docker.sock"
    log = Path(folder, "dockerd.log")
    command = [
        "dockerd", "--host", os.environ["DOCKER_HOST"], "--data-root", str(CACHE / "engine"),
        "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/dockerd.pid", "--bridge", "none", *options,
    ]  # fmt: skip
    with log.open("wb") as output:
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _await(daemon, log)
        if left := run("docker", "ps", "--all", "--quiet").split():
            run("docker", "rm", "--force", "--volumes", *left)
        yield
    finally:
        del os.environ["DOCKER_HOST"]
        daemon.terminate()
        try:
            daemon.wait(60)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _await(daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise EngineError(f"dockerd does not start: {log.read_text(errors='replace').strip()[-2000:]}")
        time.sleep(0.5)


def try_out(image: str, network: str | None = None) -> None:
    """Run a container that does nothing, in a network made for it where that has a name.

    Raises:
        EngineError: An engine that cannot do that much is none; the message is its own.
    """
    command = ["docker", "run", "--rm", "--init", "--read-only", "--cap-drop=ALL", "--entrypoint=/bin/true"]
    try:
        if network is None:
            run(*command, "--network=none", image)
        else:
            run("docker", "network", "create", network)
            try:
                run(*command, f"--network={network}", "--publish=127.0.0.1::80", image)
            finally:
                run("docker", "network", "rm", network)
    except CommandError as error:
        raise EngineError(str(error)) from error


def version() -> tuple[int, ...]:
    """The engine's version."""
    text = run("docker", "version", "--format", "{{.Server.Version}}").strip()
    return tuple(int(part) for part in text.split("+")[0].split("-")[0].split("."))
