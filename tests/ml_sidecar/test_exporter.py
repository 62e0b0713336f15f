from __future__ import annotations

import json
import subprocess
from collections import Counter

import numpy as np
import pytest
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry

from demo.tools import tool
from ml_sidecar.contract import (
    ANOMALIES,
    ANOMALY,
    ANOMALY_SCORE,
    EXPECTED,
    EXPORTED_SERIES,
    FEATURES,
    LAST_SCORE,
    METRICS,
    SAMPLES_REJECTED,
    SERIES_DROPPED,
    THRESHOLD,
    TREND,
    Metric,
)
from ml_sidecar.exporter import Groups, PrometheusExporter
from ml_sidecar.exposition import Family
from ml_sidecar.families import (
    anomaly_counter_families,
    by_label,
    forecast_families,
    gauge,
    horizon_label,
    model_families,
    pattern_families,
    per_api,
    score_families,
    threshold_change_families,
    threshold_families,
    trend_families,
)
from ml_sidecar.features import Entity, Mask
from ml_sidecar.results import Forecasts, ModelCard, Patterns, Scores, Thresholds
from tests.ml_sidecar.parsing import parsed, parsed_json

APIS = tuple(Entity(f"api {i}", "staging") for i in range(3))
SILENT = 1
"""Index of the API that reports nothing."""


def _scores() -> Scores:
    apis, features = len(APIS), len(FEATURES)
    expected = np.full((1, apis), 0.583)
    expected[0, SILENT] = np.nan
    shape = (1, apis, features)
    return Scores(
        np.array([0.0]), APIS, FEATURES, expected, np.full(shape, 0.25), *(np.ones(shape) for _ in range(4))
    )


def _thresholds() -> Thresholds:
    lower, upper = np.full((2, len(APIS), len(FEATURES), 2), np.nan)
    lower[:, [0, 3]], upper[:, 1:] = 1.0, 2.0
    return Thresholds(APIS, FEATURES, lower, upper, np.zeros((len(APIS), len(FEATURES), 2)))


def _api_families() -> list[Family]:
    """Everything that the default settings export per API."""
    forecast = (np.full((len(APIS), 2, 3), float(i)) for i in range(5))
    changes = np.zeros((len(APIS), len(FEATURES)))
    return [
        *score_families(_scores(), np.array([True, True, False])),
        *anomaly_counter_families(APIS, np.zeros((len(APIS), 3), np.int64)),
        *forecast_families(Forecasts(0.0, APIS, FEATURES[:2], (3600.0, 7200.0, 10800.0), *forecast)),
        *threshold_families(_thresholds()),
        *threshold_change_families(APIS, FEATURES, changes),
        *trend_families(APIS, FEATURES, changes),
        *pattern_families(Patterns(APIS, ("steady", "busy by day"), np.array([0, 1, -1]))),
    ]


def _own_families() -> list[Family]:
    """Metrics that belong to no API."""
    cards = {"anomaly_detector": ModelCard("anomaly_detector", "Forest", 5.0, (0.0, 1.0), 10, 0.9, "share")}
    return [
        *model_families("production", cards, "v1"),
        gauge(LAST_SCORE, "production", 12.5),
        by_label(SAMPLES_REJECTED, "production", {"success_rate": 2.0}),
    ]


def _per_api(text: bytes) -> Counter[str]:
    return Counter(labels["api_name"] for _, pairs in parsed(text) if "api_name" in (labels := dict(pairs)))


@pytest.mark.parametrize(("groups", "budget"), [("full", 80), ("core", 20)])
def test_an_api_costs_no_more_series_than_promised(groups: Groups, budget: int) -> None:
    """The documented number of series per API holds at the default settings."""
    exporter = PrometheusExporter("production", groups=groups)
    exporter.publish(_api_families())
    costs = _per_api(exporter.exposition())
    assert 15 < costs["api 0"] <= budget


