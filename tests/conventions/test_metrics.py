"""M1 to M13: what every exposed metric holds to, the collector's and the sidecar's."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

import collector
import ml_sidecar
from alert_rules.settings import DEFAULT
from collector import contract as raw
from collector.api import Api, Step
from collector.discovery_metrics import DiscoveryMetrics
from collector.handover_metrics import HandoverMetrics
from collector.metrics import MAX_QUOTAS_PER_API, ProbeMetrics, ReloadMetrics
from collector.outcome import Outcome
from collector.quota import Quota
from collector.system_metrics import SystemCollector
from demo.tools import tool
from ml_sidecar import contract as ml
from ml_sidecar.exporter import PrometheusExporter
from ml_sidecar.exposition import Family, Labels
from tests.conventions.exemptions import hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Metric = raw.Metric | ml.Metric
METRICS: Final[tuple[Metric, ...]] = (*raw.METRICS, *ml.METRICS)
PACKAGES: Final = [Path(package.__file__ or "").parent for package in (collector, ml_sidecar)]
ATTEMPTS: Final = {
    raw.ERRORS.name: raw.REQUESTS.name,
    raw.DISCOVERY_FAILURES.name: raw.DISCOVERY_REFRESHES.name,
    raw.HANDOVER_DROPPED.name: raw.HANDOVER_REQUESTS.name,
    ml.QUERY_FAILURES.name: ml.QUERIES.name,
    ml.SERIES_DROPPED.name: ml.EXPORTED_SERIES.name,
}
"""Counter of failures to what was attempted; series are exported or dropped."""
COUNTED: Final = {
    "collector/watch.py: _log_change": raw.ERRORS,
    "collector/reload.py: _refused": raw.RELOAD_SUCCESS,
    "collector/discovery.py: _log_change": raw.DISCOVERY_FAILURES,
    "collector/discovery.py: _log_duplicates": raw.DISCOVERY_DUPLICATES,
    "collector/spool.py: take": raw.HANDOVER_REFUSED,
    "collector/spool.py: _has_series": raw.HANDOVER_DROPPED,
    "prometheus_unreachable": ml.QUERY_FAILURES,
    "training_failed": ml.TRAININGS,
    "training_rejected": ml.TRAININGS,
}
"""Place of a warning, or the kind of an event that is logged as one, to the counter beside it."""
VALUES: Final = {
    "status": len(raw.REQUEST_STATUSES),
    "reason": len(raw.ERROR_REASONS) * raw.MAX_STEPS,
    "step": raw.MAX_STEPS,
    "phase": len(raw.PHASES),
    "quota": MAX_QUOTAS_PER_API,
    "severity": max(len(ml.SEVERITIES), len(ml.THRESHOLD_SEVERITIES)),
    "feature": len(ml.FEATURES),
    "horizon": len(ml.HORIZONS),
    "bound": len(ml.BOUNDS),
    "model_name": len(ml.MODEL_NAMES),
    "outcome": len(ml.TRAINING_OUTCOMES),
    "environment": 1,
    "cause": len(raw.PAUSE_CAUSES),
    "version": 1,
    "algorithm": 1,
    "pattern": 10,
}
"""Label to how many values one process exposes at a time; `version` and `algorithm` are those in service, and the
clusterer looks for ten patterns at most."""


def breaking(rule: str, metrics: Iterable[Metric], problem: str) -> None:
    """Fail unless these metrics are exactly the exempted ones."""
    hold(rule, ((metric.name, problem) for metric in metrics))


def test_m1_names_follow_the_convention() -> None:
    """One prefix, snake case, base units, and the suffixes by which a reader knows counters, infos and times."""
    foreign_unit = re.compile(r"_(ms|milliseconds|minutes|hours|days|percent|kb|mb|kilobytes|megabytes)(_|$)")

    def problems(metric: Metric) -> Iterator[str]:
        if not re.fullmatch(r"rapidapi(_[a-z0-9]+)+", metric.name):
            yield "not snake case with the prefix rapidapi"
        if (metric.kind == "counter") != metric.name.endswith("_total"):
            yield "a counter without _total, or _total without a counter"
        if foreign_unit.search(metric.name):
            yield "not a base unit"
        if "time at which" in metric.help.lower() and not metric.name.endswith("_timestamp_seconds"):
            yield "a time without _timestamp_seconds"
        if {"version"} & set(metric.labels) and not metric.name.endswith("_info"):
            yield "an info metric without _info"

    hold("M1", ((metric.name, problem) for metric in METRICS for problem in problems(metric)))


def test_m2_promtool_finds_nothing() -> None:
    """Prometheus' own linter has nothing to say about names, types and help texts."""
    for exposition in (generate_latest(filled_registry()), exported().exposition()):
        done = subprocess.run(
            [str(tool("promtool")), "check", "metrics"], input=exposition, capture_output=True, check=False
        )
        complaints = (done.stdout + done.stderr).decode().splitlines()
        hold("M2", [tuple(line.partition(" ")[::2]) for line in complaints])
        assert done.returncode == 0


