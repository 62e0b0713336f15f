"""`rapidapi-collector probe`: a configuration is tried before it goes into service."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from collector.api import Api
from collector.cli import app
from collector.outcome import Outcome
from collector.quota import Quota
from collector.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

NOW = 1_800_000_000.0
SECRET = "s3cr3t"


class Paths(BaseHTTPRequestHandler):
    """Answers `/ok` with 200 and all else with 503."""

    def do_GET(self) -> None:
        """Answer without a body."""
        self.send_response(200 if self.path.startswith("/ok") else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Give a configuration with an API that works and one that does not."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Paths)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    apis = [
        {"name": "Good", "url": f"{url}/ok?key={SECRET}"},
        {"name": "Bad\nname", "url": f"{url}/bad?key={SECRET}"},
    ]
    path = tmp_path / "apis.yml"
    path.write_text(yaml.safe_dump({"apis": apis}), encoding="utf-8")
    yield path
    server.shutdown()
    server.server_close()


def probe(config: Path, *names: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["probe", *names, "--config", str(config)])


def test_each_api_has_its_line(config: Path) -> None:
    """Each API is probed and told in one line, names that would break it quoted, and a failure ends with status 1."""
    result = probe(config)
    bad, good = sorted(result.stdout.splitlines())
    assert re.fullmatch(r"error   'Bad\\nname': .* m?s, http_5xx \(status 503, expected 2xx\)", bad)
    assert re.fullmatch(
        r"success Good: .* m?s \(dns .*, connect .* ms, processing .* ms, transfer .* ms\)", good
    )
    assert result.exit_code == 1
    assert SECRET not in result.output


def test_chosen_api(config: Path) -> None:
    """Only the APIs that are named are probed, and where they succeed the status is 0."""
    result = probe(config, "Good")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1


def test_unknown_name(config: Path) -> None:
    """A name that is not in the file is an error, with what was meant; nothing is probed."""
    result = probe(config, "Goood")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "rapidapi-collector: no API is named 'Goood'; did you mean 'Good'?\n"


def test_lists_are_not_looked_at(config: Path) -> None:
    """Whoever asks for an API of a list, or tries a file that has lists only, is told that those are not looked at."""
    lists = "file_sd: [{name: Inventory, files: [targets.yml]}]\n"
    no_lists = "lists of http_sd and file_sd are not looked at"
    config.write_text(config.read_text(encoding="utf-8") + lists, encoding="utf-8")
    result = probe(config, "Goood")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"did you mean 'Good'? ({no_lists})\n")
    config.write_text(lists, encoding="utf-8")
    result = probe(config)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{config}: nothing to probe: it names no API, and {no_lists}\n"


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            Outcome(None, 0.25, {"connect": 0.05, "processing": 0.2}),
            "success A: 250 ms (connect 50 ms, processing 200 ms)",
        ),
        (
            Outcome(None, 0.25, {"connect": 0.25}, steps=(("login", 0.05), ("list", 0.2))),
            "success A: 250 ms (login 50 ms, list 200 ms)",
        ),
        (Outcome("dns", detail="Name or service not known"), "error   A: dns (Name or service not known)"),
        (
            Outcome("timeout", 10.0, detail="no answer within 10 s"),
            "error   A: 10 s, timeout (no answer within 10 s)",
        ),
        (
            Outcome(
                "rate_limited",
                0.1,
                quotas=(Quota("requests", 500, 3, NOW + 7200),),
                certificate_expiry=NOW + 30 * 86400,
                detail="status 429, expected 2xx",
            ),
            (
                "error   A: 100 ms, rate_limited (status 429, expected 2xx); certificate ends in 30 days; "
                "quota requests: 3 left, limit 500, renewed in 2 h"
            ),
        ),
    ],
)
def test_words(outcome: Outcome, line: str) -> None:
    """A line says what is known and leaves out what is not."""
    assert str(Trial(Api("A", "http://a.example"), outcome, NOW)) == line