def test_core_still_has_what_alerts_need() -> None:
    """`export: core` keeps score, episode, counter and thresholds, and all of the sidecar's own metrics."""
    exporter = PrometheusExporter("production", groups="core")
    exporter.publish([*_api_families(), *_own_families()])
    names = {name for name, _ in parsed(exporter.exposition())}
    assert {metric.name for metric in (ANOMALY_SCORE, ANOMALY, ANOMALIES, THRESHOLD, LAST_SCORE)} <= names
    assert not {metric.name for metric in (EXPECTED, TREND)} & names
    assert names <= set(exporter.metrics)


def test_metrics_are_described_by_name() -> None:
    """The public face lists every metric of the contract with its help, type and labels."""
    metrics = PrometheusExporter("production").metrics
    assert list(metrics) == [metric.name for metric in METRICS]
    info = metrics["rapidapi_ml_anomaly_score"]
    assert (info.metric_type, info.labels) == ("gauge", ("api_name", "environment"))
    assert info.description.startswith("How unusual the API is now")


def test_silent_api_loses_its_live_series() -> None:
    """An API that reported nothing has no score, no episode state and nothing expected."""
    exporter = PrometheusExporter("production")
    exporter.publish(score_families(_scores(), np.array([True, True, False])))
    samples = parsed(exporter.exposition())
    assert set(_per_api(exporter.exposition())) == {"api 0", "api 2"}
    opened = {dict(labels)["api_name"]: v for (name, labels), v in samples.items() if name == ANOMALY.name}
    assert opened == {"api 0": 1.0, "api 2": 0.0}


def test_dead_api_loses_all_series_and_gets_them_back() -> None:
    """Forecasts, thresholds and counters of an API vanish with it, and return with it."""
    exporter = PrometheusExporter("production")
    families = _api_families()
    exporter.publish(families)
    whole = exporter.exposition()
    exporter.publish(families, alive=[APIS[0], APIS[2]])
    assert set(_per_api(exporter.exposition())) == {"api 0", "api 2"}
    exporter.publish(families, alive=APIS)
    assert exporter.exposition() == whole


def test_same_samples_give_the_same_bytes() -> None:
    """Nothing but the samples decides the bytes, not even the order in which families were given."""
    one, other = PrometheusExporter("production"), PrometheusExporter("production")
    one.publish([*_api_families(), *_own_families()])
    other.publish([*_own_families(), *_api_families()][::-1])
    assert one.exposition() == other.exposition()


def test_json_has_the_same_samples() -> None:
    """Whoever reads /metrics/json misses nothing and sees no more."""
    registry = CollectorRegistry()
    registry.register(GC_COLLECTOR)
    exporter = PrometheusExporter("production", registry=registry, now=lambda: 0.0)
    exporter.publish([*_api_families(), *_own_families()], alive=APIS[:1])
    assert parsed_json(exporter.exposition_json()) == parsed(exporter.exposition())
    assert json.loads(exporter.exposition_json())["timestamp"] == "1970-01-01T00:00:00+00:00"
    assert b"python_gc_collections_total" in exporter.exposition()


def test_publication_replaces_all_that_was_before() -> None:
    """Nothing of the cycle before remains, in neither format."""
    exporter = PrometheusExporter("production")
    exporter.publish(_api_families())
    exporter.exposition_json()
    exporter.publish([])
    assert not _per_api(exporter.exposition())
    assert b"api 0" not in exporter.exposition_json()


def test_cap_leaves_out_whole_apis_and_counts_them() -> None:
    """Beyond the cap no API is exported by half, the sidecar's own metrics all are, and the loss is visible."""
    families = [*_api_families(), *_own_families()]
    free = PrometheusExporter("production")
    free.publish(families)
    costs = _per_api(free.exposition())
    total = len(parsed(free.exposition()))
    exporter = PrometheusExporter("production", max_series=total - costs["api 2"])
    exporter.publish(families)
    assert _per_api(exporter.exposition()) == {name: costs[name] for name in ("api 0", "api 1")}
    samples = {name: value for (name, _), value in parsed(exporter.exposition()).items()}
    assert samples[EXPORTED_SERIES.name] == total - costs["api 2"]
    assert samples[SERIES_DROPPED.name] == costs["api 2"]
    assert samples[LAST_SCORE.name] == 12.5
    exporter.publish(families)
    assert exporter.series_dropped_total == 2 * costs["api 2"]


