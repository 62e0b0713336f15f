"""Each example of docs/measuring_traffic.md runs as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "measuring_traffic.md").read_text(encoding="utf-8")
EXAMPLES = [
    block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "start_http_server" in block
]
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
