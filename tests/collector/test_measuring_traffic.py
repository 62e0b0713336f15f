"""Each example of docs/measuring_traffic.md runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests as http

from tests.collector.test_exposition import until
from tests.collector.test_service import running

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "measuring_traffic.md").read_text(encoding="utf-8")
EXAMPLES = [
    block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "start_http_server" in block
]
[SCRIPT] = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "Handover" in block]
SHOW = """
import prometheus_client
print(prometheus_client.generate_latest().decode())
"""


@pytest.mark.parametrize(
    ("example", "requests"), [*zip(EXAMPLES, (1, 2, 1), strict=True)], ids=["requests", "httpx", "aiohttp"]
)
def test_examples(example: str, requests: int, answers: str, unused_tcp_port: int) -> None:
    """Whoever copies an example sees the request counted."""
    code = example.replace("https://api.example.com/today", f"{answers}/200").replace(
        "9102", str(unused_tcp_port)
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code + SHOW],
        check=True, capture_output=True, text=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    labels = 'api_name="weather",environment="production",status="success"'
    assert f"rapidapi_api_requests_total{{{labels}}} {requests}.0" in result.stdout


def test_examples_take_their_own_advice() -> None:
    """Whoever copies an example serves metrics to nobody else's machine, and waits for no API for ever."""
    clients = [block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if ".get(" in block]
    assert len(clients) == 6
    assert all("timeout" in block for block in clients)
    assert all('start_http_server(9102, addr="127.0.0.1")' in example for example in EXAMPLES)


def test_a_script_hands_over(answers: str, tmp_path: Path) -> None:
    """The collector shows what scripts measured that have long ended, also one that ran while it was down."""
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o770)
    config = tmp_path / "apis.yml"
    config.write_text(f"apis:\n  - {{name: probed, url: {answers}/200}}\n")
    code = SCRIPT.replace("https://api.example.com/today", f"{answers}/404")
    script = [sys.executable, "-W", "error", "-c", code.replace("/var/spool/rapidapi", str(folder))]
    subprocess.run(script, check=True, cwd=ROOT)
    assert len(list(folder.iterdir())) == 1
    with running(config, COLLECTOR_HANDOVER_DIR=str(folder), ENVIRONMENT="production") as (process, url):
        assert until(lambda: _errors(url)) == [0]
        until(lambda: _errors(url) == [1])
        subprocess.run(script, check=True, cwd=ROOT)
        until(lambda: _errors(url) == [2])
        assert list(folder.iterdir()) == []
        process.terminate()
        assert process.wait(timeout=30) == 0


def _errors(url: str) -> list[float]:
    """Return the number of errors that the collector shows for the script's API, if it shows one."""
    series = 'rapidapi_api_errors_total{api_name="weather",environment="production",reason="http_4xx"} '
    lines = http.get(f"{url}/metrics", timeout=10).text.splitlines()
    return [float(line.removeprefix(series)) for line in lines if line.startswith(series)]
