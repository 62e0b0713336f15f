"""Uids of the dashboards, to which links point, and the words and units of the features."""

from __future__ import annotations

from typing import Final, NamedTuple

from dashboards.palette import BLUE, ORANGE, PURPLE, SKY
from dashboards.panels import Axis
from ml_sidecar import contract as ml

OVERVIEW: Final = ml.OVERVIEW_DASHBOARD
ALERTS: Final = "rapidapi_alerts"
API: Final = ml.API_DASHBOARD
MODELS: Final = "rapidapi_models"
PIPELINE: Final = "rapidapi_pipeline"


class Shown(NamedTuple):
    """How a feature is written and drawn."""

    title: str
    unit: str
    color: str
    axis: Axis = Axis()

    @property
    def words(self) -> str:
        """The title as it stands within a sentence or a legend."""
        return self.title.lower()


FEATURES: Final = {
    ml.SUCCESS_RATE: Shown("Success rate", "percent", BLUE, Axis(None, 100, soft_minimum=90)),
    ml.RESPONSE_TIME: Shown("Response time", "s", ORANGE),
    ml.ERROR_RATE: Shown("Error rate", "percent", PURPLE, Axis(soft_maximum=10)),
    ml.REQUESTS_PER_MINUTE: Shown("Requests per minute", "reqpm", SKY),
}
FORECAST: Final = (ml.SUCCESS_RATE, ml.RESPONSE_TIME)
"""Features that are forecast by default."""
MODEL_TITLES: Final = {
    "anomaly_detector": "Anomaly detector",
    "performance_predictor": "Performance predictor",
    "pattern_clusterer": "Pattern clusterer",
}
SCORE_OPENS: Final = 0.7
"""The anomaly score from which an episode opens by default: medium; high begins at 0.9."""
SCORE_HIGH: Final = 0.9
