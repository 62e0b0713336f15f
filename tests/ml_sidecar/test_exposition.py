from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, Histogram

from ml_sidecar.contract import ANOMALY_SCORE, CONTRIBUTION, MODEL_ACCURACY, Metric
from ml_sidecar.exporter import PrometheusExporter
from ml_sidecar.exposition import Family, Labels, process_families
from ml_sidecar.families import by_label, gauge, per_api
from ml_sidecar.features import Entity
from tests.ml_sidecar.parsing import parsed, parsed_json


@given(
    st.dictionaries(st.builds(Entity, st.text(), st.text()), st.floats(allow_nan=False), min_size=1),
    st.lists(st.text(), min_size=1, max_size=3, unique=True),
)
def test_any_label_and_any_number_survive(apis: dict[Entity, float], features: list[str]) -> None:
    """Whatever strings name APIs and features, text and JSON give back exactly them and their values."""
    values = np.repeat(list(apis.values()), len(features))
    exporter = PrometheusExporter("production")
    exporter.publish([per_api(CONTRIBUTION, tuple(apis), values, features)])
    expected = {
        frozenset(
            {"api_name": api.api_name, "environment": api.environment, "feature": feature}.items()
        ): value
        for api, value in apis.items()
        for feature in features
    }
    for samples in (parsed(exporter.exposition()), parsed_json(exporter.exposition_json())):
        found = {labels: value for (name, labels), value in samples.items() if name == CONTRIBUTION.name}
        assert found == expected


def test_text_is_the_documented_format() -> None:
    """Help, type, escapes and numbers are as the format's definition says."""
    metric = Metric("m", "gauge", "Back\\slash\nand line.", ("feature",))
    family = per_api(
        metric,
        (Entity('a"b', "x\\y"), Entity("c\nd", "é")),
        np.array([[1.0, math.inf], [math.nan, -math.inf]]),
        ["f", "g"],
    )
    assert family.render().decode() == (
        "# HELP m Back\\\\slash\\nand line.\n"
        "# TYPE m gauge\n"
        'm{api_name="a\\"b",environment="x\\\\y",feature="f"} 1.0\n'
        'm{api_name="a\\"b",environment="x\\\\y",feature="g"} +Inf\n'
        'm{api_name="c\\nd",environment="é",feature="g"} -Inf\n'
    )


def test_absent_is_absent() -> None:
    """NaN is no sample, and a family without samples does not even announce itself."""
    assert per_api(ANOMALY_SCORE, (Entity("a", "b"),), np.array([math.nan])).render() == b""
    assert by_label(MODEL_ACCURACY, "production", {}).render() == b""
    assert per_api(ANOMALY_SCORE, (), np.empty(0)).render() == b""


def test_rows_can_be_left_out() -> None:
    """Leaving an API out leaves the others as they were, and it comes back."""
    family = per_api(CONTRIBUTION, (Entity("a", "x"), Entity("b", "x")), np.ones((2, 2)), ["f", "g"])
    whole = family.render()
    assert family.render(np.array([False, True])).count(b'api_name="a"') == 0
    assert family.render(np.array([False, True])).count(b'api_name="b"') == 2
    assert family.render() == whole


def test_string_without_utf8_does_not_cost_the_exposition() -> None:
    """A name that cannot be encoded is shown damaged; everything else is served."""
    exporter = PrometheusExporter("production")
    exporter.publish([per_api(ANOMALY_SCORE, (Entity("\ud800", "x"), Entity("b", "x")), np.ones(2))])
    assert exporter.exposition().count(ANOMALY_SCORE.name.encode() + b"{") == 2
    assert len(json.loads(exporter.exposition_json())["metrics"]) == 3


def test_wrong_number_of_values_is_refused() -> None:
    """A family whose values do not fit its labels is never rendered askew."""
    with pytest.raises(ValueError, match="reshape"):
        Family(ANOMALY_SCORE, Labels(("api_name", "environment"), (("a", "b"),)), np.ones(2))


def test_process_metrics_are_carried_over(tmp_path: Path) -> None:
    """Gauges of an injected registry appear with labels and help, and no others are guessed."""
    registry = CollectorRegistry()
    Gauge("disk_bytes", "Size.", ["path"], registry=registry).labels(str(tmp_path)).set(3)
    Gauge("unused", "Never set.", ["x"], registry=registry)
    (family,) = process_families(registry)
    assert parsed(family.render()) == {("disk_bytes", frozenset({("path", str(tmp_path))})): 3.0}
    Histogram("h", "A histogram.", registry=registry)
    with pytest.raises(ValueError, match="h is a histogram; only gauges and counters are exported"):
        process_families(registry)


def test_metric_without_api_carries_environment_alone() -> None:
    """The sidecar's own metrics belong to no API."""
    assert gauge(MODEL_ACCURACY._replace(labels=()), "production", 1.0).render().splitlines()[-1] == (
        b'rapidapi_ml_model_accuracy{environment="production"} 1.0'
    )
