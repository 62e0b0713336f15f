"""The configuration file: what it may say, and what it is told when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from collector.api import Api
from collector.config import load_config
from collector.errors import ConfigError

BAD = Path("tests/bad_config/collector")
SECRET = "s3cr3t"

MESSAGES = {
    "anchor_in_itself": [": nested too deeply, or an anchor that holds itself; write the values out"],
    "bad_address": [
        ":3: apis[0].url: a link-local or metadata address; write `allow_link_local: true` beside it if it is meant",
        ":5: apis[1].url: a link-local or metadata address; write `allow_link_local: true` beside it if it is meant",
        ":10: apis[3].url: a link-local or metadata address; write `allow_link_local: true` beside it if it is meant",
    ],
    "bad_connection": [
        ":2: defaults.proxy: not an http:// URL; write an address such as `proxy: http://proxy.example:3128`",
        ":3: defaults.ip_version: input should be 4 or 6; write 4 or 6, or leave it out for both",
        ":7: apis[0].max_body: not a size; write bytes or a size such as 64kB or 1MB",
        ":8: apis[0].follow_redirects: input should be a valid boolean; write true or false",
        ":11: apis[1].max_body: not a size above 0 and up to 100 MB; write bytes or a size such as 64kB or 1MB",
        ":12: apis[1].proxy: not an http:// or https:// URL with a host; write an address such as `proxy: http://proxy.example:3128`",
        ":15: apis[2].quota_reserve: input should be greater than or equal to 0; write how many requests are to be left, such as 100",
    ],
    "bad_credentials": [
        ":4: apis[0].rapidapi: not exactly one of `key` or `key_file`; write either `key` or `key_file`",
        ":7: apis[1].basic_auth: a colon in the user's name; leave out the colon, which separates name and password",
        ":10: apis[2].bearer: not exactly one of `token` or `token_file`; write either `token` or `token_file`",
        ":11: apis[3]: `basic_auth` and `bearer` both set Authorization; leave out one of them",
        ":17: apis[4].rapidapi: not a mapping of keys to values; write `rapidapi: {host: weather.p.rapidapi.com, key: '${RAPIDAPI_KEY}'}`",
        ":18: apis[5]: `bearer` and `headers` both set Authorization; leave out one of them",
        ":24: apis[6].rapidapi.host: an address instead of a host; write the host without https:// and without a path",
        ":25: apis[7]: `rapidapi` and `headers` both set x-rapidapi-key; leave out one of them",
        ":31: apis[8].headers.X-Key: the name of a variable without braces; write `${NAME}`, with braces",
        ":32: apis[8].bearer.token: the name of a variable without braces; write `${NAME}`, with braces",
    ],
    "bad_duration": [
        ":2: defaults.interval: not a duration; write one number and one of ms, s, m, h, such as 90m",
        ":6: apis[0].timeout: not a duration above 0 and up to 7 days; write seconds or a duration such as 500ms or 5s",
        ":9: apis[1].interval: not a duration; write one number and one of ms, s, m, h, such as 90m",
        ":10: apis[1].timeout: not a duration; write seconds or a duration such as 500ms or 5s",
    ],
    "bad_expected_body": [
        ':5: apis[0].expected_body.matches: not a regular expression (missing )); write a regular expression of Python in single quotes, such as \'"status": *"(ok|up)"\'',
        ":7: apis[0].expected_body.json[0].path: not a path; write a path such as $.data.items[0].name",
        ":8: apis[0].expected_body.json[1]: not exactly one condition; write `equals`, `above` and `below`, or `max_age`",
        ":9: apis[0].expected_body.json[2]: not exactly one condition; write `equals`, `above` and `below`, or `max_age`",
        ":10: apis[0].expected_body.json[3].above: input should be a valid number; write a number such as 0.5",
        ":11: apis[0].expected_body.json[4].max_age: not a duration; write seconds or a duration such as 15s, 2m or 1h",
        ":12: apis[0].expected_body.json[5].equal: unknown key; did you mean `equals`?",
        ":13: apis[0].expected_body.json[6].equals: not a single value; write text, a number, true, false or null",
        ":14: apis[0].expected_body.json[7]: nothing is above 2 and below 2; write the smaller as `above`",
        ":17: apis[1].expected_body.json: input should be a valid list; write a list such as [{path: $.status, equals: ok}, {path: $.updated, max_age: 10m}]",
        ":20: apis[2].expected_body.contain: unknown key; did you mean `contains`?",
        ":23: apis[3].expected_body: no condition; write `contains:`, `matches:` or `json:` below `expected_body:`",
    ],
    "bad_header": [
        ":5: apis[0].headers.X Key: not a header name; write `Name: value` below `headers:`, numbers in quotes",
        ":6: apis[0].headers.X-Version: input should be a valid string; write `Name: value` below `headers:`, numbers in quotes",
        ":7: apis[0].headers.X-Broken: contains a line break or NUL; remove it, also from the end of the environment variable or within the file",
        ":8: apis[0].headers.content-length: a header that says how the body is sent, which the collector does itself; leave it out",
        ":12: http_sd[0].headers.Transfer-Encoding: a header that says how the body is sent, which the collector does itself; leave it out",
    ],
    "bad_method": [
        ":4: apis[0].method: input should be 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE' or 'OPTIONS'; write one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    ],
    "bad_name": [
        ":2: apis[0].name: input should be a valid string; write any text, in quotes if it looks like a number, such as `name: Weather`",
        ":4: apis[1].name: input should be a valid string, unable to parse raw data as a unicode string; write any text, in quotes if it looks like a number, such as `name: Weather`",
    ],
    "bad_parent_names": [
        ":4: apis[0].depends_on: not a name, nor a list of names; write the name of another API of this file, or a list of names",
        ":7: apis[1].depends_on: not a name, nor a list of names; write the name of another API of this file, or a list of names",
    ],
    "bad_parents": [
        ":4: apis[0].depends_on: a circle: 'Gateway' needs 'Gateway'; take one of them out",
        ":7: apis[1].depends_on: no API is called 'Gatewai'; did you mean 'Gateway'?",
        ":7: apis[1].depends_on: no API is called 'Nobody'; write the name of another API of this file",
        ":10: apis[2].depends_on: a circle: 'B' needs 'C' needs 'D' needs 'B'; take one of them out",
        ":13: apis[3].depends_on: a circle: 'C' needs 'D' needs 'B' needs 'C'; take one of them out",
        ":16: apis[4].depends_on: a circle: 'D' needs 'B' needs 'C' needs 'D'; take one of them out",
    ],
    "bad_places": [
        ":2: defaults.headers.X-Session: ${login.session} in `headers` of a request that is no step; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":5: apis[0].url: ${login.id} in `url` of a request that is no step; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":8: apis[0].body: ${env.PLACE} in `body` of a request that is no step; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":10: apis[0].proxy: ${login.proxy} in `proxy`; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":14: apis[1].basic_auth.password: ${login.password} in `basic_auth`; use `bearer` or `headers` of a step, where it is filled in",
        ":18: apis[2].bearer.token: ${login.token} in `bearer` of a request that is no step; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":19: apis[2].rapidapi.key: ${login.key} in `rapidapi` of a request that is no step; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":21: apis[3].proxy: ${login.proxy} in `proxy`; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":26: apis[3].steps[0].basic_auth.password: ${login.password} in `basic_auth`; use `bearer` or `headers` of a step, where it is filled in",
        ":31: http_sd[0].url: ${a.b} in `url` of a request that is no step; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
        ":32: http_sd[0].settings.body: ${a.b} in `body` of a request that is no step; write `${NAME}`, without a dot, for an environment variable; a step's value is filled in below `steps:` only",
    ],
    "bad_secret_file": [
        ":6: apis[0].rapidapi.key_file: the file nowhere.txt cannot be read (No such file or directory); give the path of a file that the collector may read",
        ":10: apis[1].bearer.token_file: the file tests/bad_config/collector/secrets/empty.txt is empty; write the secret into it",
        ":15: apis[2].basic_auth.password_file: contains a line break or NUL; remove it, also from the end of the environment variable or within the file",
        ":19: apis[3].bearer.token_file: the file tests/bad_config/collector/secrets/latin1.txt is not UTF-8; save it as UTF-8 text",
    ],
    "bad_source_authentication": [
        ":2: http_sd[0]: `bearer` and `headers` both set Authorization; leave out one of them",
    ],
    "bad_sources": [
        ":6: http_sd[0].depends_on: not a name, nor a list of names; write the name of another API of this file, or a list of names",
        ":7: http_sd[1].url: not an http:// or https:// URL with a host; write an address such as `url: https://api.example.com/health`",
        ":12: http_sd[2].refresh_interval: not a duration above 0 and up to 7 days; write seconds or a duration such as 15s, 2m or 1h",
        ":13: http_sd[2].interval: unknown key; did you mean `refresh_interval`?",
        ":16: file_sd[0].files[1]: not the path of a .json, .yml or .yaml file with a * in its last part at most; write a list such as [targets/*.json, more.yml]",
        ":16: file_sd[0].files[2]: not the path of a .json, .yml or .yaml file with a * in its last part at most; write a list such as [targets/*.json, more.yml]",
        ":17: file_sd[0].settings.url: unknown key; write one of method, headers, body, rapidapi, basic_auth, bearer, expected_status, expected_body, interval, timeout, tls, proxy, ip_version, allow_link_local, follow_redirects, reuse_connection, max_body, quota_reserve",
        ":19: file_sd[1].files: list should have at least 1 item after validation, not 0; write a list such as [targets/*.json, more.yml]",
        ":20: file_sd[2].name: missing; write any text, in quotes if it looks like a number, such as `name: Weather`",
    ],
    "bad_status": [
        ":4: apis[0].expected_status: not an HTTP status code from 100 to 599, nor a list of them; write a code such as 200 or a list such as [200, 404], or leave it out for any 2xx",
        ":5: apis[0].reuse_connection: input should be a valid boolean; write true or false",
    ],
    "bad_step_values": [
        ":21: apis[1].steps[1].url: a link-local or metadata address; write `allow_link_local: true` beside it if it is meant",
        ":25: apis[2].steps[0].take: an answer to HEAD has no body; write `method: GET`, or leave out `take`",
        ":27: apis[2].steps[2].expected_status: a redirect that is followed is not the answer; leave out `follow_redirects`, or expect the status of what the redirect leads to",
        ":6: apis[0].steps[0].url: ${list.id} is not known before this step is sent; use it in a later step",
        ":5: apis[0].steps[0].headers.X-Session: ${login.session} is not known before this step is sent; use it in a later step",
        ":13: apis[0].steps[1].headers.Authorization: no step before takes ${login.tokn}; did you mean ${login.token}?",
        ":14: apis[0].steps[1].headers.X-Key: no step before takes ${ login.token }; did you mean ${login.token}?",
        ":15: apis[0].steps[1].body: no step before takes ${orders.id}; write one of ${login.session}, ${login.token}",
        ":11: apis[0].steps[1].url: an answer's value in the host, which would let it choose who is asked; write the host out; a value can stand in the path and behind it",
        ":17: apis[0].steps[1].cache: `cache` at the last step, which is what the probe is for; leave it out",
        ":20: apis[1].steps[0].name: duplicate step name 'a'; give each step a name of its own",
        ":21: apis[1].steps[1].name: duplicate step name 'a'; give each step a name of its own",
        ":21: apis[1].steps[1].url: no step before takes ${a.b}; take it first",
    ],
    "bad_steps": [
        ":2: apis[0]: `steps` together with `url`; write `url` at the step that it belongs to",
        ":9: apis[1].steps[0].name: not a name of up to 32 letters, digits, _ and -, a letter first; write a name such as `login`",
        ":10: apis[1].steps[1].name: not a name of up to 32 letters, digits, _ and -, a letter first; write a name such as `login`",
        ":13: apis[2].steps[0]: `cache` without `take`; write what is kept below `take:`, or leave out `cache`",
        ":20: apis[3].steps[0].take.none: not exactly one of `json`, `header` or `matches`; write one of them",
        ":21: apis[3].steps[0].take.two: not exactly one of `json`, `header` or `matches`; write one of them",
        ":22: apis[3].steps[0].take.groups.matches: a regular expression with 2 groups; write exactly one group in parentheses, around what is taken; `(?:...)` groups without taking",
        ":23: apis[3].steps[0].take.no_group.matches: a regular expression with 0 groups; write exactly one group in parentheses, around what is taken; `(?:...)` groups without taking",
        ":24: apis[3].steps[0].take.odd name: not a name of up to 32 letters, digits, _ and -, a letter first; write a name such as `login`",
        ":25: apis[3].steps[0].take.token.jsn: unknown key; did you mean `json`?",
        ":26: apis[3].steps[0].take.key: not a mapping of keys to values; write `take: {token: {json: $.access_token}}`, or `header:` or `matches:` instead of `json:`",
        ":27: apis[3].steps[0].take.path.json: not a path; write a path such as $.data.items[0].name",
        ":28: apis[3].steps[0].cache: not a duration; write a duration such as 50m, or where the answer says it, such as $.expires_in",
        ":29: apis[3].steps[0].retries: unknown key; write one of method, headers, body, rapidapi, basic_auth, bearer, expected_status, expected_body, name, url, take, cache",
        ":33: apis[4].steps[0].method: input should be 'GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE' or 'OPTIONS'; write one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        ":34: apis[4].steps[1].url: missing; write an address such as `url: https://api.example.com/health`",
        ":35: apis[4].steps[2].url: not a URL; write an address such as `url: https://api.example.com/health`",
        ":37: apis[5].steps: input should be a valid list; write `steps:` and below it up to ten entries with `name:` and `url:`",
        ":39: apis[6].steps: list should have at most 10 items after validation, not 11; write `steps:` and below it up to ten entries with `name:` and `url:`",
    ],
    "bad_tls": [
        ":4: apis[0].tls: a file is no usable certificate or key (NO_CERTIFICATE_OR_CRL_FOUND); give PEM files that fit",
        ":7: apis[1].tls: `key_file` without `cert_file`; write the certificate's file too",
        ":10: apis[2].tls: a file is no usable certificate or key (not PEM); give PEM files that fit",
        ":14: apis[3].tls.cert_file: the file nowhere.pem cannot be read (No such file or directory); give the path of a file that the collector may read",
    ],
    "bad_url": [
        ":3: apis[0].url: not an http:// or https:// URL with a host; write an address such as `url: https://api.example.com/health`",
        ":5: apis[1].url: not a URL; write an address such as `url: https://api.example.com/health`",
    ],
    "blackbox_keys": [
        ":2: defaults.valid_status_codes: unknown key; did you mean `expected_status`?",
        ":3: defaults.preferred_ip_protocol: unknown key; did you mean `ip_version`?",
        ":4: defaults.proxy_url: unknown key; did you mean `proxy`?",
        ":5: defaults.tls_config: unknown key; did you mean `tls`?",
        ":6: defaults.body_size_limit: unknown key; did you mean `max_body`?",
        ":7: defaults.authorization: unknown key; did you mean `bearer`?",
        ":10: apis[0].target: unknown key; did you mean `url`?",
        ":11: apis[0].fail_if_body_not_matches_regexp: unknown key; did you mean `expected_body`?",
    ],
    "broken_yaml": [
        ":3: not valid YAML (expected <block end>, but found '<block mapping start>'); check indentation, quotes and colons there"
    ],
    "endless_numbers": [
        ":4: apis[0].timeout: not a duration above 0 and up to 7 days; write seconds or a duration such as 500ms or 5s",
        ":7: apis[1].max_body: not a size above 0 and up to 100 MB; write bytes or a size such as 64kB or 1MB",
    ],
    "no_such_date": [
        ":6: not valid YAML (a value that cannot be, such as 30 February); check indentation, quotes and colons there",
    ],
    "duplicate_name": [
        ":2: apis[0].name: duplicate API name 'Wetter'; give each API a name of its own",
        ":6: apis[2].name: duplicate API name 'Wetter'; give each API a name of its own",
    ],
    "empty": [": the file is empty; write `apis:` and below it at least one entry with `name:` and `url:`"],
    "empty_values": [
        ":2: defaults.rapidapi: empty; write `rapidapi: {host: weather.p.rapidapi.com, key: '${RAPIDAPI_KEY}'}`",
        ":6: apis[0].expected_body: empty; write `contains:`, `matches:` or `json:` below `expected_body:`",
        ":9: apis[1].expected_body.json[0].equals: empty; write text, a number, true, false or null",
    ],
    "impossible": [
        ":6: apis[0].expected_body: an answer to HEAD has no body; write `method: GET`, or leave out `expected_body`",
        ":10: apis[1].expected_body: an answer of status 204, 304 has no body; leave it out, or expect another status",
        ":13: apis[2].expected_status: a redirect that is followed is not the answer; leave out `follow_redirects`, or expect the status of what the redirect leads to",
    ],
    "key_twice": [
        ":4: not valid YAML (the key 'url' is written twice); check indentation, quotes and colons there"
    ],
    "long_timeout": [
        ":5: apis[0].timeout: the timeout of 20 s is longer than the interval of 15 s; write at most 15s"
    ],
    "missing_variable": [
        ":5: apis[0].headers.X-RapidAPI-Key: the environment variable NOBODY_SET_THIS is not set; set NOBODY_SET_THIS, or NOBODY_SET_THIS_FILE, for the collector, and not empty",
        ":7: apis[1].url: `${}` around what is no name; write `${NAME}`: letters, digits and _, and no default",
        ":9: apis[1].headers.X-Key: `${}` around what is no name; write `${NAME}`: letters, digits and _, and no default",
    ],
    "no_apis": [
        ":1: neither APIs nor a source of them; write `apis:`, `http_sd:` or `file_sd:` at the top level"
    ],
    "no_url": [
        ":2: apis[0]: neither `url` nor `steps`; write an address such as `url: https://api.example.com/health`, or several requests below `steps:`",
    ],
    "not_a_mapping": [
        ":1: not a mapping of keys to values; write `apis:` and below it at least one entry with `name:` and `url:`"
    ],
    "not_utf8": [": not UTF-8 text; save the file as UTF-8"],
    "unknown_api_key": [
        ":4: apis[0].intervall: unknown key; did you mean `interval`?",
        ":5: apis[0].colour: unknown key; write one of method, headers, body, rapidapi, basic_auth, bearer, expected_status, expected_body, interval, timeout, tls, proxy, ip_version, allow_link_local, follow_redirects, reuse_connection, max_body, quota_reserve, name, url, steps, depends_on",
    ],
    "unknown_default_key": [
        ":2: defaults.url: unknown key; write one of method, headers, body, rapidapi, basic_auth, bearer, expected_status, expected_body, interval, timeout, tls, proxy, ip_version, allow_link_local, follow_redirects, reuse_connection, max_body, quota_reserve",
    ],
    "unknown_top_key": [
        ":1: api: unknown key; did you mean `apis`?",
    ],
    "useless_cache": [
        ":5: apis[0].steps[0].cache: never used again after 70 s, as it must last until the next probe's timeout; write more than 70s (interval and timeout), or leave it out",
        ":8: apis[0].steps[3].cache: `cache` at the last step, which is what the probe is for; leave it out",
    ],
    "wrong_sources": [
        ":4: http_sd[0].name: duplicate source name 'Inventory'; give each source a name of its own",
        ":6: http_sd[0].depends_on: no API of this file is called 'Gatewai'; did you mean 'Gateway'?",
        ":6: http_sd[0].depends_on: no API of this file is called 'Nobody'; write the name of an API of this file",
        ":5: http_sd[0].url: a link-local or metadata address; serve the list at another address",
        ":9: http_sd[1].settings.timeout: the timeout of 10 s is longer than the interval of 5 s; write at most 5s",
        ":9: http_sd[1].settings.expected_body: an answer to HEAD has no body; write `method: GET`, or leave out `expected_body`",
        ":11: file_sd[0].name: duplicate source name 'Inventory'; give each source a name of its own",
    ],
}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_bad_file(name: str) -> None:
    """A wrong file is refused with a line for each mistake: the file, the field, and what to write instead."""
    path = BAD / f"{name}.yml"
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(caught.value).splitlines() == [f"{path}{line}" for line in MESSAGES[name]]


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
    return load_config(path, environ or {}).apis


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


@pytest.mark.parametrize(("value", "size"), [("64kB", 64_000), ("10 MB", 10_000_000), ("500", 500)])
def test_sizes(tmp_path: Path, value: str, size: int) -> None:
    """A size is a number of bytes or a number with a unit, with a space between them or without."""
    (api,) = load(tmp_path, f"apis: [{{name: A, url: 'http://a.example', max_body: {value}}}]")
    assert api.max_body == size


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("rapidapi: {host: h, key: '${KEY}'}", {"X-RapidAPI-Host": "h", "X-RapidAPI-Key": SECRET}),
        ("basic_auth: {username: me, password: '${KEY}'}", {"Authorization": "Basic bWU6czNjcjN0"}),
        ("bearer: {token: '${KEY}'}", {"Authorization": f"Bearer {SECRET}"}),
        ("bearer: {token_file: key.txt}", {"Authorization": f"Bearer {SECRET}"}),
        (
            "rapidapi: {host: h, key_file: key.txt}",
            {"X-RapidAPI-Host": "h", "X-RapidAPI-Key": SECRET},
        ),
        ("basic_auth: {username: me, password_file: key.txt}", {"Authorization": "Basic bWU6czNjcjN0"}),
        ("headers: {authorization: mine}", {"authorization": "mine"}),
        ("bearer: null", {}),
    ],
)
def test_credentials_are_headers(tmp_path: Path, text: str, headers: dict[str, str]) -> None:
    """RapidAPI, basic and bearer each are one line; an API's own replace those of the defaults, files are read beside."""
    (tmp_path / "key.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    bearer = "defaults: {bearer: {token: everybody}}" if "rapidapi" not in text else "defaults: {}"
    (api,) = load(
        tmp_path, f"{bearer}\napis: [{{name: A, url: 'http://a.example', {text}}}]", {"KEY": SECRET}
    )
    assert api.headers == headers
    assert SECRET not in repr(api)


def test_settings_of_the_connection(tmp_path: Path) -> None:
    """What the defaults say of connections and bodies, an API can say otherwise, or take back."""
    text = """
        defaults: {proxy: 'http://p.example:3128', max_body: 64kB, follow_redirects: true, ip_version: 6, method: POST, body: x}
        apis:
          - {name: A, url: 'http://a.example'}
          - {name: B, url: 'http://b.example', proxy: null, max_body: 1000, ip_version: null, body: y}
    """
    first, second = load(tmp_path, text)
    assert (first.proxy, first.max_body, first.ip_version, first.body) == (
        "http://p.example:3128",
        64_000,
        6,
        "x",
    )
    assert (second.proxy, second.max_body, second.ip_version, second.body) == (None, 1000, None, "y")
    assert first.follow_redirects
    assert second.follow_redirects


def test_a_changed_certificate_is_a_changed_api(tmp_path: Path) -> None:
    """Whether an API is the same as before includes what its TLS files hold."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    text = "apis: [{name: A, url: 'https://a.example', tls: {ca_file: ca.pem}}]"
    before = load(tmp_path, text)
    assert load(tmp_path, text) == before
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert load(tmp_path, text) != before


def test_a_merged_mapping_has_lines(tmp_path: Path) -> None:
    """Anchors and merges of YAML work, and a mistake in what was merged still names a line."""
    text = "defaults: &d {interval: 15s}\napis:\n  - {<<: *d, name: A, url: 'http://a.example'}\n  - {<<: *d, name: B}\n"
    with pytest.raises(ConfigError, match=r"apis.yml:4: apis\[1\]: neither `url` nor `steps`"):
        load(tmp_path, text)
    (api,) = load(tmp_path, text.rsplit("  -", 1)[0])
    assert api.interval == 15.0


def _with_key(tmp_path: Path, environ: dict[str, str]) -> str:
    path = tmp_path / "apis.yml"
    path.write_text(
        "apis: [{name: Weather, url: 'https://example.org', headers: {X-Key: '${KEY}'}}]", encoding="utf-8"
    )
    (api,) = load_config(path, environ).apis
    return api.headers["X-Key"]


def test_a_variable_can_be_a_file(tmp_path: Path) -> None:
    """A key stays out of the environment: the sister variable with _FILE names the file that holds it."""
    key = tmp_path / "key"
    key.write_text(f"{SECRET}\n", encoding="utf-8")
    assert _with_key(tmp_path, {"KEY_FILE": str(key)}) == SECRET


@pytest.mark.parametrize(
    ("content", "environ", "problem"),
    [
        (None, {}, "the file that KEY_FILE names cannot be read (No such file or directory)"),
        (b"\xff", {}, "the file that KEY_FILE names is not UTF-8"),
        (b"\n", {}, "the environment variable KEY is not set"),
        (SECRET.encode(), {"KEY": SECRET}, "both KEY and KEY_FILE are set; set one of them"),
    ],
)
def test_a_file_that_gives_no_value_is_told(
    tmp_path: Path, content: bytes | None, environ: dict[str, str], problem: str
) -> None:
    """A key's file that is missing, empty, unreadable or one too many stops the start, and no key is quoted."""
    key = tmp_path / "key"
    if content is not None:
        key.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        _with_key(tmp_path, environ | {"KEY_FILE": str(key)})
    assert problem in str(caught.value)
    assert SECRET not in str(caught.value)


def test_parents(tmp_path: Path) -> None:
    """One API or several without which another cannot work are named, in any order and several levels deep."""
    text = """
        apis:
          - {name: A, url: 'http://a.example', depends_on: [Login, Gateway]}
          - {name: Login, url: 'http://l.example', depends_on: Gateway}
          - {name: Gateway, url: 'http://g.example'}
    """
    assert [api.depends_on for api in load(tmp_path, text)] == [("Login", "Gateway"), ("Gateway",), ()]


def test_a_secret_may_look_like_the_value_of_a_step(tmp_path: Path) -> None:
    """What a variable holds is sent as it is, and no error quotes it."""
    text = "apis: [{name: A, url: 'http://a.example', headers: {X-Key: '${KEY}'}, basic_auth: {username: a, password: '${KEY}'}}]"
    (api,) = load(tmp_path, text, {"KEY": "${s3cr3t.part}"})
    assert api.headers["X-Key"] == "${s3cr3t.part}"


def test_headers_that_may_be_set(tmp_path: Path) -> None:
    """Whoever needs another Host, Connection or Accept-Encoding writes it; the length of an answer may be taken."""
    headers = "{Host: b.example, Connection: Upgrade, Accept-Encoding: identity}"
    take = "{size: {header: Content-Length}}"
    (api,) = load(
        tmp_path,
        f"apis: [{{name: A, steps: [{{name: a, url: 'http://a.example', headers: {headers}, take: {take}}}]}}]",
    )
    assert api.chain[0].headers == {
        "Host": "b.example",
        "Connection": "Upgrade",
        "Accept-Encoding": "identity",
    }