def test_m3_labels_say_what_is_measured_and_not_where() -> None:
    """No colons in names, no `type`, and no label that the target gets from whoever scrapes it."""
    assert not [metric.name for metric in METRICS if ":" in metric.name]
    assert all(metric.help.endswith(".") for metric in METRICS)
    labels = {label for metric in METRICS for label in metric.label_names}
    target = {"type", "env", "environment", "cluster", "region", "job", "instance", "le"}
    hold("M3", ((label, "belongs to the target or says nothing") for label in labels & target))


def test_m4_the_number_of_series_is_bounded() -> None:
    """Every label has a known number of values; those that come from outside have a cap, and what it drops is counted."""
    labels = {label for metric in METRICS for label in metric.label_names}
    hold("M4", ((label, "no bound, or a bound above 10") for label in labels if VALUES.get(label, 999) > 10))
    exporter = exported(apis=200, max_series=300)
    names = [line.split("{")[0] for line in exporter.exposition().decode().splitlines() if line[0] != "#"]
    assert len(names) <= 300
    assert exporter.series_dropped_total > 0
    assert ml.SERIES_DROPPED.name in names


def test_m4_an_api_cannot_invent_labels_without_end() -> None:
    """Of the quotas that an API states, ten are kept."""
    registry = CollectorRegistry()
    metrics = ProbeMetrics(registry, "test")
    metrics.add_api(Api("Weather", "http://a.example", interval=15))
    for number in range(50):
        metrics.record("Weather", Outcome(None, 0.1, {}, (Quota(f"q{number}", 5, 5, 1.0),)))
    text = generate_latest(registry).decode()
    assert text.count(f"\n{raw.QUOTA_LIMIT.name}{{") == MAX_QUOTAS_PER_API


def test_m5_failures_stand_beside_attempts() -> None:
    """A share of failures can be computed from two counters."""

    def problems(metric: Metric) -> Iterator[str]:
        failures = re.search(r"_(errors|failures|failed|rejected|dropped)_total$", metric.name)
        if failures and metric.name not in ATTEMPTS:
            yield "counts failures and has no counter of attempts"
        if {"status", "success", "result", "outcome"} & set(metric.labels):
            yield "success is a label, so that a sum mixes both"

    known = {metric.name for metric in METRICS}
    assert {*ATTEMPTS, *ATTEMPTS.values()} <= known
    hold("M5", ((metric.name, problem) for metric in METRICS for problem in problems(metric)))


