"""The configuration file: what it may say, and what it is told when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import Api, load_config
from collector.errors import ConfigError

BAD = Path("tests/bad_config/collector")
SECRET = "s3cr3t"
URL_REMEDY = "write an address such as `url: https://api.example.com/health`"
NAME_REMEDY = "write any text, in quotes if it looks like a number, such as `name: Weather`"
APIS_REMEDY = "write `apis:` and below it at least one entry with `name:` and `url:`"
HEADERS_REMEDY = "write `Name: value` below `headers:`, numbers in quotes"
YAML_REMEDY = "check indentation, quotes and colons there"

MESSAGES = {
    "empty": [f"the file is empty; {APIS_REMEDY}"],
    "not_a_mapping": [f"not a mapping of keys to values; {APIS_REMEDY}"],
    "not_utf8": ["not UTF-8 text; save the file as UTF-8"],
    "broken_yaml": [
        "line 3, column 4: not valid YAML (expected <block end>, but found '<block mapping start>'); "
        + YAML_REMEDY
    ],
    "key_twice": [f"line 4, column 5: not valid YAML (the key 'url' is written twice); {YAML_REMEDY}"],
    "unknown_top_key": [f"apis: missing; {APIS_REMEDY}", "api: unknown key; did you mean `apis`?"],
    "unknown_api_key": [
        "apis[0].intervall: unknown key; did you mean `interval`?",
        (
            "apis[0].colour: unknown key; write one of interval, timeout, method, headers, expected_status, "
            "reuse_connection, name, url, body"
        ),
    ],
    "unknown_default_key": [
        (
            "defaults.body: unknown key; write one of interval, timeout, method, headers, expected_status, "
            "reuse_connection"
        )
    ],
    "no_apis": [f"apis: list should have at least 1 item after validation, not 0; {APIS_REMEDY}"],
    "no_url": [f"apis[0].url: missing; {URL_REMEDY}"],
    "duplicate_name": [
        "apis[0].name: duplicate API name 'Wetter'; give each API a name of its own",
        "apis[2].name: duplicate API name 'Wetter'; give each API a name of its own",
    ],
    "bad_name": [
        f"apis[0].name: input should be a valid string; {NAME_REMEDY}",
        "apis[1].name: input should be a valid string, unable to parse raw data as a unicode string; "
        + NAME_REMEDY,
    ],
    "bad_url": [
        f"apis[0].url: not an http:// or https:// URL with a host; {URL_REMEDY}",
        f"apis[1].url: not a URL; {URL_REMEDY}",
    ],
    "missing_variable": [
        (
            "apis[0].headers.X-RapidAPI-Key: the environment variable NOBODY_SET_THIS is not set; "
            "set NOBODY_SET_THIS for the collector, and not empty"
        )
    ],
    "bad_header": [
        f"apis[0].headers.X Key: not a header name; {HEADERS_REMEDY}",
        f"apis[0].headers.X-Version: input should be a valid string; {HEADERS_REMEDY}",
        (
            "apis[0].headers.X-Broken: contains a line break or NUL; "
            "remove it, also from the end of the environment variable"
        ),
    ],
    "bad_method": [
        (
            "apis[0].method: input should be 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE' or 'OPTIONS'; "
            "write one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        )
    ],
    "bad_duration": [
        "defaults.interval: not a duration; write seconds or a duration such as 15s, 2m or 1h",
        (
            "apis[0].timeout: not a duration above 0 and up to 7 days; "
            "write seconds or a duration such as 500ms or 5s"
        ),
    ],
    "long_timeout": [
        "apis[0].timeout: the timeout of 20 s is longer than the interval of 15 s; write at most 15s"
    ],
    "bad_status": [
        (
            "apis[0].expected_status: not an HTTP status code from 100 to 599, nor a list of them; "
            "write a code such as 200 or a list such as [200, 404], or leave it out for any 2xx"
        ),
        "apis[0].reuse_connection: input should be a valid boolean; write true or false",
    ],
}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_bad_file(name: str) -> None:
    """A wrong file is refused with a line for each mistake: the file, the field, and what to write instead."""
    path = BAD / f"{name}.yml"
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(caught.value).splitlines() == [f"{path}: {line}" for line in MESSAGES[name]]


def test_every_bad_file_has_its_message() -> None:
    """No fixture lies unused."""
    assert {path.stem for path in BAD.glob("*.yml")} == set(MESSAGES)


def test_missing_file(tmp_path: Path) -> None:
    """A file that does not exist is named, with the option that names another."""
    path = tmp_path / "nowhere.yml"
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    expected = f"{path}: cannot be read (No such file or directory); give the path of the file with --config"
    assert str(caught.value) == expected


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Api, ...]:
    """Load a configuration from its text."""
    path = tmp_path / "apis.yml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, environ or {})


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    """A name and a URL are enough."""
    (api,) = load(tmp_path, "apis: [{name: A, url: 'http://a.example'}]")
    assert (api.interval, api.timeout, api.method, api.body) == (60.0, 10.0, "GET", None)
    assert [status for status in (199, 200, 299, 300) if api.expects(status)] == [200, 299]
    assert not api.reuse_connection


def test_an_api_overrides_the_defaults(tmp_path: Path) -> None:
    """An API's own value wins; headers are merged, whatever the case of their names."""
    text = """
        defaults: {interval: 15s, timeout: 2.5, method: HEAD, headers: {accept: a, X-From: ops}, expected_status: 204}
        apis:
          - {name: A, url: 'http://a.example'}
          - {name: B, url: 'http://b.example', interval: 2m, method: POST, headers: {Accept: b}, expected_status: [200, 201]}
    """
    first, second = load(tmp_path, text)
    assert (first.interval, first.timeout, first.method) == (15.0, 2.5, "HEAD")
    assert (dict(first.headers), first.expected_status) == (
        {"accept": "a", "X-From": "ops"},
        frozenset({204}),
    )
    assert (second.interval, second.timeout, second.method) == (120.0, 2.5, "POST")
    assert (dict(second.headers), second.expected_status) == (
        {"X-From": "ops", "Accept": "b"},
        frozenset({200, 201}),
    )


