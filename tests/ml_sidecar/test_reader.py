from __future__ import annotations

import math
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from demo.processes import start_prometheus
from demo.tools import tool
from ml_sidecar.errors import DuplicateSeriesError, PrometheusUnreachableError, QueryError
from ml_sidecar.features import Entity, Feature
from ml_sidecar.reader import PrometheusReader

AWKWARD = 'quote " back\\slash\nnewline ünïcode 😀 {a="b"} #'
LAST = math.floor(time.time() / 3600) * 3600.0 - 7200.0
"""Time of the newest sample."""
LONG = 11_500
"""Points of the long series, at one a minute."""
PLAIN, GAPS, ODD = (Entity(name, "production") for name in ("plain", "gaps", "odd"))
RATE = Feature("rate", "m_rate", minimum=0.0, maximum=100.0)
WAIT = Feature("wait", "m_wait")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _series(name: str, labels: dict[str, str], samples: list[tuple[float, float | str]]) -> str:
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return "".join(f"{name}{{{inside}}} {value} {moment}\n" for moment, value in samples)


def _api(name: str, environment: str = "production") -> dict[str, str]:
    return {"api_name": name, "environment": environment}


def _grid(count: int, step: float = 300.0) -> list[float]:
    return [LAST - step * i for i in range(count)][::-1]


def _firing(api: str, moments: list[float], **labels: str) -> str:
    standing = {"alertname": "Outage", "alertstate": "firing", "training_exclude": "true"}
    return _series("ALERTS", {**standing, **_api(api), **labels}, [(moment, 1) for moment in moments])


def _history() -> str:
    odd: list[float | str] = ["NaN", "+Inf", "-Inf", 150, -3, 100.00000001, 42]
    parts = [
        "# TYPE m_rate gauge\n",
        _series("m_rate", _api("plain"), [(t, i % 97) for i, t in enumerate(_grid(LONG, 60))]),
        _series("m_rate", _api("gaps"), [(t, 5) for t in _grid(12) if t not in _grid(6)[:3]]),
        _series("m_rate", _api("odd"), list(zip(_grid(7), odd, strict=True))),
        _series("m_rate", _api(AWKWARD), [(LAST, 7)]),
        _series("m_rate", {"api_name": "homeless"}, [(LAST, 8)]),
        "# TYPE m_wait gauge\n",
        _series("m_wait", _api("plain"), [(LAST, 0.25)]),
        "# TYPE m_twice gauge\n",
        *(
            _series("m_twice", {**_api("plain"), "instance": i}, [(LAST, value)])
            for i, value in zip("abc", (1, 3, 2), strict=True)
        ),
        "# TYPE m_nameless gauge\n",
        _series("m_nameless", {"job": "x"}, [(LAST, 1)]),
        "# TYPE ALERTS gauge\n",
        _firing("plain", [t for t in _grid(4000, 60) if t <= LAST - 86_400]),
        _firing("gaps", [LAST - 700]),
        _firing("odd", _grid(5), alertstate="pending"),
        _firing(AWKWARD, _grid(5), training_exclude="false"),
        "# EOF\n",
    ]
    return "".join(parts)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Prometheus that holds the awkward history above."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    text = folder / "history.om"
    text.write_text(_history(), encoding="utf-8")
    load = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h"]
    subprocess.run(
        [str(tool("promtool")), *load, str(text), str(folder / "data")], check=True, capture_output=True
    )
    with start_prometheus(folder, "global: {scrape_interval: 15s}\n") as server:
        yield server.url


@pytest.fixture
def reader(prometheus: str) -> Iterator[PrometheusReader]:
    """A reader of two features."""
    reader = PrometheusReader(prometheus, [RATE, WAIT])
    yield reader
    reader.close()


pytestmark = pytest.mark.integration


def test_instant_gives_one_row_with_all_apis_sorted(reader: PrometheusReader) -> None:
    """Every API that reports is there under its exact name; a feature it lacks is NaN."""
    window = reader.instant(LAST)
    names = [entity.api_name for entity in window.entities]
    assert names == sorted(["plain", "gaps", "odd", AWKWARD, "homeless"])
    assert window.values.shape == (1, 5, 2)
    row = dict(zip(names, window.values[0].tolist(), strict=True))
    assert row["plain"] == [(LONG - 1) % 97, 0.25]
    assert row[AWKWARD][0] == 7.0
    assert math.isnan(row["gaps"][1])


def test_missing_environment_gets_the_default(prometheus: str) -> None:
    """A series without environment is given the one of this process."""
    reader = PrometheusReader(prometheus, [RATE], default_environment="staging")
    assert Entity("homeless", "staging") in reader.instant(LAST).entities


def test_sources_labels_are_mapped(prometheus: str) -> None:
    """Any label of the source can tell the APIs apart."""
    reader = PrometheusReader(prometheus, [Feature("x", "m_nameless")], entity_labels=("job", "team"))
    assert reader.instant(LAST).entities == (Entity("x", "production"),)


