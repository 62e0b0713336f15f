"""Probes of several requests: what is sent, what is taken and kept, and how the failing step is told."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from aiohttp import web

from collector.config import load_config
from collector.kept import Kept
from collector.outcome import Outcome
from collector.quota import Quota
from collector.reference_steps import EXAMPLE
from collector.walk import Answered, Walk

if TYPE_CHECKING:
    from pathlib import Path

    from collector.api import Api
    from collector.probe import Prober
    from tests.collector.conftest import Serve

pytestmark = pytest.mark.integration

TOKEN = "t0k3n-"
LOGIN = {"name": "login", "method": "POST", "take": {"token": {"json": "$.access_token"}}}
LIST = {"name": "list", "headers": {"Authorization": "Bearer ${login.token}"}}


class Shop:
    """An API behind a login: each login makes a token, and what it gives out may be revoked."""

    def __init__(self) -> None:
        self.paths: Counter[str] = Counter()
        self.requests: list[web.Request] = []
        self.bodies: list[str] = []
        self.valid: set[str] = set()
        self.login: dict[str, Any] = {"expires_in": 3600}
        self.answer = web.json_response

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as such an API does."""
        self.paths[request.path] += 1
        self.requests.append(request)
        self.bodies.append(await request.text())
        if request.path == "/login":
            token = f"{TOKEN}{self.paths['/login']}"
            self.valid.add(token)
            return self.answer({"access_token": token} | self.login)
        known = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.valid
        return web.json_response({"items": []}, status=200 if known else 401)


class Forgetful(set[str]):
    """The valid tokens of a shop that refuses all."""

    def add(self, _token: str) -> None:
        """Forget it."""


@pytest.fixture
def shop() -> Shop:
    """Give a shop."""
    return Shop()


def load(folder: Path, url: str, *steps: dict[str, Any], **settings: Any) -> Api:
    """Load the API that a file describes; a step's URL is its name below the server's unless it says otherwise."""
    entry = {"name": "Shop", "timeout": 20, "steps": [{"url": f"{url}{s['name']}"} | s for s in steps]}
    path = folder / "apis.yml"
    path.write_text(json.dumps({"apis": [entry | settings]}), encoding="utf-8")
    (api,) = load_config(path, {}).apis
    return api


async def test_a_value_is_taken_and_used(serve: Serve, prober: Prober, shop: Shop, tmp_path: Path) -> None:
    """What the login gives is sent by the step that names it and by no other, and the probe is one success."""
    api = load(tmp_path, await serve(shop.handle), LOGIN, {"name": "open", "expected_status": 401}, LIST)
    outcome = await prober.probe(api)
    assert (outcome.reason, shop.paths) == (None, {"/login": 1, "/open": 1, "/list": 1})
    sent = [request.headers.get("Authorization") for request in shop.requests]
    assert sent == [None, None, f"Bearer {TOKEN}1"]


