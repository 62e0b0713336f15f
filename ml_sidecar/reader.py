"""Reads features from Prometheus over HTTP into arrays; the only place that talks to it.

prometheus-api-client sends the queries, through a session of our own. Measured by `python -m benchmarks.reader`
(200 APIs, 7 days at 5 minutes, Prometheus 2.42, 2 cores), per 1e6 samples, conversion to arrays included:

| path | CPU-s here | CPU-s in Prometheus | peak bytes a sample |
|---|---|---|---|
| the client as it comes (gzip) | 1.6 | 3.2 | 310 |
| the client through a session without gzip | 1.2 | 0.2 | 310 |
| this reader: the same, with what is said below | 1.2 | 1.0 | 310 |
| values cut out of the JSON bytes by hand | 0.5 | 0.2 | 60 |

Gzip is what costs, so it is off. Cutting JSON by hand would save a CPU-second per million samples of a read that
happens once a day, and is not worth its risk at a thousand APIs. What the client loses is done here: a timeout,
pieces within the server's limit of 11,000 points per series and a cap on samples, borders without doubled points, the
server's own message in errors, an empty result that is no error, and values no older than the lookback on servers of
every version (see `_fresh`), which is what the server's share pays for. The queries of a cycle are sent one after the
other: four features of 10,000 APIs take 0.8 s (0.35 CPU-s here), and four threads at once took as long.
"""

from __future__ import annotations

import math
import re
import threading
import time as clock
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray
from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from ml_sidecar.config import Config
from ml_sidecar.contract import API_LABELS
from ml_sidecar.errors import DuplicateSeriesError, PrometheusUnreachableError, QueryError
from ml_sidecar.features import Array, Entity, Feature, Mask, Window, clean

