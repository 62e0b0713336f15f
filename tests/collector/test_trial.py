"""`rapidapi-collector probe`: a configuration is tried before it goes into service."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

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
    """Answers `/ok` with 200, `/list` with a list of one API, and all else with 503."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Answer as the path says."""
        self.asked.append(self.path)
        host = self.headers["Host"]
        listed = [{"targets": [f"http://{host}/ok"], "labels": {"api_name": "Listed"}}]
        body = json.dumps(listed).encode() if self.path.startswith("/list") else b""
        self.send_response(200 if self.path.startswith(("/ok", "/list")) else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Give a configuration with an API that works and one that does not."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Paths)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
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


def with_lists(config: Path, files: str = "[targets.yml]") -> str:
    """Let the configuration find APIs by a file and over HTTP; return the server's URL."""
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    url: str = content["apis"][0]["url"].partition("/ok")[0]
    content["file_sd"] = [{"name": "Files", "files": yaml.safe_load(files)}]
    content["http_sd"] = [{"name": "Inventory", "url": f"{url}/list?key={SECRET}"}]
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    targets = [{"targets": [f"{url}/ok"], "labels": {"api_name": name}} for name in ("Found", "Good")]
    (config.parent / "targets.yml").write_text(yaml.safe_dump(targets), encoding="utf-8")
    return url


@pytest.mark.parametrize("name", ["Found", "Listed"])
def test_an_api_of_a_list_is_found(config: Path, name: str) -> None:
    """An API is probed by its name also where a list names it, in a file or over HTTP."""
    with_lists(config)
    result = probe(config, name)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.partition(": ")[0] for line in result.stdout.splitlines()] == [f"success {name}"]


def test_all_apis_are_those_of_lists_too(config: Path) -> None:
    """Without a name everything is probed that the collector would probe; a name is probed once."""
    with_lists(config)
    found = sorted(line.partition(": ")[0] for line in probe(config).stdout.splitlines())
    assert found == ["error   'Bad\\nname'", "success Found", "success Good", "success Listed"]


def test_no_list_is_asked_for_what_the_file_names(config: Path) -> None:
    """Whoever tries an API of the file does not wait for a list that fails, nor hear of it."""
    with_lists(config, "[nowhere.yml]")
    result = probe(config, "Good")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_list_that_fails_is_told(config: Path) -> None:
    """A source that fails is named with its reason and without its URL; what the others name is probed, and only `all` has failed."""
    with_lists(config, "[targets.yml, nowhere.yml]")
    broken = "rapidapi-collector: the source 'Files' fails: nowhere.yml: no such file\n"
    result = probe(config, "Found")
    assert (result.exit_code, result.stderr) == (0, broken)
    result = probe(config, "Goood")
    assert result.exit_code == 2
    assert result.stderr == f"{broken}rapidapi-collector: no API is named 'Goood'; did you mean 'Good'?\n"
    content = yaml.safe_load(config.read_text(encoding="utf-8")) | {"apis": []}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    result = probe(config)
    assert (result.exit_code, result.stderr) == (1, broken)
    assert "error" not in result.stdout


def test_nothing_to_probe(config: Path) -> None:
    """A file whose lists are empty is said to be so."""
    config.write_text("file_sd: [{name: Files, files: ['nothing/*.yml']}]", encoding="utf-8")
    result = probe(config)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"{config}: nothing to probe\n")


def check(config: Path, *options: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(app, ["check", "--config", str(config), *options])


HTTP = "source 'Inventory': 1 APIs"
FILES = "source 'Files': 2 APIs, of which those are left out whose names are taken: 'Good'"
UNSEEN = "not looked at (--lists all does)"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ([], [FILES, f"source 'Inventory': {UNSEEN}"]),
        (["--lists", "all"], [HTTP, FILES]),
        (["--lists", "none"], [f"source 'Inventory': {UNSEEN}", f"source 'Files': {UNSEEN}"]),
    ],
)
def test_check_says_what_each_source_gives(config: Path, options: list[str], lines: list[str]) -> None:
    """A check counts the APIs of the lists in files; those over HTTP are asked for only if that is wanted."""
    with_lists(config)
    asked = len(Paths.asked)
    result = check(config, *options)
    assert (result.exit_code, result.stdout.splitlines()) == (0, [f"{config}: no errors, 2 APIs", *lines])
    assert len(Paths.asked) - asked == (1 if "all" in options else 0)


def test_check_names_a_bad_list(config: Path) -> None:
    """A list in a file that cannot be used is an error of the check, unless lists are left out of it."""
    with_lists(config)
    (config.parent / "targets.yml").write_text("- {target: []}", encoding="utf-8")
    result = check(config)
    assert result.exit_code == 1
    assert "source 'Files': 0 APIs\n" in result.stdout
    assert (
        result.stderr
        == "rapidapi-collector: the source 'Files' fails: targets.yml: [0]: extra inputs are not permitted\n"
    )
    assert check(config, "--lists", "none").exit_code == 0


def test_check_names_a_list_that_does_not_come(config: Path) -> None:
    """A list over HTTP that cannot be had is an error where it is asked for, and the key in its URL is not told."""
    url = with_lists(config)
    text = config.read_text(encoding="utf-8").replace(f"{url}/list", f"{url}/bad")
    config.write_text(text, encoding="utf-8")
    result = check(config, "--lists", "all")
    assert result.exit_code == 1
    assert result.stderr == "rapidapi-collector: the source 'Inventory' fails: status 503 instead of 200\n"
    assert SECRET not in result.output


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