@pytest.mark.parametrize(
    "expression", ["m_rate", " m_rate\n", 'm_rate{api_name=~".+",environment!="a}\\"b"}', "m_rate{}"]
)
def test_old_values_are_not_served_as_new(prometheus: str, expression: str) -> None:
    """A source that fell silent is absent after the lookback, not frozen for Prometheus' five minutes."""
    reader = PrometheusReader(prometheus, [Feature("rate", expression)])
    assert PLAIN in reader.instant(LAST + 80).entities
    assert reader.instant(LAST + 100).entities == ()


def test_largest_of_several_samples_wins(prometheus: str) -> None:
    """Two samples for one API on the hot path are reduced to the largest, live and in history."""
    reader = PrometheusReader(prometheus, [Feature("twice", "m_twice")])
    assert reader.instant(LAST).values.tolist() == [[[3.0]]]
    assert reader.history(LAST, LAST, 300).values.tolist() == [[[3.0]]]


def test_bad_values_are_rejected_and_counted(reader: PrometheusReader) -> None:
    """NaN, infinite and impossible values are absent; rounding at the edge is forgiven; rejections are counted."""
    window = reader.history(LAST - 1800, LAST, 300).of([ODD])
    np.testing.assert_array_equal(window.values[:, 0, 0], [np.nan] * 5 + [100.0, 42.0])
    assert reader.rejected_total == {"rate": 4, "wait": 0}


def test_gap_is_absent(reader: PrometheusReader) -> None:
    """Rows that were never written are NaN, neighbours keep their place on the grid."""
    values = reader.history(LAST - 3000, LAST, 300).of([GAPS]).values[:, 0, 0]
    np.testing.assert_array_equal(np.isnan(values), [False] * 5 + [True] * 3 + [False] * 3)


def test_times_are_whole_multiples_of_the_step(reader: PrometheusReader) -> None:
    """A span that starts and ends off the grid is narrowed to it."""
    window = reader.history(LAST - 901, LAST - 1, 300)
    assert window.times.tolist() == [LAST - 900, LAST - 600, LAST - 300]


@pytest.mark.parametrize(("max_samples", "queries"), [(500_000, 3), (40_000, 3), (2_000, 7)])
def test_long_history_comes_in_pieces_without_a_seam(prometheus: str, max_samples: int, queries: int) -> None:
    """More points than Prometheus answers at once, or than the cap allows, arrive complete, each exactly once."""
    reader = PrometheusReader(
        prometheus, [Feature("rate", 'm_rate{api_name="plain"}')], max_samples=max_samples
    )
    window = reader.history(LAST - 60 * (LONG - 1), LAST, 60)
    np.testing.assert_array_equal(window.values[:, 0, 0], np.arange(LONG) % 97)
    assert reader.queries_total == queries


def test_piece_at_the_servers_limit_is_accepted(prometheus: str) -> None:
    """A piece of 11,000 points is not one too many."""
    reader = PrometheusReader(prometheus, [RATE], max_samples=10_000 * 11_000)
    assert len(reader.history(LAST - 60 * 10_999, LAST, 60).values) == 11_000
    assert reader.queries_total == 1


def test_no_history_is_an_empty_window(prometheus: str) -> None:
    """Nothing recorded yet is no error."""
    reader = PrometheusReader(prometheus, [Feature("none", "m_unknown")])
    window = reader.history(LAST - 3000, LAST, 300)
    assert (window.entities, window.values.shape, window.rows) == ((), (11, 0, 1), 0)
    assert reader.instant(LAST).entities == ()


def test_span_without_a_grid_point_is_an_empty_window(reader: PrometheusReader) -> None:
    """Asking for less than a step asks nothing of the server."""
    assert reader.history(LAST + 1, LAST + 2, 300).values.shape == (0, 0, 2)
    assert reader.queries_total == 0


def test_check_accepts_sound_expressions(reader: PrometheusReader) -> None:
    """Expressions with one sample per API pass."""
    reader.check(LAST)


def test_check_names_the_doubled_api(prometheus: str) -> None:
    """An ambiguous expression is refused before anything is scored with it."""
    reader = PrometheusReader(prometheus, [RATE, Feature("twice", "m_twice")])
    with pytest.raises(DuplicateSeriesError) as caught:
        reader.check(LAST)
    assert str(caught.value) == (
        "features.twice.expr gives 3 samples for the API 'plain'; aggregate it, "
        "for example max by (api_name, environment) (...)"
    )


