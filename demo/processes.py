"""Start servers as child processes, wait until they are ready, and end them by their process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import requests

from demo.errors import ProcessError
from demo.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LOOPBACK: Final = "127.0.0.1"
_POLL_SECONDS: Final = 0.1
_TAIL_LINES: Final = 15


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A child in a session of its own, so that Ctrl-C in the terminal reaches only its parent.

    Args:
        name: What people call it in messages.
        command: Program and arguments.
        log: File that receives its output, after what it holds already.
        environment: Variables on top of the parent's.
        cwd: Working directory; the parent's by default.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its process group."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._child.poll() is None

    def tail(self) -> str:
        """Last lines of its log."""
        with self.log.open(errors="replace") as lines:
            return "".join(deque(lines, maxlen=_TAIL_LINES)).rstrip()

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        return f"ended with code {self._child.returncode}"

    def check(self) -> None:
        """Raise ProcessError if the process has ended."""
        if not self.running:
            raise ProcessError(self.name, self.ended, self.log, self.tail())

    def wait_ready(self, url: str, timeout: float = 30.0) -> None:
        """Wait until GET `url` answers 200.

        Raises:
            ProcessError: It ended, or was not ready within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not answers(url):
            self.check()
            if time.monotonic() > deadline:
                raise ProcessError(
                    self.name, f"was not ready after {timeout:g} s ({url})", self.log, self.tail()
                )
            time.sleep(_POLL_SECONDS)

    def terminate(self) -> None:
        """Ask the process to end, and do not wait."""
        if self.running:
            self._child.terminate()

    def stop(self, grace: float = 10.0) -> None:
        """End the process: SIGTERM, then SIGKILL after `grace` seconds; also what it left behind in its group."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(grace)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether GET `url` answers with success within `timeout` seconds."""
    try:
        return requests.get(url, timeout=timeout).ok
    except requests.RequestException:
        return False


class Server(NamedTuple):
    """A server that is ready: its base URL without a final slash, and its process."""

    url: str
    process: Process


@contextmanager
def running(process: Process, url: str, ready_path: str, timeout: float = 30.0) -> Iterator[Server]:
    """Wait until `url + ready_path` answers 200, yield the server, and stop it at the end whatever happens."""
    try:
        process.wait_ready(url + ready_path, timeout)
        yield Server(url, process)
    finally:
        process.stop()


@contextmanager
def start_prometheus(
    directory: Path, config: str, port: int | None = None, flags: Sequence[str] = ()
) -> Iterator[Server]:
    """A Prometheus on loopback, ready; stopped when the context ends.

    Args:
        directory: Holds `prometheus.yml` (written here), `data/` and `prometheus.log`. Starting again with the
            same directory finds the same data; rule files may be named relative to it.
        config: Text of the configuration.
        port: A free one by default.
        flags: Further command-line flags.
    """
    port = port or free_port()
    process = prometheus_process(directory, config, port, flags)
    with running(process, f"http://{LOOPBACK}:{port}", "/-/ready") as server:
        yield server


@contextmanager
def start_alertmanager(
    directory: Path, config: str, port: int | None = None, flags: Sequence[str] = ()
) -> Iterator[Server]:
    """An Alertmanager on loopback without a cluster port, ready; stopped when the context ends.

    Args:
        directory: Holds `alertmanager.yml` (written here), `data/` and `alertmanager.log`.
        config: Text of the configuration.
        port: A free one by default.
        flags: Further command-line flags.
    """
    port = port or free_port()
    process = alertmanager_process(directory, config, port, flags)
    with running(process, f"http://{LOOPBACK}:{port}", "/-/ready") as server:
        yield server


def prometheus_process(directory: Path, config: str, port: int, flags: Sequence[str] = ()) -> Process:
    """A Prometheus that is starting; arguments as of `start_prometheus`."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "prometheus.yml").write_text(config, encoding="utf-8")
    command = [
        *_prometheus_command(),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        "--storage.tsdb.retention.time=45d",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-lifecycle",
        "--log.level=warn",
        *flags,
    ]
    return Process("Prometheus", command, directory / "prometheus.log")


def alertmanager_process(directory: Path, config: str, port: int, flags: Sequence[str] = ()) -> Process:
    """An Alertmanager that is starting; arguments as of `start_alertmanager`."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "alertmanager.yml").write_text(config, encoding="utf-8")
    binary = tool("alertmanager")
    command = [
        str(binary),
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
        *flags,
    ]
    # The unpacked binary finds its templates from there (see demo.tools).
    return Process("Alertmanager", command, directory / "alertmanager.log", cwd=binary.parents[1])


def _prometheus_command() -> list[str]:
    """Prometheus and the flags its package needs: Debian's reads the web pages from a folder, upstream's has none."""
    binary = tool("prometheus")
    assets = binary.parents[1] / "share" / "prometheus" / "web"
    return [str(binary), f"--web.local-assets={assets}"] if assets.is_dir() else [str(binary)]