def test_default_timeout_fits_a_short_interval(tmp_path: Path) -> None:
    """Who asks for a probe every 5 s need not think of the timeout."""
    (api,) = load(tmp_path, "apis: [{name: A, url: 'http://a.example', interval: 5s}]")
    assert api.timeout == 5.0


def test_variables(tmp_path: Path) -> None:
    """`${VAR}` is filled in where a secret may stand, and what only resembles it is left alone."""
    text = """
        defaults: {headers: {Authorization: 'Bearer ${TOKEN}'}}
        apis: [{name: '${TOKEN}', url: 'http://a.example/?k=${TOKEN}', body: '$TOKEN ${TOKEN} $', method: POST}]
    """
    (api,) = load(tmp_path, text, {"TOKEN": SECRET})
    assert api.headers == {"Authorization": f"Bearer {SECRET}"}
    assert (api.url, api.body) == (f"http://a.example/?k={SECRET}", f"$TOKEN {SECRET} $")
    assert api.name == "${TOKEN}"  # a name is shown everywhere
    assert SECRET not in repr(api)


@pytest.mark.parametrize("value", [f"{SECRET}\n", f"{SECRET}\udcff"], ids=["line break", "not UTF-8"])
def test_bad_secret_is_not_quoted(tmp_path: Path, value: str) -> None:
    """An error about a secret does not tell the secret, nor does the error's cause."""
    with pytest.raises(ConfigError) as caught:
        load(
            tmp_path, "apis: [{name: A, url: 'http://a.example', headers: {X-Key: '${KEY}'}}]", {"KEY": value}
        )
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("value", "seconds"), [("0.5", 0.5), ("500ms", 0.5), ("15s", 15), ("1.5m", 90), ("1h", 3600)]
)
def test_durations(tmp_path: Path, value: str, seconds: float) -> None:
    """A duration is a number of seconds or a number with a unit."""
    (api,) = load(tmp_path, f"apis: [{{name: A, url: 'http://a.example', interval: {value}}}]")
    assert api.interval == seconds