def warnings() -> Iterator[str]:
    """Yield the place of each warning in the code, or the kind of event that is logged as one."""
    for path in (path for package in PACKAGES for path in package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                if not isinstance(call.func, ast.Attribute):
                    continue
                if call.args and call.func.attr in {"warning", "error", "exception", "critical"}:
                    yield f"{path.parent.name}/{path.name}: {function.name}"
                if call.func.attr == "add" and call.args:
                    yield from _bad_kinds(call.args[0])


def _bad_kinds(argument: ast.expr) -> Iterator[str]:
    """Yield the kinds of events that are logged as warnings."""
    words = (node.value for node in ast.walk(argument) if isinstance(node, ast.Constant))
    for word in words:
        if isinstance(word, str) and word.endswith(("_failed", "_unreachable", "_rejected")):
            yield word


def test_m6_warnings_are_counted() -> None:
    """What is worth a warning in the log can be seen, and alerted on, without reading the log."""
    found = sorted(set(warnings()))
    assert set(COUNTED) <= set(found)
    hold("M6", ((where, "no counter beside it") for where in found if where not in COUNTED))


def test_m7_what_has_vanished_is_no_longer_exposed() -> None:
    """An API that is gone leaves no series behind that would look alive."""
    exporter = exported(apis=3)
    assert b'api_name="api 2"' in exporter.exposition()
    exporter.publish(families(apis=2))
    assert b'api_name="api 2"' not in exporter.exposition()


def test_m8_a_collection_tells_how_long_it_took_and_when_it_last_succeeded() -> None:
    """Whoever sees no scores can tell a slow sidecar from a failing one; scrapes are not counted."""
    names = {metric.name for metric in ml.METRICS}
    assert {ml.CYCLE_DURATION.name, ml.QUERY_DURATION.name, ml.LAST_SCORE.name} <= names
    assert {metric.kind for metric in (ml.CYCLE_DURATION, ml.QUERY_DURATION, ml.LAST_SCORE)} == {"gauge"}
    breaking("M8", (metric for metric in METRICS if "scrape" in metric.name), "counts scrapes")


def test_m9_counters_start_at_zero() -> None:
    """`increase` sees the first error of an API, because its series was there before."""
    registry = fresh_registry()
    for metric in (metric for metric in raw.METRICS if metric.kind == "counter"):
        values = [
            {
                "api_name": ["Weather"],
                "environment": ["test"],
                "status": raw.REQUEST_STATUSES,
                "reason": raw.ERROR_REASONS,
                "phase": raw.PHASES,
                "source": ["Inventory"],
                "cause": raw.HANDOVER_DROP_CAUSES,
            }[label]
            for label in metric.label_names
        ]
        for row in product(*values):
            labels = dict(zip(metric.label_names, row, strict=True))
            assert registry.get_sample_value(metric.name, labels) == 0, (metric.name, labels)


def test_m10_stages_say_what_came_in_what_went_out_and_when() -> None:
    """A stage that does nothing can be told from one that is given nothing to do."""
    stages = {
        "collector": {"in": raw.REQUESTS, "out": raw.RESPONSE_TIME, "last processed": raw.LAST_PROBE},
        "sidecar": {"in": ml.QUERIES, "out": ml.EXPORTED_SERIES, "last processed": ml.LAST_SCORE},
        "training": {
            "in": ml.MODEL_SAMPLES,
            "out": ml.TRAININGS,
            "last processed": ml.MODEL_TRAINED,
        },
    }
    parts = ("in", "in progress", "out", "last processed")
    hold(
        "M10",
        (
            (f"{stage}: {part}", "no metric")
            for stage, metrics in stages.items()
            for part in parts
            if metrics.get(part) not in METRICS
        ),
    )


def test_m11_distributions_are_histograms_with_bounds_at_the_objectives() -> None:
    """Histograms add up over APIs and replicas, and the share within an objective is read from a bucket exactly."""
    summaries = [(metric.name, "a summary") for metric in METRICS if metric.kind == "summary"]
    bounds = raw.RESPONSE_TIME_BUCKETS
    assert list(bounds) == sorted(set(bounds))
    limits = {name: getattr(DEFAULT, name) for name in DEFAULT.__slots__ if name.startswith("response_time")}
    hold(
        "M11",
        [
            *summaries,
            *(
                (name, f"{limit} s is no bucket's bound")
                for name, value in limits.items()
                for limit in (value if isinstance(value, tuple) else (value,))
                if limit not in bounds
            ),
        ],
    )


def test_m12_times_are_exposed_and_ages_computed() -> None:
    """An age stands still when its process hangs; a time does not."""
    age = re.compile(r"time since|seconds since|ago|age of", re.IGNORECASE)
    breaking("M12", (metric for metric in METRICS if age.search(metric.help)), "an age instead of a time")


def test_m13_nothing_is_registered_by_importing() -> None:
    """Whoever imports us, for a test or as a library, does not find our metrics among theirs."""
    modules = [
        ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for package in PACKAGES
        for path in package.rglob("*.py")
        if "prometheus_client" in path.read_text(encoding="utf-8")
    ]
    program = (
        "import importlib, sys, prometheus_client\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*(family.name for family in prometheus_client.REGISTRY.collect()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *modules], capture_output=True, text=True, check=True
    )
    registered = done.stdout.split()
    assert registered
    hold("M13", ((name, "registered by an import") for name in registered if name.startswith("rapidapi")))


def fresh_registry() -> CollectorRegistry:
    """Return the collector's registry as it is before the first probe."""
    registry = CollectorRegistry()
    registry.register(SystemCollector("test"))
    ReloadMetrics(registry, "test").succeeded()
    DiscoveryMetrics(registry, "test").add("Inventory")
    HandoverMetrics(registry, "test")
    ProbeMetrics(registry, "test").add_api(Api("Weather", "http://a.example", interval=15))
    return registry


def filled_registry() -> CollectorRegistry:
    """Return a registry in which every metric of the collector has a sample."""
    registry = CollectorRegistry()
    registry.register(SystemCollector("test"))
    ReloadMetrics(registry, "test").succeeded()
    sources = DiscoveryMetrics(registry, "test")
    sources.looked("Inventory", 5, failed=True)
    sources.set_duplicates("Inventory", 1)
    HandoverMetrics(registry, "test")
    metrics = ProbeMetrics(registry, "test")
    metrics.add_api(Api("Weather", "http://a.example", interval=15, depends_on=("Gateway",)))
    metrics.record("Weather", Outcome(None, 0.1, {"dns": 0.1}, (Quota("requests", 5, 5, 1.0),), 9e9))
    metrics.add_api(
        Api("Orders", steps=(Step("login", "http://a.example"), Step("list", "http://b.example")))
    )
    return registry


def families(apis: int = 1) -> list[Family]:
    """Return every metric of the sidecar that is not about its own exposition, with one row of samples for each API."""
    entities = tuple((f"api {number}", "test") for number in range(apis))
    built = []
    for metric in ml.METRICS:
        if metric not in {ml.EXPORTED_SERIES, ml.SERIES_DROPPED}:
            rows = entities if metric.per_api else (("test",),)
            labels = Labels(metric.label_names, rows, (("x",) * len(metric.labels),))
            built.append(Family(metric, labels, np.ones(len(rows))))
    return built


def exported(apis: int = 1, max_series: int = 10_000) -> PrometheusExporter:
    """Return an exporter that serves all of it."""
    exporter = PrometheusExporter("test", max_series=max_series)
    exporter.publish(families(apis))
    return exporter
