"""Metric names are written down once: rename one in its contract, and every generated file follows or is found stale."""

from __future__ import annotations

import json
import re
import subprocess
import sys

from alert_rules.generate import PROVISIONING
from alert_rules.generate import files as rule_files
from collector import contract as raw
from dashboards.generate import files as dashboard_files
from ml_sidecar import contract as ml
from tests.conventions.exemptions import hold

NAMES = [
    *(metric.name for metric in (*raw.METRICS, *ml.METRICS)),
    *(name for name in (*ml.RECORDED.values(), ml.RESPONSE_TIME_P95, ml.ALERTS_ACTIVE)),
]

RENAMED = """
import json
from collector import contract as raw
from ml_sidecar import contract as ml

def renamed(value):
    if isinstance(value, str):
        return value.replace("rapidapi_", "renamed_")
    if hasattr(value, "_replace"):
        return value._replace(name=renamed(value.name))
    if isinstance(value, dict):
        return {key: renamed(item) for key, item in value.items()}
    return tuple(map(renamed, value)) if isinstance(value, tuple) else value

for contract in (raw, ml):
    for name, value in list(vars(contract).items()):
        if name.isupper():
            setattr(contract, name, renamed(value))

from alert_rules.generate import files as rules
from dashboards.generate import files as dashboards
print(json.dumps({str(path): text for path, text in {**rules(), **dashboards()}.items()}))
"""


def _named(text: str) -> set[str]:
    """Return the metrics that a text names."""
    words = set(re.findall(r"[\w:]+", text))
    return {name for name in NAMES if words & {name, f"{name}_bucket", f"{name}_sum", f"{name}_count"}}


def test_a_renamed_metric_is_renamed_everywhere() -> None:
    """No panel, rule or annotation holds a name of its own that would stay behind."""
    done = subprocess.run([sys.executable, "-c", RENAMED], capture_output=True, text=True, check=True)
    generated = json.loads(done.stdout)
    assert {path: _named(text) for path, text in generated.items() if _named(text)} == {}
    assert "renamed_ml_anomaly_score" in "".join(generated.values())


def test_a_metric_renamed_without_generating_is_found() -> None:
    """Every metric stands in a committed file, so that the check of generated files notices its new name."""
    named = _named(
        "".join((PROVISIONING / path).read_text() for path in {**rule_files(), **dashboard_files()})
    )
    hold("names", ((name, "stands in no generated file") for name in NAMES if name not in named))