async def test_the_whole_probe_is_measured(serve: Serve, prober: Prober, tmp_path: Path) -> None:
    """The response time is that of all steps together, each has its own, and the phases add up over them."""

    async def slowly(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.json_response({"access_token": "x"})

    outcome = await prober.probe(load(tmp_path, await serve(slowly), LOGIN, LIST))
    assert [name for name, _ in outcome.steps] == ["login", "list"]
    assert all(seconds >= 0.09 for _, seconds in outcome.steps)
    assert outcome.response_time == pytest.approx(sum(seconds for _, seconds in outcome.steps))
    assert outcome.response_time == pytest.approx(sum(outcome.phases.values()))
    assert outcome.phases["processing"] >= 0.18


async def test_the_timeout_is_for_all_steps(serve: Serve, prober: Prober, tmp_path: Path) -> None:
    """Steps that are each fast enough time out together, and the one under way is named."""

    async def slowly(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.json_response({"access_token": "x"})

    outcome = await prober.probe(load(tmp_path, await serve(slowly), LOGIN, LIST, timeout=0.5))
    assert (outcome.reason, outcome.kind, outcome.detail) == (
        "list:timeout",
        "timeout",
        "no answer within 0.5 s",
    )
    assert outcome.response_time == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"json": "$.data[0].key"}, "k/1 ü"),
        ({"json": "$.count"}, "7"),
        ({"header": "x-token"}, "from the header"),
        ({"matches": '"key": "(.)/'}, "k"),
    ],
)
async def test_ways_to_take(
    serve: Serve, prober: Prober, tmp_path: Path, source: dict[str, str], text: str
) -> None:
    """A value comes from JSON, a header or a regular expression, and is quoted for where it is sent."""
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers.get("X-Seen", ""), await request.text()))
        body = '{"data": [{"key": "k/1 ü"}], "count": 7}'
        return web.Response(text=body, headers={"X-Token": "from the header"})

    url = await serve(answer)
    second = {
        "name": "second",
        "url": f"{url}a/${{first.value}}?b=${{first.value}}&c=1",
        "method": "POST",
        "headers": {"X-Seen": "<${first.value}>", "Content-Type": "application/json"},
        "body": '{"a": "${first.value}"}',
    }
    outcome = await prober.probe(load(tmp_path, url, {"name": "first", "take": {"value": source}}, second))
    assert outcome.reason is None
    path, header, body = seen[1]
    assert path.partition("?")[0].count("/") == 2
    assert unquote(path) == f"/a/{text}?b={text}&c=1"
    assert header == f"<{text}>"
    assert json.loads(body) == {"a": text}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", 'q="\\"&b\\u00e9\\\\"'),
        ("application/x-www-form-urlencoded", 'q="%22%26b%C3%A9%5C"'),
    ],
)
async def test_a_value_in_a_body_stays_a_value(
    serve: Serve, prober: Prober, tmp_path: Path, content_type: str, body: str
) -> None:
    """An answer cannot add keys or fields to what is sent in a body."""
    bodies = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        return web.json_response({"access_token": '"&bé\\'})

    send = {
        "name": "b",
        "method": "POST",
        "body": 'q="${login.token}"',
        "headers": {"content-type": content_type},
    }
    assert (await prober.probe(load(tmp_path, await serve(answer), LOGIN, send))).reason is None
    assert bodies[1] == body


