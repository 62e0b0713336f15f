"""Panels about one feature of one API: actual against normal, forecast against outcome, and the hours to come."""

from __future__ import annotations

from typing import Any, Final

from alert_rules.settings import DEFAULT
from dashboards.names import FEATURES
from dashboards.palette import BAD, NEUTRAL, ORANGE, SKY, WARN
from dashboards.panels import DASHED, DOTTED, band, line, steps, time_series
from dashboards.queries import feature, of_api, shifted
from dashboards.tables import COLORED_TEXT, Column, table
from ml_sidecar import contract as ml

_NEAR, _FAR = ml.HORIZONS[0], ml.HORIZONS[-1]


def normal(name: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the feature against what is normal for the API now, and its learnt thresholds."""
    shown = FEATURES[name]
    return time_series(
        shown.title,
        "Seen: what the API does. Expected, with its band: what is normal for it at this hour. Dashed and dotted: the "
        "learnt thresholds.",
        [
            (feature(name), "seen"),
            (of_api(ml.EXPECTED, feature=name), "expected"),
            (of_api(ml.EXPECTED_LOWER, feature=name), "normal from"),
            (of_api(ml.EXPECTED_UPPER, feature=name), "normal to"),
            (of_api(ml.THRESHOLD, "bound", feature=name, severity="warning"), "warning threshold"),
            (of_api(ml.THRESHOLD, "bound", feature=name, severity="critical"), "critical threshold"),
        ],
        shown.unit,
        axis=shown.axis,
        overrides=[
            line("seen", shown.color, lineWidth=2),
            line("expected", NEUTRAL, lineStyle=DASHED),
            *band("normal from", "normal to", NEUTRAL),
            line("warning threshold", WARN, lineStyle=DASHED),
            line("critical threshold", BAD, lineStyle=DOTTED),
        ],
        filled=False,
    )


def forecast_against_outcome(name: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return what came against what had been forecast for that moment: each forecast is drawn at its own target."""
    shown = FEATURES[name]
    return time_series(
        _OUTCOMES[name],
        "Each forecast stands at the time for which it was made, so that it can be compared with what then came. The "
        "band is the 90 % interval of the forecast made one hour before.",
        [
            (feature(name), "came"),
            (shifted(ml.PREDICTED, _NEAR, feature=name, horizon=_NEAR), "forecast 1 hour before"),
            (shifted(ml.PREDICTED_LOWER, _NEAR, feature=name, horizon=_NEAR), "likely from"),
            (shifted(ml.PREDICTED_UPPER, _NEAR, feature=name, horizon=_NEAR), "likely to"),
            (shifted(ml.PREDICTED, _FAR, feature=name, horizon=_FAR), "forecast 3 hours before"),
        ],
        shown.unit,
        axis=shown.axis,
        overrides=[
            line("came", shown.color, lineWidth=2),
            line("forecast 1 hour before", NEUTRAL, lineStyle=DASHED),
            *band("likely from", "likely to", NEUTRAL),
            line("forecast 3 hours before", _FAR_COLORS[name], lineStyle=DOTTED),
        ],
        filled=False,
    )


_OUTCOMES: Final = {
    ml.SUCCESS_RATE: "Success rate: forecast and outcome",
    ml.RESPONSE_TIME: "Response time: forecast and outcome",
}
_FAR_COLORS: Final = {ml.SUCCESS_RATE: ORANGE, ml.RESPONSE_TIME: SKY}


def next_hours(name: str) -> Any:  # noqa: ANN401 - grafanalib is untyped
    """Return the forecasts that stand now, one row per horizon."""
    shown = FEATURES[name]
    value = {"unit": shown.unit, "decimals": 2}
    share = {"unit": "percentunit", "decimals": 0}
    limit = {"mode": "absolute", "steps": steps(NEUTRAL, (DEFAULT.breach_probability, BAD))}
    breach = {"noValue": "not known", "thresholds": limit}
    columns = (
        ("Forecast", ml.PREDICTED, value),
        ("Likely from", ml.PREDICTED_LOWER, value),
        ("Likely to", ml.PREDICTED_UPPER, value),
        ("Confidence", ml.PREDICTION_CONFIDENCE, share),
        ("Breach", ml.BREACH_PROBABILITY, share | breach | COLORED_TEXT),
    )
    return table(
        _NEXT[name],
        "Likely: the 90 % interval. Confidence: the probability that the forecast is right to within the smallest "
        "deviation worth an alarm. Breach: the probability that the critical threshold will be crossed.",
        [
            Column(title, of_api(metric, "horizon", feature=name), properties)
            for title, metric, properties in columns
        ],
        keys={"horizon": "In", "environment": "Environment"},
        hidden=["api_name"],
    )


_NEXT: Final = {
    ml.SUCCESS_RATE: "Success rate in the next hours",
    ml.RESPONSE_TIME: "Response time in the next hours",
}
