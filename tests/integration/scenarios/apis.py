"""What people feel, what the models see in an API, and what runs out."""

from __future__ import annotations

import time

from collector import contract as raw
from ml_sidecar import contract as ml
from tests.integration.exposition import Series, rising
from tests.integration.scenarios.scenario import ENVIRONMENT, Scenario, api, labels_of, of, traffic


def down() -> Scenario:
    """Every request fails."""
    return Scenario(
        "down (staging) is down: expected a success rate of 99.5 %, seen 0 %. Most failures: http_5xx.",
        labels_of("down", "critical", "api", "symptom", training_exclude="true"),
        collector=traffic("down", success=0, error=1),
        sidecar=[api("down")(ml.EXPECTED, 99.5, feature=ml.SUCCESS_RATE)],
    )


def success_rate_low() -> Scenario:
    """Four of five requests succeed, where nine of ten are normal."""
    threshold = api("flaky")(ml.THRESHOLD, 90, feature=ml.SUCCESS_RATE, severity="warning", bound="lower")
    return Scenario(
        "flaky (staging): expected a success rate of at least 90 % (learnt), seen 80 %. Most failures: timeout.",
        labels_of("flaky", "warning", "api", "symptom"),
        collector=traffic("flaky", success=0.8, error=0.2, reason="timeout"),
        sidecar=[threshold],
    )


def success_rate_critical() -> Scenario:
    """Three of ten requests succeed, where half of them is as low as it gets."""
    threshold = api("ill")(ml.THRESHOLD, 50, feature=ml.SUCCESS_RATE, severity="critical", bound="lower")
    return Scenario(
        "ill (staging): expected a success rate of at least 50 % (learnt), seen 30 %. Most failures: timeout.",
        labels_of("ill", "critical", "api", "symptom"),
        collector=traffic("ill", success=0.3, error=0.7, reason="timeout"),
        sidecar=[threshold],
    )


def response_time_high() -> Scenario:
    """Every request takes half a second, where 0.4 s are normal."""
    threshold = api("slow")(ml.THRESHOLD, 0.4, feature=ml.RESPONSE_TIME, severity="warning", bound="upper")
    return Scenario(
        "slow (staging): expected a response time of at most 0.4 s (learnt), seen 0.5 s. "
        "Most of the time: processing.",
        labels_of("slow", "warning", "api", "symptom"),
        collector=[*traffic("slow"), api("slow")(raw.PHASE_SECONDS, rising(0.4), phase="processing")],
        sidecar=[threshold],
    )


def response_time_critical() -> Scenario:
    """Every request takes eleven seconds, and nothing has been learnt about that."""
    return Scenario(
        "stuck (staging): expected a response time of at most 10 s (fixed, nothing is learnt yet), seen 11 s.",
        labels_of("stuck", "critical", "api", "symptom"),
        collector=traffic("stuck", seconds=11),
    )


def budget_burn_critical() -> Scenario:
    """Half of the requests fail, in the short window and in the long one."""
    return Scenario(
        "burning (staging): expected at most 1 % of the requests to fail, seen 50%. "
        "Of the error budget of 12h <n> % is left. Most failures: tls.",
        labels_of("burning", "critical", "api", "symptom"),
        collector=traffic("burning", success=1, error=1, reason="tls"),
    )


def budget_burn() -> Scenario:
    """One request of twenty-five fails: no page, but the month does not bear it."""
    return Scenario(
        "glowing (staging): expected at most 1 % of the requests to fail, seen <n>%. "
        "Of the error budget of 12h <n> % is left. Most failures: dns.",
        labels_of("glowing", "warning", "api", "symptom"),
        collector=traffic("glowing", success=24, error=1, reason="dns"),
    )


def budget_not_recorded() -> Scenario:
    """Requests are counted, but the count is never brought up to date, so that there is no increase to record."""
    labels = {"api_name": "unkept", "environment": ENVIRONMENT, "status": "success"}
    return Scenario(
        "unkept (staging): expected its requests to be counted every 5s, seen no count for 15s; "
        "alerts on its error budget are blind.",
        labels_of("unkept", "warning", "prometheus", "health"),
        collector=[Series(raw.REQUESTS.name, labels, 1, timestamp=time.time())],
    )