@pytest.mark.parametrize(
    ("take", "body", "detail"),
    [
        ({"json": "$.access_token"}, "{}", "the answer has no $.access_token"),
        ({"json": "$.access_token"}, "<html>", "the body is no JSON"),
        ({"json": "$.a"}, '{"a": ["s3cr3t"]}', "$.a is not a single value"),
        ({"json": "$.a"}, '{"a": null}', "$.a is not a single value"),
        ({"json": "$.a"}, '{"a": ""}', "$.a is empty or not one line of text"),
        ({"json": "$.a"}, '{"a": "s3cr3t\\r\\nX-Evil: 1"}', "$.a is empty or not one line of text"),
        ({"json": "$.a"}, '{"a": "\\ud800"}', "$.a is empty or not one line of text"),
        ({"json": "$.a"}, '{"a": ".."}', "$.a is empty or not one line of text"),
        ({"header": "X-Token"}, "{}", "the answer has no header X-Token"),
        ({"matches": "token=(.*)"}, "{}", "the body has nothing that `matches` finds"),
        ({"matches": "(x)?"}, "{}", "the body has nothing that `matches` finds"),
    ],
)
async def test_what_cannot_be_taken_is_an_error_of_its_step(
    serve: Serve, prober: Prober, tmp_path: Path, take: dict[str, str], body: str, detail: str
) -> None:
    """An answer without the value, or with one that cannot be sent, fails the login; nothing is sent after it."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text=body)

    login = {"name": "login", "take": {"token": take}, "cache": 3600}
    kept = Kept()
    outcome = await prober.probe(load(tmp_path, await serve(answer), login, LIST), kept)
    assert (outcome.reason, outcome.detail, asked) == ("login:body", detail, ["/login"])
    assert kept.values("login", 0.0) is None


async def test_a_packed_answer_is_unpacked(serve: Serve, prober: Prober, tmp_path: Path, shop: Shop) -> None:
    """A login that answers with gzip gives its token as any other."""

    def packed(content: dict[str, Any]) -> web.Response:
        answer = web.json_response(content)
        answer.enable_compression(web.ContentCoding.gzip)
        return answer

    shop.answer = packed  # type: ignore[assignment] # takes less than json_response
    assert (await prober.probe(load(tmp_path, await serve(shop.handle), LOGIN, LIST))).reason is None


@pytest.mark.parametrize(
    "take", [{"json": "$.token"}, {"header": "X-Token"}, {"matches": '"token": "(.*?)"'}]
)
async def test_a_value_of_a_big_answer(
    serve: Serve, prober: Prober, tmp_path: Path, take: dict[str, str]
) -> None:
    """Values are taken alike from a body so big that it is looked at elsewhere."""
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        content = {"token": "abc", "until": 3600, "more": "x" * 300_000}
        return web.json_response(content, headers={"X-Token": "abc"})

    login = {"name": "login", "take": {"token": take}, "cache": "$.until"}
    kept = Kept()
    outcomes = [await prober.probe(load(tmp_path, await serve(answer), login, LIST), kept) for _ in range(2)]
    assert [outcome.reason for outcome in outcomes] == [None, None]
    assert seen == [None, "Bearer abc", "Bearer abc"]


async def test_a_value_of_an_answer_without_a_body(serve: Serve, prober: Prober, tmp_path: Path) -> None:
    """A header is taken from the answer to HEAD, too, which speaks of a packed body and has none."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(headers={"X-Token": "abc", "Content-Encoding": "gzip"})

    login = {"name": "login", "method": "HEAD", "take": {"token": {"header": "X-Token"}}}
    assert (await prober.probe(load(tmp_path, await serve(answer), login, LIST))).reason is None


async def test_an_expression_that_takes_too_long(serve: Serve, prober: Prober, tmp_path: Path) -> None:
    """A regular expression that would search for ever is an error of its step, and others go on meanwhile."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="a" * 200_000 + "!")

    login = {"name": "login", "take": {"token": {"matches": "^(?:a|aa)+($)"}}}
    probing = asyncio.create_task(prober.probe(load(tmp_path, await serve(answer), login, LIST)))
    turns = 0
    while not probing.done():
        await asyncio.sleep(0.001)
        turns += 1
    outcome = await probing
    assert turns >= 50
    assert outcome.reason == "login:body"
    assert outcome.detail.startswith("matching the body took more than 0.5 s")


@pytest.mark.parametrize("cache", [None, 3600, "$.expires_in", "$.until"])
async def test_a_token_is_kept(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path, *, cache: float | str | None
) -> None:
    """While the token is good the login is not sent; without `cache` it is sent each time."""
    shop.login = {"expires_in": "3600", "until": "2999-01-01T00:00:00Z"}
    api = load(tmp_path, await serve(shop.handle), LOGIN | {"cache": cache}, LIST)
    kept = Kept()
    outcomes = [await prober.probe(api, kept) for _ in range(3)]
    assert [outcome.reason for outcome in outcomes] == [None] * 3
    assert shop.paths == {"/login": 1 if cache else 3, "/list": 3}
    assert [name for name, _ in outcomes[-1].steps] == (["list"] if cache else ["login", "list"])
    assert TOKEN not in repr([outcomes, kept, api])


@pytest.mark.parametrize("seconds", [20, 0, -5, "nan", 1.0])
async def test_a_token_that_may_expire_within_the_probe_is_not_used(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path, seconds: float | str
) -> None:
    """A token that does not outlast the probe's timeout is asked for anew: none is sent after its end."""
    shop.login = {"expires_in": seconds}
    api = load(tmp_path, await serve(shop.handle), LOGIN | {"cache": "$.expires_in"}, LIST)
    kept = Kept()
    assert [(await prober.probe(api, kept)).reason for _ in range(2)] == [None, None]
    assert shop.paths["/login"] == 2