def test_cap_counts_the_living_alone() -> None:
    """APIs that do not report take no room under the cap."""
    free = PrometheusExporter("production")
    free.publish(_api_families(), alive=APIS[1:])
    exporter = PrometheusExporter("production", max_series=len(parsed(free.exposition())))
    exporter.publish(_api_families(), alive=APIS[1:])
    assert exporter.series_dropped_total == 0
    assert exporter.exposition() == free.exposition()


@pytest.mark.parametrize("alive", [APIS[1:], APIS[:2]])
def test_cap_and_silence_add_up(alive: tuple[Entity, ...]) -> None:
    """Under the cap, only APIs that report are exported, and only they count as left out."""
    families = _api_families()
    free = PrometheusExporter("production")
    free.publish(families, alive=alive)
    exporter = PrometheusExporter("production", max_series=len(parsed(free.exposition())) - 1)
    exporter.publish(families, alive=alive)
    assert set(_per_api(exporter.exposition())) == {alive[0].api_name}
    assert exporter.series_dropped_total == _per_api(free.exposition())[alive[1].api_name]


def test_exported_series_tells_the_truth() -> None:
    """The count equals the samples that stand in the exposition."""
    exporter = PrometheusExporter("production")
    exporter.publish([*_api_families(), *_own_families()])
    samples = parsed(exporter.exposition())
    assert samples[EXPORTED_SERIES.name, frozenset({("environment", "production")})] == len(samples)


def test_two_families_of_one_metric_are_refused() -> None:
    """A mistake that Prometheus would answer with a failed scrape fails here."""
    with pytest.raises(ValueError, match="two families of rapidapi_ml_performance_trend"):
        PrometheusExporter("production").publish(trend_families(APIS, ["a"], np.ones((3, 1))) * 2)


def test_unchanged_family_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forecasts cost nothing between two grid points."""
    family = per_api(TREND, APIS, np.ones((3, 1)), ["a"])
    rendered: list[Metric] = []
    render = Family._render

    def counting(family: Family, present: Mask) -> bytes:
        rendered.append(family.metric)
        return render(family, present)

    monkeypatch.setattr(Family, "_render", counting)
    exporter = PrometheusExporter("production")
    for _ in range(3):
        exporter.publish([family], alive=APIS[:2])
    assert rendered.count(TREND) == 1


@pytest.mark.parametrize(
    ("seconds", "label"), [(3600.0, "1h"), (10800.0, "3h"), (5400.0, "90m"), (45.0, "45s")]
)
def test_horizons_read_as_people_write_them(seconds: float, label: str) -> None:
    """The label is the one that dashboards and rules ask for."""
    assert horizon_label(seconds) == label


@pytest.mark.integration
def test_promtool_finds_nothing() -> None:
    """The exposition passes the linter of Prometheus itself."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    exporter = PrometheusExporter("production", registry=registry)
    every = [
        *_api_families(),
        *_own_families(),
    ]
    named = {family.metric.name for family in every} | {EXPORTED_SERIES.name, SERIES_DROPPED.name}
    rest = [metric for metric in METRICS if metric.name not in named]
    every += [
        Family(metric, gauge(metric._replace(labels=()), "x", 1.0).labels, np.ones(1)) for metric in rest
    ]
    exporter.publish(every)
    done = subprocess.run(
        [str(tool("promtool")), "check", "metrics"],
        input=exporter.exposition(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert {metric.name for metric in METRICS} <= {name for name, _ in parsed(exporter.exposition())}
