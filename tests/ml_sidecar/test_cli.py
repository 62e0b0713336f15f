"""The command line against a real Prometheus: every bad input is one clear line and an exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.processes import Server, free_port, start_prometheus

pytestmark = pytest.mark.integration

CONFIG = "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus without any history of ours."""
    with start_prometheus(tmp_path_factory.mktemp("prometheus"), CONFIG) as server:
        yield server


def run(*arguments: str, url: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run rapidapi-ml as a user would."""
    environment = {"PROMETHEUS_URL": url, "MODELS_DIR": str(tmp_path / "models"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-m", "ml_sidecar", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_no_history_at_all(prometheus: Server, tmp_path: Path) -> None:
    """Training on an empty Prometheus says how many rows there are and how many are needed."""
    done = run("train", url=prometheus.url, tmp_path=tmp_path)
    assert done.returncode == 3
    assert done.stderr == (
        "rapidapi-ml: 0 rows of history, 1000 needed (ML_MIN_TRAINING_SAMPLES); training is tried again later\n"
    )


def test_unreachable_prometheus(tmp_path: Path) -> None:
    """A wrong address is named, together with the variable that holds it."""
    url = f"http://127.0.0.1:{free_port()}"
    done = run("check-config", url=url, tmp_path=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"rapidapi-ml: Prometheus at {url} is unreachable: connection refused; "
        "check PROMETHEUS_URL and that it runs\n"
    )


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            "features:\n  a: {expr: up, directon: above, direction: above}\n",
            "{file}: features.a.directon: unknown key; remove it or correct its spelling",
        ),
        (
            "features:\n  a: {expr: 'sum(', direction: above}\n",
            (
                "Prometheus refused the query 'sum(': invalid parameter \"query\": 1:5: parse error: unclosed left "
                "parenthesis"
            ),
        ),
        (
            (
                'features:\n  a: {expr: \'label_replace(vector(1), "api_name", "x", "", "") or '
                'label_replace(label_replace(vector(2), "api_name", "x", "", ""), "le", "1", "", "")\', direction: above}\n'
            ),
            (
                "features.a.expr gives 2 samples for the API 'x'; aggregate it, for example max by (api_name, environment) "
                "(...)"
            ),
        ),
    ],
)
def test_a_wrong_file_is_named(prometheus: Server, tmp_path: Path, features: str, message: str) -> None:
    """check-config finds an unknown key, an expression that does not parse, and one that is ambiguous."""
    path = tmp_path / "sidecar.yml"
    path.write_text(features, encoding="utf-8")
    done = run("check-config", "--config", str(path), url=prometheus.url, tmp_path=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"rapidapi-ml: {message.format(file=path)}\n"


def test_a_good_file_says_what_it_found(prometheus: Server, tmp_path: Path) -> None:
    """check-config of a working file counts features and APIs."""
    path = tmp_path / "sidecar.yml"
    path.write_text(
        'features:\n  a: {expr: \'label_replace(vector(1), "api_name", "x", "", "")\', direction: above}\n',
        encoding="utf-8",
    )
    done = run("check-config", "--config", str(path), url=prometheus.url, tmp_path=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{path}: 1 features, 1 APIs report\n")