EXCLUDING_ALERTS = 'ALERTS{alertstate="firing",training_exclude="true"}'
LONGEST_EXCLUSION = 86_400.0
"""Seconds of one span of alerts that training leaves out, so that a lasting level shift is learnt in the end."""
_SELECTOR = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{([^{}"]|"([^"\\]|\\.)*")*\})?')
"""A plain selector of one metric, without modifiers."""
_CAUSES = {
    "Connection refused": "connection refused",
    "timed out": "no answer in time",
    "Failed to resolve": "its name does not resolve",
    "RemoteDisconnected": "it closed the connection",
}
"""What urllib3 says, and what we say."""
_SERIES_EXPECTED = 10_000
"""Series assumed in the first piece of a history, before it is known how many there are."""

Rows = NDArray[np.int64] | slice


class _RefusedError(Exception):
    """The server answered with a status other than success."""

    def __init__(self, status: int, message: str | None) -> None:
        self.status = status
        self.message = message
        super().__init__(message or f"HTTP status {status}")


def _refuse_failures(response: requests.Response, **_: object) -> None:
    """Hook of the session: keep status and message of a failure, which the client would bury in a text."""
    if response.ok:
        return
    try:
        message = str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        message = None
    raise _RefusedError(response.status_code, message)


class PrometheusReader:
    """Reads features through any server with the Prometheus query API. Safe to use from several threads.

    Args:
        url: base URL of the server; user and password in it are used and never shown.
        features: what to read, in column order.
        entity_labels: names of the source's labels that become `api_name` and `environment`.
        default_environment: for series without the second label.
        timeout: seconds to connect, and seconds of silence, after which the server counts as unreachable.
        lookback: seconds after which a sample is too old to answer a query.
        headers: sent with each query (tenant, authorization).
        max_points: points per series and query; Prometheus refuses more than 11,000.
        max_samples: samples per query, about; bounds memory here (310 bytes a sample) and in the server.
        retries: further attempts when a connection fails.

    Attributes:
        queries_total: queries sent.
        failures_total: queries that failed.
        last_duration: seconds the queries of the last `instant` took.
        rejected_total: samples per feature that were not finite, out of range or without the API's label.
    """

    def __init__(
        self,
        url: str,
        features: Sequence[Feature],
        *,
        entity_labels: tuple[str, str] = API_LABELS,
        default_environment: str = "production",
        timeout: float = 10.0,
        lookback: float = 90.0,
        headers: Mapping[str, str] | None = None,
        max_points: int = 11_000,
        max_samples: int = 500_000,
        retries: int = 1,
    ) -> None:
        self.url = re.sub(r"//[^/@]*@", "//", url.rstrip("/"))
        self.features = tuple(features)
        self.entity_labels = entity_labels
        self.default_environment = default_environment
        self.lookback = lookback
        self.max_points = max_points
        self.max_samples = max_samples
        self.queries_total = 0
        self.failures_total = 0
        self.last_duration = 0.0
        self.rejected_total: Counter[str] = Counter({feature.name: 0 for feature in features})
        self._lock = threading.Lock()
        session = requests.Session()
        session.headers.update({"Accept-Encoding": "identity", **(headers or {})})
        session.hooks["response"].append(_refuse_failures)
        self._client = PrometheusConnect(
            url.rstrip("/"),
            session=session,
            timeout=timeout,
            retry=Retry(total=retries, backoff_factor=0.2, redirect=5),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def instant(self, time: float) -> Window:
        """Values of all features of all APIs at one time, as a window of one row.

        Several samples of one API are reduced to their largest.

        Raises:
            PrometheusUnreachableError: no usable answer.
            QueryError: the server refused an expression.
        """
        started = clock.perf_counter()
        seen = [list(self._now(feature.expr, time)) for feature in self.features]
        self.last_duration = clock.perf_counter() - started
        columns: dict[Entity, Array] = {}
        for f, (feature, samples) in enumerate(zip(self.features, seen, strict=True)):
            for entity, value in samples:
                if entity is None:
                    self._reject(feature.name, 1)
                    continue
                row = columns.get(entity)
                if row is None:
                    row = columns[entity] = np.full((1, len(self.features)), np.nan)
                row[0, f] = np.fmax(row[0, f], value)
        return self._window(time, self.lookback, 1, columns, self.features)

    def history(
        self, start: float, end: float, step: float, features: Sequence[Feature] | None = None
    ) -> Window:
        """Values on the grid of whole multiples of `step` with start <= time <= end, NaN where absent.

        Args:
            start: seconds since the epoch.
            end: seconds since the epoch, included.
            step: whole seconds.
            features: instead of the reader's own.

        Raises:
            PrometheusUnreachableError: no usable answer.
            QueryError: the server refused an expression.
        """
        chosen = self.features if features is None else tuple(features)
        first = math.ceil(start / step) * step
        count = max(0, math.floor((end - first) / step) + 1)
        columns: dict[Entity, Array] = {}
        for f, feature in enumerate(chosen):
            for entity, rows, values in self._series(feature.expr, first, count, step):
                if entity is None:
                    self._reject(feature.name, len(values))
                    continue
                column = columns.get(entity)
                if column is None:
                    column = columns[entity] = np.full((count, len(chosen)), np.nan)
                column[rows, f] = np.fmax(column[rows, f], values)
        return self._window(first, step, count, columns, chosen)

    def check(self, time: float) -> None:
        """Try each feature's expression.

        Raises:
            QueryError: the server refuses it, or its samples do not say which API they are of.
            DuplicateSeriesError: it gives two samples for one API.
            PrometheusUnreachableError: no usable answer.
        """
        for feature in self.features:
            counts = Counter(entity for entity, _ in self._now(feature.expr, time))
            if None in counts:
                label = self.entity_labels[0]
                raise QueryError(
                    feature.expr,
                    f"{counts[None]} of its samples have no label {label!r}; keep the label with "
                    f"`by ({', '.join(self.entity_labels)})`, or name another one in entity_labels.api_name",
                )
            for entity, count in counts.most_common(1):
                if entity is not None and count > 1:
                    raise DuplicateSeriesError(feature.name, entity.api_name, count)

    def excluded(self, window: Window) -> Mask:
        """Where an alert with training_exclude="true" was firing for the API, at most 24 h per span.

        An alert that fired anywhere between two rows counts for the later one.

        Returns:
            Shape (T, A), True where the row must not be learnt as normal.
        """
        longest = math.ceil(LONGEST_EXCLUSION / window.step)
        count = longest + len(window.values)
        column = {entity: i for i, entity in enumerate(window.entities)}
        firing = np.zeros((count, len(column)), dtype=bool)
        expression = f"max_over_time({EXCLUDING_ALERTS}[{window.step:.0f}s])"
        first = window.start - longest * window.step
        for entity, rows, _ in self._series(expression, first, count, window.step):
            if entity in column:
                firing[rows, column[entity]] = True
        return _shorten_runs(firing, longest)[longest:]

    def _window(
        self,
        start: float,
        step: float,
        count: int,
        columns: Mapping[Entity, Array],
        features: Sequence[Feature],
    ) -> Window:
        entities = tuple(sorted(columns))
        values = np.full((count, len(entities), len(features)), np.nan)
        for a, entity in enumerate(entities):
            values[:, a] = columns[entity]
        cleaned, rejected = clean(values, features)
        for feature, number in zip(features, rejected, strict=True):
            self._reject(feature.name, int(number))
        return Window(start, step, entities, tuple(feature.name for feature in features), cleaned)

    def _reject(self, feature: str, number: int) -> None:
        with self._lock:
            self.rejected_total[feature] += number

    def _entity(self, labels: Mapping[str, str]) -> Entity | None:
        """The API that a series is of; alerts may carry our own label names where the source has others."""
        api_label, environment_label = self.entity_labels
        api_name = labels.get(api_label) or labels.get(API_LABELS[0])
        environment = labels.get(environment_label) or labels.get(API_LABELS[1]) or self.default_environment
        return Entity(api_name, environment) if api_name else None

    def _now(self, expression: str, time: float) -> Iterator[tuple[Entity | None, float]]:
        """Each sample of an instant query, with the API it is of."""
        query = _fresh(expression, self.lookback)
        parameters = {"time": time, "lookback_delta": self.lookback}
        for series in self._ask(expression, lambda: self._client.custom_query(query, parameters)):
            if not isinstance(series, dict) or "value" not in series:
                raise QueryError(
                    expression, "it gives a scalar, a text or a range of samples, not one sample per API"
                )
            yield self._entity(series["metric"]), float(series["value"][1])

    def _series(
        self, expression: str, first: float, count: int, step: float
    ) -> Iterator[tuple[Entity | None, Rows, Array]]:
        """Series of a range query of `count` points from `first` on, in pieces: API, grid rows, values.

        The newest piece comes first: it tells how many series there are, even where history is shorter than asked.
        """
        query = _fresh(expression, self.lookback)
        length = self._piece(_SERIES_EXPECTED)
        while count > 0:
            points = min(length, count)
            count -= points
            start, end = (
                datetime.fromtimestamp(first + row * step, UTC) for row in (count, count + points - 1)
            )
            found = self._ask(
                expression,
                lambda start=start, end=end: self._client.custom_query_range(  # type: ignore[misc]
                    query, start, end, str(step), {"lookback_delta": self.lookback}
                ),
            )
            for series in found:
                samples = series["values"]
                rows = _rows(samples, first, step) if len(samples) < points else slice(count, count + points)
                yield self._entity(series["metric"]), rows, np.array([float(text) for _, text in samples])
            length = self._piece(len(found))

    def _piece(self, series: int) -> int:
        """Points per query that keep it within the caps."""
        return max(1, min(self.max_points, self.max_samples // max(1, series)))

    def _ask(self, expression: str, query: Callable[[], Any]) -> list[Any]:
        """Send one query, count it, and give its failure the name that the caller can act on."""
        with self._lock:
            self.queries_total += 1
        try:
            return list(query())
        except _RefusedError as error:
            self._failed()
            if error.status in {400, 422} and error.message is not None:
                raise QueryError(expression, error.message) from error
            raise PrometheusUnreachableError(self.url, str(error)) from error
        except (requests.RequestException, KeyError, TypeError) as error:
            self._failed()
            raise PrometheusUnreachableError(self.url, _reason(error)) from error

    def _failed(self) -> None:
        with self._lock:
            self.failures_total += 1


def reader_of(config: Config) -> PrometheusReader:
    """A reader with the settings of a configuration."""
    labels = config.file.entity_labels
    return PrometheusReader(
        config.env.prometheus_url,
        config.features,
        entity_labels=(labels.api_name, labels.environment),
        default_environment=config.env.environment,
        timeout=config.env.prometheus_timeout_seconds,
        lookback=config.env.prometheus_lookback_seconds,
    )


def _reason(error: Exception) -> str:
    """Why there is no usable answer, in a few words."""
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return "its answer is not JSON"
    if isinstance(error, (KeyError, TypeError)):
        return "its answer is not of the Prometheus query API"
    said = repr(error)
    return next((ours for theirs, ours in _CAUSES.items() if theirs in said), type(error).__name__)


def _fresh(expression: str, lookback: float) -> str:
    """The expression without values older than `lookback` seconds.

    Servers before Prometheus 2.43 and Mimir before 2026 do not know the parameter lookback_delta and answer with
    values up to five minutes old. For a plain selector, which every recorded feature is, PromQL says the same; the
    selector itself stays on the left because last_over_time alone would ignore that a series was ended.
    """
    if not _SELECTOR.fullmatch(expression.strip()):
        return expression
    return f"{expression} and last_over_time({expression}[{lookback * 1000:.0f}ms])"


def _rows(samples: Sequence[tuple[float, str]], first: float, step: float) -> Rows:
    """Grid rows of samples."""
    times = np.array([moment for moment, _ in samples])
    return np.asarray(np.rint((times - first) / step), dtype=np.int64)


def _shorten_runs(mask: Mask, longest: int) -> Mask:
    """Only the first `longest` rows of each run of True along the first axis."""
    row = np.arange(len(mask))[:, None]
    before = np.maximum.accumulate(np.where(mask, -1, row), axis=0)
    return np.asarray(mask & (row - before <= longest))
