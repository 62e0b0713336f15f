"""Does the collector stay as it is? `python -m benchmarks.collector_hour [--minutes 60] [--apis 1000] --output hour.json`.

It probes the target (`benchmarks.collector_target`), half of the APIs with TLS, half of each reusing connections, and is read by
Prometheus. Each minute its memory and open files are taken from /proc; at the end, what was probed and missed.
`--write docs/performance.md` puts the result there; `--read hour.json` writes a former one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from benchmarks.collector_figures import total
from benchmarks.collector_page import write_section
from benchmarks.collector_run import INTERVAL, Way, cpu_seconds, setup, target, wait
from collector import contract
from demo.processes import Process

_WARM_MINUTES: Final = 15
MIXED: Final = (
    Way("collector", tls=False, reuse=False),
    Way("collector", tls=False, reuse=True),
    Way("collector", tls=True, reuse=False),
    Way("collector", tls=True, reuse=True),
)


@dataclass(frozen=True)
class Endurance:
    """What a long run showed.

    Attributes:
        apis: How many were probed.
        minutes: How long.
        memory_mib: Resident memory at the start and after each minute.
        files: Open files at the same times.
        probes: Requests that reached the target after the start.
        expected: As many as the schedule has in that time.
        errors: Probes that did not succeed, from the collector's own counter.
        missed: `rapidapi_api_missed_probes_total`, all APIs.
        cpu_ms_per_probe: CPU of the collector.
    """

    apis: int
    minutes: int
    memory_mib: list[float]
    files: list[int]
    probes: int
    expected: int
    errors: int
    missed: int
    cpu_ms_per_probe: float

    @classmethod
    def read(cls, file: Path) -> Self:
        """A former run."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    @property
    def growth(self) -> tuple[float, float]:
        """Slope of memory (MiB an hour) after the first quarter, and its standard error."""
        known = np.array(self.memory_mib[min(_WARM_MINUTES, len(self.memory_mib) // 4) :])
        hours = np.arange(len(known)) / 60
        slope, level = np.polyfit(hours, known, 1)
        residual = known - slope * hours - level
        spread = np.sqrt(np.sum(residual**2) / max(len(known) - 2, 1) / np.sum((hours - hours.mean()) ** 2))
        return float(slope), float(spread)


def run(apis: int, minutes: int, interval: float = INTERVAL, minute: float = 60.0) -> Endurance:
    """Let the collector work that many minutes, which a test may shorten (s)."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        target(Path(folder)) as goal,
        setup(MIXED, apis, goal, interval) as running,
    ):
        prober, prometheus = running.prober.process, running.prometheus
        wait(2 * interval, [prober, prometheus.process, goal.process])
        goal.arrivals()
        used, began = cpu_seconds(prober.pid), time.time()
        memory, files, probes = [_memory(prober)], [_files(prober)], 0
        for passed in range(1, minutes + 1):
            wait(began + minute * passed - time.time(), [prober, prometheus.process, goal.process])
            memory.append(_memory(prober))
            files.append(_files(prober))
            probes += len(goal.arrivals())
        seconds, cpu = time.time() - began, cpu_seconds(prober.pid) - used
        wait(interval + 1, [prober, prometheus.process])  # the last scrape
        failed = total(prometheus.url, f'sum({contract.REQUESTS.name}{{status="error"}})')
        missed = total(prometheus.url, f"sum({contract.MISSED.name})")
    return Endurance(
        apis=apis,
        minutes=minutes,
        memory_mib=memory,
        files=files,
        probes=probes,
        expected=round(apis * seconds / interval),
        errors=round(failed),
        missed=round(missed),
        cpu_ms_per_probe=1000 * cpu / max(probes, 1),
    )


def section(found: Endurance) -> str:
    """The result as a section of the page."""
    slope, error = found.growth
    memory, files = found.memory_mib, found.files
    shown = memory[:: max(1, len(memory) // 12)]
    return f"""## {found.minutes} minutes at {found.apis:,} APIs

Every {INTERVAL:g} s each; plain and TLS, new connections and reused, a quarter each; read by Prometheus. By `python -m benchmarks.collector_hour`.

| | |
|---|---|
| probes that reached the target | {found.probes:,} of {found.expected:,} that the schedule has |
| probes left out (`{contract.MISSED.name}`) | {found.missed} |
| probes that failed | {found.errors} |
| resident memory, every {max(1, len(memory) // 12)} minutes, MiB | {", ".join(f"{value:.0f}" for value in shown)} |
| its slope after the first quarter | {slope:+.2f} ± {error:.2f} MiB an hour |
| open files, least and most | {min(files)}, {max(files)} |
| CPU of the collector | {found.cpu_ms_per_probe:.2f} ms a probe, {found.cpu_ms_per_probe * found.apis / INTERVAL / 10:.1f} % of a core |
"""


def _memory(process: Process) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8").splitlines()
    (kib,) = (int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return kib / 1024


def _files(process: Process) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or read, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--apis", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--output", type=Path, help="where the figures go as JSON")
    parser.add_argument("--read", type=Path, help="figures of a former run, instead of running")
    parser.add_argument("--write", type=Path, help="the page whose section is replaced")
    options = parser.parse_args(arguments)
    found = Endurance.read(options.read) if options.read else run(options.apis, options.minutes)
    if options.output:
        options.output.write_text(json.dumps(asdict(found)), encoding="utf-8")
    if options.write:
        write_section(options.write, "endurance", section(found))
    print(section(found))  # noqa: T201 - its output
    print(json.dumps(asdict(found)))  # noqa: T201


if __name__ == "__main__":
    main()