def anomaly() -> Scenario:
    """An episode is open, most of it due to the response time."""
    name = 'odd "A&B" <1>'
    series = api(name)
    return Scenario(
        f"{name} (staging) does not behave as it usually does: anomalous for 100% of the last 5s, anomaly score "
        "0.93 of 1. Most of it is due to its response time: expected 0.2 s (from 0.1 to 0.3), seen 0.5 s.",
        labels_of(name, "warning", "ml", "sign"),
        collector=traffic(name),
        sidecar=[
            series(ml.ANOMALY, 1),
            series(ml.ANOMALY_SCORE, 0.93),
            series(ml.CONTRIBUTION, 0.75, feature=ml.RESPONSE_TIME),
            series(ml.CONTRIBUTION, 0.25, feature=ml.SUCCESS_RATE),
            series(ml.EXPECTED, 0.2, feature=ml.RESPONSE_TIME),
            series(ml.EXPECTED_LOWER, 0.1, feature=ml.RESPONSE_TIME),
            series(ml.EXPECTED_UPPER, 0.3, feature=ml.RESPONSE_TIME),
        ],
    )


def score_high() -> Scenario:
    """The score is high without an episode."""
    return Scenario(
        "strange (staging): expected an anomaly score of at most 0.7, seen 0.75 on average over 10s.",
        labels_of("strange", "warning", "ml", "sign"),
        collector=traffic("strange"),
        sidecar=[api("strange")(ml.ANOMALY_SCORE, 0.75)],
    )


def degrading() -> Scenario:
    """The success rate falls by six points a day."""
    return Scenario(
        "falling (staging): expected a steady success rate, seen it change by -6 points a day; -5 is the limit.",
        labels_of("falling", "warning", "ml", "sign"),
        sidecar=[api("falling")(ml.TREND, -6, feature=ml.SUCCESS_RATE)],
    )


def breach_predicted() -> Scenario:
    """In two hours the success rate will be too low, says a forecast that has skill."""
    series = api("doomed")
    chances, forecasts = {"1h": 0.3, "2h": 0.8, "3h": 0.7}, {"1h": 96, "2h": 88.5, "3h": 90}
    return Scenario(
        "doomed (staging): expected its success rate to stay within its critical threshold, seen a probability of 80% "
        "that it will not, most probably in 2h (forecasts from 88.5 to 96).",
        labels_of("doomed", "warning", "ml", "sign", feature=ml.SUCCESS_RATE),
        sidecar=[
            of(ENVIRONMENT, ml.SKILL, 0.3, feature=ml.SUCCESS_RATE),
            *(
                series(ml.BREACH_PROBABILITY, p, feature=ml.SUCCESS_RATE, horizon=h)
                for h, p in chances.items()
            ),
            *(series(ml.PREDICTED, p, feature=ml.SUCCESS_RATE, horizon=h) for h, p in forecasts.items()),
        ],
    )


def threshold_changed() -> Scenario:
    """A threshold is learnt anew all the time."""
    series = api("learner")
    return Scenario(
        "learner (staging): the warning threshold of its response time was learnt anew; "
        "expected <n> as before, seen <n> now.",
        labels_of("learner", "info", "ml", "note", feature=ml.RESPONSE_TIME),
        sidecar=[
            series(ml.THRESHOLD_CHANGES, rising(1), feature=ml.RESPONSE_TIME),
            series(
                ml.THRESHOLD, rising(0.01, 2), feature=ml.RESPONSE_TIME, severity="warning", bound="upper"
            ),
        ],
    )


def quota_exhausting() -> Scenario:
    """Two requests of 500 are used up each second, and the quota is renewed in an hour."""
    series = api("thrifty")
    return Scenario(
        "thrifty (staging): expected its quota requests to last until it is renewed, seen <n> of 1000 requests left, "
        "and at this pace <n> by then.",
        labels_of("thrifty", "warning", "api", "cause", quota="requests"),
        collector=[
            series(raw.QUOTA_REMAINING, rising(-2, 500), quota="requests"),
            series(raw.QUOTA_LIMIT, 1000, quota="requests"),
            series(raw.QUOTA_RESET, time.time() + 3600, quota="requests"),
        ],
    )


def certificate_expiring() -> Scenario:
    """The certificate is valid for three hours."""
    return Scenario(
        "old (staging): expected a certificate that is valid for at least 336m, seen one that expires in <time>. "
        "Every request fails from then on.",
        labels_of("old", "warning", "api", "cause"),
        collector=[api("old")(raw.CERTIFICATE_EXPIRY, time.time() + 3 * 3600)],
    )


def certificate_expired() -> Scenario:
    """The certificate is no longer valid."""
    return Scenario(
        "expired (staging): expected a certificate that is valid for at least 48m, seen one that has expired. "
        "Every request fails from then on.",
        labels_of("expired", "critical", "api", "cause"),
        collector=[api("expired")(raw.CERTIFICATE_EXPIRY, time.time() - 60)],
    )
