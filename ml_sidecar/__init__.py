"""Learns how HTTP APIs behave from Prometheus and tells Prometheus when they do not.

The public face is loaded when it is first used, so that `import ml_sidecar.contract` stays light.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_sidecar.analytics import (
        AnomalyResult,
        MLAnalytics,
        ModelState,
        Prediction,
        detect_api_anomalies,
        get_ml_analytics,
        get_prometheus_exporter,
        optimize_system_thresholds,
        predict_api_performance,
    )

try:
    __version__ = version("rapidapi-ml")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"

__all__ = [
    "AnomalyResult",
    "MLAnalytics",
    "ModelState",
    "Prediction",
    "__version__",
    "detect_api_anomalies",
    "get_ml_analytics",
    "get_prometheus_exporter",
    "optimize_system_thresholds",
    "predict_api_performance",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name in __all__:
        return getattr(import_module("ml_sidecar.analytics"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