async def test_the_life_of_a_token_begins_when_it_is_asked_for(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path
) -> None:
    """A slow login does not make its token last longer than the server that made it meant."""

    async def slowly(request: web.Request) -> web.StreamResponse:
        if request.path == "/login":
            await asyncio.sleep(0.5)
        return await shop.handle(request)

    shop.login = {
        "expires_in": 20.3
    }  # the timeout is 20 s, so that this is too short 0.3 s after the login was sent
    api = load(tmp_path, await serve(slowly), LOGIN | {"cache": "$.expires_in"}, LIST)
    kept = Kept()
    assert [(await prober.probe(api, kept)).reason for _ in range(2)] == [None, None]
    assert shop.paths["/login"] == 2


def test_what_is_kept_ends_on_time() -> None:
    """A value is there while it lasts until the time asked for, and no longer."""
    kept = Kept()
    kept.keep("login", {"login.token": "x"}, 100.0)
    assert kept.values("login", 99.9) == {"login.token": "x"}
    assert kept.values("login", 100.0) is None
    kept.forget("login")
    assert kept.values("login", 0.0) is None


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ({}, "the answer has no $.expires_in"),
        ({"expires_in": "soon"}, "$.expires_in is neither seconds nor a time"),
    ],
)
async def test_an_answer_that_does_not_say_how_long(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path, answer: dict[str, str], detail: str
) -> None:
    """A login whose answer lacks the time that the configuration relies on has failed."""
    shop.login = answer
    outcome = await prober.probe(
        load(tmp_path, await serve(shop.handle), LOGIN | {"cache": "$.expires_in"}, LIST)
    )
    assert (outcome.reason, outcome.detail) == ("login:body", detail)


async def test_a_revoked_token_is_replaced_within_the_probe(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path
) -> None:
    """A 401 to a kept token makes the probe log in anew and ask again; what came between is not sent twice."""
    between = {"name": "open", "expected_status": 401}
    api = load(tmp_path, await serve(shop.handle), LOGIN | {"cache": 3600}, between, LIST)
    kept = Kept()
    assert (await prober.probe(api, kept)).reason is None
    shop.valid.clear()
    outcome = await prober.probe(api, kept)
    assert outcome.reason is None
    assert [name for name, _ in outcome.steps] == ["open", "list", "login", "list"]
    assert outcome.response_time == pytest.approx(sum(seconds for _, seconds in outcome.steps))
    assert shop.requests[-1].headers["Authorization"] == f"Bearer {TOKEN}2"


async def test_a_401_that_is_expected(serve: Serve, prober: Prober, shop: Shop, tmp_path: Path) -> None:
    """Who probes that a token is refused gets no new one, whatever else is wrong with the answer."""
    refused = LIST | {"expected_status": 401, "expected_body": {"contains": "refused"}}
    api = load(tmp_path, await serve(shop.handle), LOGIN | {"cache": 3600}, refused)
    kept = Kept()
    await prober.probe(api, kept)
    shop.valid.clear()
    assert (await prober.probe(api, kept)).reason == "list:body"
    assert shop.paths == {"/login": 1, "/list": 2}


async def test_a_new_token_that_is_refused_too(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path
) -> None:
    """A probe logs in anew once: if that does not help either, it has failed."""
    api = load(tmp_path, await serve(shop.handle), LOGIN | {"cache": 3600}, LIST)
    kept = Kept()
    await prober.probe(api, kept)
    shop.valid = Forgetful()
    outcome = await prober.probe(api, kept)
    assert outcome.reason == "list:http_4xx"
    assert [name for name, _ in outcome.steps] == ["list", "login", "list"]


