"""The benchmarks of the collector in a tiny form: they run, and their figures make sense."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.collector import measure, table
from benchmarks.collector_figures import start_delays
from benchmarks.collector_hour import Endurance, run, section
from benchmarks.collector_page import write_section
from benchmarks.collector_run import BLACKBOX, Target, Way, target
from benchmarks.collector_target import WAIT, Arrival
from benchmarks.tls_handshake import client_ms
from collector.schedule import offset

APIS = 10


@pytest.fixture
def goal(tmp_path: Path) -> Iterator[Target]:
    """The target."""
    with target(tmp_path) as goal:
        yield goal


@pytest.mark.integration
@pytest.mark.parametrize("prober", ["collector", "blackbox"])
def test_a_configuration_gives_its_figures(goal: Target, prober: str) -> None:
    """Each probe arrives once an interval, is measured by both sides, and costs something."""
    if prober == "blackbox" and not BLACKBOX.exists():
        pytest.skip("blackbox_exporter is downloaded by the benchmark only")
    way = Way("collector" if prober == "collector" else "blackbox", tls=True, reuse=False)
    row = measure(way, goal, APIS, seconds=5.0, warm_up=7.0, interval=1.0)
    assert 4 * APIS <= row["probes"] <= 6 * APIS
    assert row["cpu_ms_per_probe"] > row["of_which_prometheus"] >= 0
    assert row["target_wait_ms"]["p50"] >= 1000 * WAIT * 0.9
    assert row["whole_error_ms"]["count"] > APIS
    assert row["whole_error_ms"]["p50"] > row["answer_error_ms"]["p50"]  # the handshake
    assert row["start_delay_ms"]["count"] == (row["probes"] if prober == "collector" else 0)
    assert f"| {prober} | TLS, new |" in table([row])


def test_a_handshake_costs_something() -> None:
    """A full handshake takes a client processor time, of which pauses are no part."""
    assert 0.05 < client_ms(handshakes=5, pause=0.05) < 40


@pytest.mark.integration
def test_a_long_run_counts_every_probe() -> None:
    """Probes are those of the schedule; memory and files were taken at the start and after each minute."""
    found = run(APIS, minutes=3, interval=1.0, minute=2.0)
    assert abs(found.probes - found.expected) <= APIS
    assert (found.errors, found.missed) == (0, 0)
    assert len(found.memory_mib) == len(found.files) == 4
    assert min(found.memory_mib) > 10
    assert f"{found.probes:,} of {found.expected:,}" in section(found)


def test_a_delay_is_counted_from_the_slot() -> None:
    """A request that arrives 3 ms after its slot is 3 ms late; one that comes 1 ms early is not 15 s late."""
    slot = 15.0 * 1e8 + offset("api-00001", 15.0)
    arrivals = [Arrival("/api-00001", slot + 0.003, WAIT), Arrival("/api-00001", slot - 0.001, WAIT)]
    assert start_delays(arrivals, 15.0) == pytest.approx([0.003, -0.001], abs=1e-6)


def test_memory_that_grows_shows_in_the_slope() -> None:
    """One MiB a minute is sixty an hour."""
    memory = [float(minute) for minute in range(60)]
    found = Endurance(10, 60, memory, [20] * 60, 2400, 2400, 0, 0, 0.5)
    assert found.growth[0] == pytest.approx(60.0)


def test_each_section_of_the_page_is_replaced_alone(tmp_path: Path) -> None:
    """What the other benchmark has written stays."""
    page = tmp_path / "performance.md"
    write_section(page, "endurance", "## Hour\n\nold")
    write_section(page, "cost", "## Cost\n\ntable")
    write_section(page, "endurance", "## Hour\n\nnew")
    text = page.read_text()
    assert text.count("## Cost\n\ntable") == text.count("## Hour\n\nnew") == 1
    assert "old" not in text
    assert text.index("## Cost") < text.index("## Hour")
