"""What a probe costs, beside blackbox_exporter: `python -m benchmarks.collector [--write docs/performance.md]`.

Our collector, read by a Prometheus, and Debian's blackbox_exporter, driven by a Prometheus, probe the same server
(`benchmarks.collector_target`) one after the other: plain and TLS, with a new connection for each probe and with
connections that are reused, which blackbox_exporter cannot. Prints a table and, as the last line, the same figures as JSON. At the
defaults it takes twelve minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.collector_figures import errors, quantiles, seen_by_blackbox, seen_by_collector, start_delays
from benchmarks.collector_page import write_section
from benchmarks.collector_run import (
    INTERVAL,
    Target,
    Way,
    blackbox_version,
    busy_seconds,
    cpu_seconds,
    setup,
    target,
    wait,
)
from benchmarks.tls_handshake import client_ms

WAYS: Final = (
    Way("blackbox", tls=False, reuse=False),
    Way("collector", tls=False, reuse=False),
    Way("collector", tls=False, reuse=True),
    Way("blackbox", tls=True, reuse=False),
    Way("collector", tls=True, reuse=False),
    Way("collector", tls=True, reuse=True),
)
_SEEN: Final = {"collector": seen_by_collector, "blackbox": seen_by_blackbox}
_ABOUT: Final = """## Cost of a probe

{apis:,} APIs every {interval:g} s, {seconds:g} s each row after a warm-up, one row after the other, on {cores} cores, {date}; blackbox_exporter {version}. By `python -m benchmarks.collector`.

{table}

- *CPU*: user and system time of the process trees from /proc. Prometheus is the one that drives blackbox_exporter, or that scrapes our collector. The goal is a third of blackbox_exporter's row above.
- *TLS, new*: a client's full handshake alone, in memory and without sockets, takes {handshake_ms:.2f} ms of CPU at this pace with this Python's OpenSSL ({openssl}; `python -m benchmarks.tls_handshake`). The goal leaves {tls_goal_ms:.2f} ms for the whole probe.
- *Latency error*: the response time that the prober states minus the time that the target says it held the answer back (50 ms, as exactly as a timer can; the target is a process of its own). *Whole* holds connecting and the TLS handshake, which a new client does wait for; *answer* begins when the request has been sent. The goal is 2 ms.
- *Start*: from the slot that the schedule gives to the arrival of the request at the target, connecting included. The goal is 20 ms. Prometheus does not tell when it meant to probe.
- *Others*: CPU of everything else on the machine, in percent of a core; high values make the quantiles worse.
"""

Figures = dict[str, Any]


def measure(
    way: Way, goal: Target, apis: int, seconds: float, warm_up: float, interval: float = INTERVAL
) -> Figures:
    """Figures of one configuration."""
    with setup([way], apis, goal, interval) as running:
        processes = (running.prober.process, running.prometheus.process, goal.process)
        wait(warm_up, processes)
        goal.arrivals()
        used, busy, own = [cpu_seconds(process.pid) for process in processes], busy_seconds(), _own_seconds()
        wait(seconds, processes)
        spent = [cpu_seconds(process.pid) - before for process, before in zip(processes, used, strict=True)]
        others = busy_seconds() - busy - sum(spent) - (_own_seconds() - own)
        until, arrivals = time.time(), goal.arrivals()
        seen = _SEEN[way.prober](running.prometheus.url, until, seconds)
    probes = max(len(arrivals), 1)
    prober, prometheus, server = (1000 * part / probes for part in spent)
    whole, answer = errors(seen, arrivals)
    return {
        "prober": way.prober,
        "tls": way.tls,
        "reuse": way.reuse,
        "probes": len(arrivals),
        "cpu_ms_per_probe": prober + prometheus,
        "of_which_prometheus": prometheus,
        "target_cpu_ms_per_probe": server,
        "whole_error_ms": whole,
        "answer_error_ms": answer,
        "start_delay_ms": quantiles(start_delays(arrivals, interval) if way.prober == "collector" else []),
        "target_wait_ms": quantiles(arrival.waited for arrival in arrivals),
        "others_cpu_percent": 100 * max(others, 0.0) / seconds,
    }


def _own_seconds() -> float:
    return sum(os.times()[:2])


def table(rows: Sequence[Figures]) -> str:
    """The figures for people."""
    head = (
        "prober", "connections", "CPU ms a probe", "of which Prometheus", "of blackbox", "latency error p99 ms, whole",
        "answer", "start p99 ms", "probes", "others %",
    )  # fmt: skip
    lines = [head, ("---",) * len(head)]
    peer = {row["tls"]: row["cpu_ms_per_probe"] for row in rows if row["prober"] == "blackbox"}
    for row in rows:
        cpu = row["cpu_ms_per_probe"]
        lines.append(
            (
                row["prober"],
                f"{'TLS' if row['tls'] else 'plain'}, {'reused' if row['reuse'] else 'new'}",
                f"{cpu:.2f}",
                f"{row['of_which_prometheus']:.2f}",
                f"{cpu / peer[row['tls']]:.2f}" if row["tls"] in peer else "-",
                *(_p99(row[key]) for key in ("whole_error_ms", "answer_error_ms", "start_delay_ms")),
                f"{row['probes']:,}",
                f"{row['others_cpu_percent']:.0f}",
            )
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _p99(found: dict[str, float]) -> str:
    return f"{found['p99']:.2f}" if found["count"] else "-"


def section(results: Figures) -> str:
    """The results as a section of the page."""
    peer = next(
        row["cpu_ms_per_probe"] for row in results["rows"] if row["prober"] == "blackbox" and row["tls"]
    )
    return _ABOUT.format(**{**results, "table": table(results["rows"]), "tls_goal_ms": peer / 3})


def run(apis: int, seconds: float, warm_up: float) -> Figures:
    """Measure every way."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, target(Path(folder)) as goal:
        rows = [measure(way, goal, apis, seconds, warm_up) for way in WAYS]
    return {
        "apis": apis,
        "interval": INTERVAL,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "version": blackbox_version(),
        "openssl": " ".join(ssl.OPENSSL_VERSION.split()[:2]),
        "handshake_ms": client_ms(),
        "rows": rows,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--apis", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=90.0, help="of each row")
    parser.add_argument(
        "--warm-up", type=float, default=INTERVAL + 8, help="before each row; Prometheus takes 5 s to begin"
    )
    parser.add_argument("--write", type=Path, help="the page whose section is replaced")
    options = parser.parse_args(arguments)
    results = run(options.apis, options.seconds, options.warm_up)
    if options.write:
        write_section(options.write, "cost", section(results))
    print(section(results))  # noqa: T201 - its output
    print(json.dumps(results))  # noqa: T201


if __name__ == "__main__":
    main()