@pytest.mark.parametrize(
    ("sent", "first"),
    [
        ([("list", None)], None),
        ([("login", 5.0), ("list", 9.0)], 5.0),
        ([("login", 5.0), ("list", 9.0), ("list", 8.0)], 5.0),
        ([("login", 5.0), ("list", 9.0), ("login", 12.0), ("list", None)], 9.0),
    ],
)
def test_the_first_certificate_to_end_counts(
    tmp_path: Path, sent: list[tuple[str, float | None]], first: float | None
) -> None:
    """The certificate of a login that is not sent for an hour is not forgotten meanwhile, nor that of a failed step."""
    api = load(tmp_path, "https://shop.example/", LOGIN, LIST)
    steps = {step.name: step for step in api.chain}
    kept = Kept()
    for name, expiry in sent:
        walk = Walk(api, kept, deadline=0.0)
        walk.add(steps[name], Answered(Outcome(None, 0.1, certificate_expiry=expiry)))
    assert [walk.outcome().certificate_expiry, walk.outcome().certificate_expiry] == [first, first]
    assert kept.first_expiry() == first


async def test_logins_that_build_on_each_other_are_renewed(
    serve: Serve, prober: Prober, tmp_path: Path
) -> None:
    """If a kept session is refused, and the kept token from which a new one is to be made is too, both are renewed."""
    asked: list[str] = []
    good = 1

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        known = request.path == "/login" or request.headers["X-Key"] == str(good)
        return web.json_response({"key": str(good)}, status=200 if known else 401)

    def step(name: str, before: str | None = None, **more: object) -> dict[str, Any]:
        return {"name": name, "headers": {"X-Key": f"${{{before}.key}}"} if before else {}} | more

    keep = {"take": {"key": {"json": "$.key"}}, "cache": 3600}
    steps = (step("login", **keep), step("session", "login", **keep), step("list", "session"))
    api = load(tmp_path, await serve(answer), *steps)
    kept = Kept()
    await prober.probe(api, kept)
    asked.clear()
    good = 2
    assert (await prober.probe(api, kept)).reason is None
    assert asked == ["/list", "/session", "/login", "/session", "/list"]


async def test_a_token_that_is_refused_at_once(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path
) -> None:
    """A new token that is refused is an error, is not tried again in this probe, and is not kept for the next."""
    shop.valid = Forgetful()
    api = load(tmp_path, await serve(shop.handle), LOGIN | {"cache": 3600}, LIST)
    kept = Kept()
    outcomes = [await prober.probe(api, kept) for _ in range(2)]
    assert [outcome.reason for outcome in outcomes] == ["list:http_4xx"] * 2
    assert outcomes[0].detail == "status 401, expected 2xx"
    assert shop.paths == {"/login": 2, "/list": 2}


async def test_a_refused_login(serve: Serve, prober: Prober, tmp_path: Path) -> None:
    """A refused login ends the probe, and is named; its 429 pauses the API as any other does."""
    statuses = iter([401, 429])

    async def answer(_request: web.Request) -> web.Response:
        headers = {"Retry-After": "90", "X-RateLimit-Limit": "5"}
        return web.Response(status=next(statuses), headers=headers)

    api = load(tmp_path, await serve(answer), LOGIN, LIST)
    outcomes: list[Outcome] = [await prober.probe(api) for _ in range(2)]
    assert [outcome.reason for outcome in outcomes] == ["login:http_4xx", "login:rate_limited"]
    assert outcomes[1].kind == "rate_limited"
    assert outcomes[1].retry_at is not None
    assert outcomes[1].quotas == (Quota("requests", limit=5),)