def test_check_names_the_missing_label(prometheus: str) -> None:
    """An expression that lost the API's label is refused with the way out."""
    with pytest.raises(QueryError) as caught:
        PrometheusReader(prometheus, [Feature("sum", "sum(m_rate)")]).check(LAST)
    assert str(caught.value) == (
        "Prometheus refused the query 'sum(m_rate)': 1 of its samples have no label 'api_name'; keep the label with "
        "`by (api_name, environment)`, or name another one in entity_labels.api_name"
    )


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("m_rate{", "parse error"),
        ("m_rate[5m]", "not one sample per API"),
        ("1 + 1", "not one sample per API"),
        ('"text"', "not one sample per API"),
        ("m_rate * on (api_name) m_twice", "duplicate series"),
    ],
)
def test_bad_expression_is_told_in_the_servers_words(prometheus: str, expression: str, reason: str) -> None:
    """What is wrong with an expression stands in the error, with the expression."""
    reader = PrometheusReader(prometheus, [Feature("bad", expression)])
    with pytest.raises(QueryError, match=reason) as caught:
        reader.instant(LAST)
    assert caught.value.expression == expression


def test_refused_query_is_counted(prometheus: str) -> None:
    """Failures show in the counters beside the attempts."""
    reader = PrometheusReader(prometheus, [RATE, Feature("bad", "m_rate{")])
    with pytest.raises(QueryError):
        reader.instant(LAST)
    assert (reader.queries_total, reader.failures_total) == (2, 1)


def test_alerts_exclude_rows_of_their_api_alone(reader: PrometheusReader) -> None:
    """Rows under a firing training_exclude alert are left out, one that fired between two rows included."""
    window = reader.history(LAST - 3000, LAST, 300)
    excluded = reader.excluded(window)
    assert excluded.shape == window.values.shape[:2]
    rows, columns = np.nonzero(excluded)
    assert {window.entities[i] for i in columns} == {GAPS}
    assert window.times[rows].tolist() == [LAST - 600]


def test_lasting_alert_excludes_a_day_at_most(reader: PrometheusReader) -> None:
    """A shift that lasts is learnt in the end: only the first 24 hours of an alert's span are left out."""
    begin = LAST - 3999 * 60
    window = reader.history(begin - 3600, LAST, 300)
    times = window.times[reader.excluded(window)[:, window.entities.index(PLAIN)]]
    assert len(times) == 288
    assert begin <= times[0] <= begin + 300
    assert times[-1] - times[0] == 287 * 300


def test_cap_holds_for_a_span_that_began_before_the_window(reader: PrometheusReader) -> None:
    """Looking at the later part of a long alert does not start its day anew."""
    window = reader.history(LAST - 4000 * 60 + 36 * 3600, LAST, 300)
    assert not reader.excluded(window)[:, window.entities.index(PLAIN)].any()


# ------------------------------------------------------------------ servers that are no Prometheus


class _Answers(BaseHTTPRequestHandler):
    status = 200
    body = b""
    delay = threading.Event()

    def do_GET(self) -> None:
        """Answer whatever the class says."""
        if self.status == 0:
            self.delay.wait(5.0)
            return
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Stay quiet."""


def _failure(status: int, body: bytes, timeout: float = 10.0) -> PrometheusUnreachableError:
    """What a reader says of a server that gives this answer to everything; status 0 is no answer."""
    released = threading.Event()
    handler = type("Handler", (_Answers,), {"status": status, "body": body, "delay": released})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        reader = PrometheusReader(
            f"http://127.0.0.1:{server.server_port}", [RATE], retries=0, timeout=timeout
        )
        try:
            with pytest.raises(PrometheusUnreachableError) as caught:
                reader.instant(LAST)
            assert (reader.queries_total, reader.failures_total) == (1, 1)
        finally:
            released.set()
            reader.close()
            server.shutdown()
            thread.join()
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"boom", "HTTP status 500"),
        (502, b"<html>Bad Gateway</html>", "HTTP status 502"),
        (503, b'{"status":"error","errorType":"timeout","error":"query timed out"}', "query timed out"),
        (404, b"not here", "HTTP status 404"),
        (400, b"<html>proxy</html>", "HTTP status 400"),
        (200, b"<html>Sign in</html>", "its answer is not JSON"),
        (200, b'{"hello": 1}', "its answer is not of the Prometheus query API"),
        (200, b"[]", "its answer is not of the Prometheus query API"),
    ],
)
def test_unusable_answer_counts_as_unreachable(status: int, body: bytes, reason: str) -> None:
    """An answer that no Prometheus would give is told apart from an expression that is wrong."""
    assert _failure(status, body).reason == reason


def test_silent_server_counts_as_unreachable() -> None:
    """A server that never answers is given up after the timeout."""
    assert _failure(0, b"", timeout=0.2).reason == "no answer in time"


def test_refused_connection_says_what_to_check() -> None:
    """No server at all: the message names address, cause and setting, and never the password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        reader = PrometheusReader(f"http://user:secret@127.0.0.1:{port}/", [RATE], retries=0)
        with pytest.raises(PrometheusUnreachableError) as caught:
            reader.instant(LAST)
    assert str(caught.value) == (
        f"Prometheus at http://127.0.0.1:{port} is unreachable: connection refused; "
        "check PROMETHEUS_URL and that it runs"
    )
