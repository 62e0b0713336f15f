"""Runs a prober and the Prometheus that reads it against the target, and takes what both used and saw."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import requests
import trustme
import yaml

from benchmarks.collector_target import Arrival
from demo.processes import LOOPBACK, Process, Server, free_port, running, start_prometheus
from demo.tools import TOOLS_DIR, fetch

INTERVAL: Final = 15.0
_TICK: Final = os.sysconf("SC_CLK_TCK")
_PACKAGE: Final = "prometheus-blackbox-exporter"
BLACKBOX: Final = TOOLS_DIR / "blackbox" / "usr" / "bin" / _PACKAGE

Prober = Literal["collector", "blackbox"]


@dataclass(frozen=True)
class Way:
    """How the APIs are probed."""

    prober: Prober
    tls: bool
    reuse: bool


@dataclass(frozen=True)
class Target:
    """The server that is probed: its two URLs, the file of the authority that it is to be trusted by, its process."""

    plain: str
    tls: str
    authority: Path
    process: Process

    def arrivals(self) -> list[Arrival]:
        """Requests since the last call."""
        lines = requests.get(f"{self.plain}/log", timeout=30).text.splitlines()
        return [Arrival(path, float(at), float(waited)) for path, at, waited in map(str.split, lines)]


@dataclass(frozen=True)
class Goal:
    """One API: a path of the target."""

    name: str
    way: Way
    target: Target

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.target.tls if self.way.tls else self.target.plain}/{self.name}"


@dataclass(frozen=True)
class Setup:
    """A prober at work, and the Prometheus that reads (or, with blackbox_exporter, drives) it."""

    prober: Server
    prometheus: Server


@contextmanager
def target(directory: Path) -> Iterator[Target]:
    """Start the target; its certificate is signed by an authority of its own."""
    authority, certificate = directory / "authority.pem", directory / "target.pem"
    own = trustme.CA()
    own.cert_pem.write_to_path(str(authority))
    own.issue_cert(LOOPBACK).private_key_and_cert_chain_pem.write_to_path(str(certificate))
    port, tls_port = free_port(), free_port()
    command = [sys.executable, "-m", "benchmarks.collector_target", "--certificate", str(certificate)]
    command += ["--port", str(port), "--tls-port", str(tls_port)]
    process = Process("target", command, directory / "target.log")
    with running(process, f"http://{LOOPBACK}:{port}", "/ready") as server:
        yield Target(server.url, f"https://{LOOPBACK}:{tls_port}", authority, process)


@contextmanager
def setup(ways: Sequence[Way], apis: int, target: Target, interval: float = INTERVAL) -> Iterator[Setup]:
    """Start a prober of that many APIs and its Prometheus, in a folder that is gone afterwards.

    The ways, all of one prober, are the APIs' by turns.
    """
    goals = [Goal(f"api-{k:05d}", ways[k % len(ways)], target) for k in range(apis)]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        directory = Path(folder)
        start, config = (_collector, _scrape) if ways[0].prober == "collector" else (_blackbox, _drive)
        with (
            start(directory, goals, target.authority, interval) as prober,
            start_prometheus(
                directory, yaml.safe_dump({**_every(interval), **config(prober.url, goals)})
            ) as prometheus,
        ):
            yield Setup(prober, prometheus)


@contextmanager
def _collector(directory: Path, goals: Sequence[Goal], authority: Path, interval: float) -> Iterator[Server]:
    tls = {"tls": {"ca_file": str(authority)}}
    apis = [
        {
            "name": goal.name,
            "url": goal.url,
            "reuse_connection": goal.way.reuse,
            **(tls if goal.way.tls else {}),
        }
        for goal in goals
    ]
    content = {"defaults": {"interval": interval}, "apis": apis}
    file = directory / "apis.yml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "collector", "run", "--config", str(file)]
    process = Process("collector", command, directory / "collector.log", {"COLLECTOR_PORT": str(port)})
    with running(process, f"http://{LOOPBACK}:{port}", "/health") as server:
        yield server


@contextmanager
def _blackbox(directory: Path, _goals: Sequence[Goal], authority: Path, _interval: float) -> Iterator[Server]:
    http = {"preferred_ip_protocol": "ip4", "tls_config": {"ca_file": str(authority)}}
    module = {"prober": "http", "timeout": "10s", "http": http}
    file = directory / "blackbox.yml"
    file.write_text(yaml.safe_dump({"modules": {"http": module}}), encoding="utf-8")
    port = free_port()
    flags = [f"--config.file={file}", f"--web.listen-address={LOOPBACK}:{port}", "--log.level=warn"]
    process = Process("blackbox_exporter", [str(blackbox()), *flags], directory / "blackbox.log")
    with running(process, f"http://{LOOPBACK}:{port}", "/-/healthy") as server:
        yield server


def _every(interval: float) -> dict[str, object]:
    return {"global": {"scrape_interval": f"{interval:g}s", "scrape_timeout": f"{min(interval, 10.0):g}s"}}


def _scrape(url: str, _goals: Sequence[Goal]) -> dict[str, object]:
    job = {"job_name": "collector", "static_configs": [{"targets": [url.removeprefix("http://")]}]}
    return {"scrape_configs": [job]}


def _drive(url: str, goals: Sequence[Goal]) -> dict[str, object]:
    job = {
        "job_name": "blackbox",
        "metrics_path": "/probe",
        "params": {"module": ["http"]},
        "static_configs": [{"targets": [goal.url for goal in goals]}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "regex": ".*/(.*)", "target_label": "api_name"},
            {"target_label": "__address__", "replacement": url.removeprefix("http://")},
        ],
    }
    return {"scrape_configs": [job]}


def blackbox() -> Path:
    """Path of Debian's blackbox_exporter, which is downloaded and unpacked where it is not there yet."""
    if not BLACKBOX.exists():
        fetch(TOOLS_DIR / "blackbox", [_PACKAGE])
    return BLACKBOX


def blackbox_version() -> str:
    """The version that the binary states."""
    done = subprocess.run([blackbox(), "--version"], capture_output=True, text=True, check=True)
    return (done.stdout or done.stderr).split("version ", 1)[1].split()[0]


def cpu_seconds(root: int) -> float:
    """CPU time of a process and everything under it so far, from /proc."""
    return sum(_ticks(pid) for pid in _tree(root)) / _TICK


def busy_seconds() -> float:
    """CPU time of the whole machine so far, stolen time included."""
    user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq + steal) / _TICK


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if (fields := _stat(int(folder.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return (
        sum(map(int, fields[11:15])) if fields else 0
    )  # user, system, and those of children that have ended


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third one, the state, on; None if the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def wait(seconds: float, processes: Iterable[Process]) -> None:
    """Wait, and raise ProcessError as soon as one of the processes ends."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for process in processes:
            process.check()
        time.sleep(min(1.0, left))