async def test_the_scarcest_quota_counts(serve: Serve, prober: Prober, tmp_path: Path) -> None:
    """Of quotas that two steps state under one name the one with the fewest requests left is reported."""
    left = iter(["3", "7"])

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"access_token": "x"}, headers={"X-RateLimit-Remaining": next(left)})

    outcome = await prober.probe(load(tmp_path, await serve(answer), LOGIN, LIST))
    assert outcome.quotas == (Quota("requests", remaining=3),)


async def test_a_step_without_a_connection(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path, unused_tcp_port: int
) -> None:
    """A step whose server is down is named; the step before has its time, the probe has none."""
    down = LIST | {"url": f"http://127.0.0.1:{unused_tcp_port}/"}
    outcome = await prober.probe(load(tmp_path, await serve(shop.handle), LOGIN, down))
    assert (outcome.reason, outcome.response_time) == ("list:connect", None)
    assert [name for name, _ in outcome.steps] == ["login"]


async def test_a_token_does_not_follow_a_redirect_to_another_host(
    serve: Serve, prober: Prober, shop: Shop, tmp_path: Path
) -> None:
    """A step that is sent elsewhere arrives there without the token."""
    seen: list[str | None] = []

    async def other(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    elsewhere = await serve(other)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/login":
            return await shop.handle(request)
        return web.Response(status=302, headers={"Location": elsewhere})

    outcome = await prober.probe(load(tmp_path, await serve(answer), LOGIN, LIST, follow_redirects=True))
    assert (outcome.reason, seen) == (None, [None])


async def test_a_value_is_not_looked_through(serve: Serve, prober: Prober, tmp_path: Path) -> None:
    """An answer that gives `${login.secret}` as its value does not get the secret sent anywhere."""
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-Id"))
        return web.json_response({"id": "${login.secret}", "secret": "s3cr3t"})

    login = {"name": "login", "take": {"id": {"json": "$.id"}, "secret": {"json": "$.secret"}}}
    use = {"name": "use", "headers": {"X-Id": "${login.id}"}}
    await prober.probe(load(tmp_path, await serve(answer), login, use))
    assert seen == [None, "${login.secret}"]


def test_what_the_api_says_holds_for_its_steps(tmp_path: Path) -> None:
    """Headers and credentials of the defaults and the API are sent by every step, whose own win."""
    text = """
        defaults: {headers: {Accept: a, X-A: d}, method: POST, expected_status: 201, bearer: {token: all}}
        apis:
          - name: A
            headers: {X-A: api}
            max_body: 5
            steps:
              - {name: one, url: 'http://a.example', basic_auth: {username: u, password: p}, take: {t: {json: $.t}}}
              - {name: two, url: 'http://b.example', bearer: {token: '${one.t}'}, method: GET, headers: {x-a: own}}
              - {name: three, url: 'http://b.example', expected_status: 200}
    """
    (tmp_path / "apis.yml").write_text(text, encoding="utf-8")
    (api,) = load_config(tmp_path / "apis.yml", {}).apis
    one, two, three = api.chain
    assert one.headers == {"Accept": "a", "X-A": "api", "Authorization": "Basic dTpw"}
    assert {name: str(value) for name, value in two.headers.items()} == {
        "Accept": "a",
        "x-a": "own",
        "Authorization": "Bearer ${one.t}",
    }
    assert three.headers["Authorization"] == "Bearer all"
    assert [(step.method, step.expected_status) for step in api.chain] == [
        ("POST", {201}),
        ("GET", {201}),
        ("POST", {200}),
    ]
    assert api.max_body == 5


def test_the_example_of_the_docs_is_right(tmp_path: Path) -> None:
    """Who copies the example has a configuration."""
    path = tmp_path / "apis.yml"
    path.write_text(EXAMPLE, encoding="utf-8")
    (api,) = load_config(path, {"AUTH_PASSWORD": "s3cr3t"}).apis
    assert [step.name for step in api.chain] == ["login", "create", "show"]
    assert "s3cr3t" not in repr(api)
