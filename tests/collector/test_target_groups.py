"""Lists in Prometheus' format: which API each target is, and what is refused."""

from __future__ import annotations

import json

import pytest

from collector.api import Api
from collector.target_groups import MAX_TARGETS, Target, TargetError, parse_json, read_targets


def target(text: str, **labels: str) -> Target:
    """Return what a list of one target gives."""
    (found,) = read_targets([{"targets": [text], "labels": labels}])
    return found


@pytest.mark.parametrize(
    ("text", "labels", "url"),
    [
        ("https://api.example/health?a=b", {}, "https://api.example/health?a=b"),
        ("https://api.example", {"__scheme__": "http", "__metrics_path__": "/x"}, "https://api.example"),
        ("api.example", {}, "http://api.example/"),
        (
            "10.0.0.7:8080",
            {"__scheme__": "https", "__metrics_path__": "/ready"},
            "https://10.0.0.7:8080/ready",
        ),
        ("[::1]:8080", {"__metrics_path__": "ready"}, "http://[::1]:8080/ready"),
        ("a.example", {"__param_q": "a&b", "__param_module": "x"}, "http://a.example/?q=a%26b&module=x"),
        ("https://api.example/${HOME}", {}, "https://api.example/${HOME}"),
    ],
)
def test_urls(text: str, labels: dict[str, str], url: str) -> None:
    """A URL is taken as it is; `host:port` becomes one as Prometheus would make it; no variable is filled in."""
    assert target(text, **labels).url == url


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://api.example/health", "https://api.example/health"),
        ("https://me:s3cr3t@api.example/health?key=s3cr3t#s3cr3t", "https://api.example/health"),
        ("api.example:8080", "api.example:8080"),
    ],
)
def test_names(text: str, name: str) -> None:
    """The label `api_name` is the name; without it the target is, but not where keys stand in it."""
    assert target(text).name == name
    assert target(text, api_name="").name == name
    odd = "{a='b'},\"\\\n☀ ${HOME}"
    assert target(text, api_name=odd, job="b", __meta_x="c").name == odd


def test_what_a_list_does_not_say_the_settings_say() -> None:
    """Interval and timeout come from the list if it has them, and the timeout never outlasts the interval."""
    template = Api("", "", interval=60, timeout=10, headers={"A": "b"}, depends_on=("Gateway",))
    api = target("a.example").api(template)
    assert (api.interval, api.timeout, api.headers, api.depends_on) == (60, 10, {"A": "b"}, ("Gateway",))
    api = target("a.example", __scrape_interval__="1m30s", __scrape_timeout__="2s500ms").api(template)
    assert (api.interval, api.timeout) == (90, 2.5)
    api = target("a.example", __scrape_interval__="5s").api(template)
    assert (api.interval, api.timeout) == (5, 5)


def test_empty_lists() -> None:
    """No targets is a right answer, in each way in which Prometheus reads it."""
    assert read_targets([]) == ()
    assert read_targets([{}, {"targets": []}, {"targets": None, "labels": None}]) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "input should be a valid list"),
        ({"targets": ["a.example"]}, "input should be a valid list"),
        ([None], "[0]: input should be a valid dictionary or instance of TargetGroup"),
        ([{"target": ["s3cr3t"]}], "[0]: extra inputs are not permitted"),
        ([{"targets": "s3cr3t"}], "[0].targets: input should be a valid list"),
        ([{"targets": ["a.example", 5]}], "[0].targets[1]: input should be a valid string"),
        ([{"labels": {"s3cr3t": 5}}], "[0].labels: input should be a valid string"),
        (
            [{}, {"targets": ["\ud800"]}],
            "[1].targets[0]: not Unicode text",
        ),
    ],
)
def test_wrong_shapes(content: object, message: str) -> None:
    """What is no list of groups is refused as a whole; the message says where, and quotes nothing."""
    with pytest.raises(TargetError) as caught:
        read_targets(content)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/health",
        "a.example/health",
        "ftp://a.example",
        "http://",
        "me@a.example",
        "a b",
        "a.example:port",
        "http://a\n.example",
    ],
)
def test_wrong_targets(text: str) -> None:
    """A target that is neither a URL nor `host:port` is refused."""
    with pytest.raises(TargetError) as caught:
        read_targets([{"targets": ["fine.example", text]}])
    assert str(caught.value) == "[0].targets[1]: neither an http:// or https:// URL nor host:port"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"__scrape_interval__": "s3cr3t"}, "__scrape_interval__ is not a duration above 0 and up to 7 days"),
        ({"__scrape_timeout__": "8d"}, "__scrape_timeout__ is not a duration above 0 and up to 7 days"),
        ({"__scrape_interval__": "999ms"}, "__scrape_interval__ is less than 1 s"),
        (
            {"__scrape_interval__": "5s", "__scrape_timeout__": "6s"},
            "__scrape_timeout__ is longer than __scrape_interval__",
        ),
    ],
)
def test_wrong_durations(labels: dict[str, str], message: str) -> None:
    """A list cannot have an API probed many times a second, nor set what is no duration."""
    with pytest.raises(TargetError) as caught:
        target("a.example", **labels)
    assert str(caught.value) == f"[0].labels: {message}"


@pytest.mark.parametrize(
    "text", ["http://169.254.169.254/latest", "169.254.169.254", "[::ffff:a9fe:a9fe]:80"]
)
def test_metadata_addresses(text: str) -> None:
    """A list cannot name an address at which a cloud tells its secrets, unless the settings allow it."""
    with pytest.raises(TargetError, match="link-local or metadata address"):
        target(text)
    assert read_targets([{"targets": [text]}], allow_link_local=True)


def test_the_number_of_targets_is_bounded() -> None:
    """A list that has gone wild is refused."""
    groups = [{"targets": [f"{number}.example"]} for number in range(MAX_TARGETS)]
    assert len(read_targets(groups)) == MAX_TARGETS
    with pytest.raises(TargetError, match=f"more than {MAX_TARGETS} targets"):
        read_targets([*groups, *groups[:1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"[", "not JSON"),
        (b"<html>", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"9" * 10_000, "not JSON"),
        ("[\xe9]".encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_no_json(text: bytes, message: str) -> None:
    """Whatever comes is told in words that quote nothing."""
    with pytest.raises(TargetError) as caught:
        parse_json(text)
    assert str(caught.value) == message
    assert parse_json(json.dumps("☀").encode()) == "☀"
