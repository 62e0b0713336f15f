from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from demo.incidents import Answer, Incident, Kind, distort
from demo.simulator import Simulator

API = "address-autocomplete"
GOOD = Answer(0.2, 200)  # type: ignore[arg-type] # a plain status code reads better here

Client = TestClient[Any, Any]


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a simulator on a free port."""
    async with TestClient(TestServer(Simulator().application())) as client:
        yield client


async def start(client: Client, kind: str, api_name: str = API, minutes: float = 5) -> None:
    """Start an incident."""
    body = {"api_name": api_name, "kind": kind, "minutes": minutes}
    assert (await client.post("/_demo/incidents", json=body)).status == 201


async def call(client: Client, api_name: str = API) -> tuple[int, float, dict[str, str]]:
    """Status, seconds and headers of one request."""
    begun = time.perf_counter()
    answer = await client.get(f"/api/{api_name}")
    await answer.read()
    return answer.status, time.perf_counter() - begun, dict(answer.headers)


def incident(kind: Kind) -> Incident:
    """An incident from 0 to 100 s."""
    return Incident(API, kind, 0.0, 100.0)


async def test_without_an_incident_answers_are_good_and_take_their_time(client: Client) -> None:
    """A healthy API answers 200 after some tens of milliseconds."""
    status, seconds, _ = await call(client)
    assert status == 200
    assert seconds > 0.03


async def test_an_outage_answers_503(client: Client) -> None:
    """During an outage every request fails, of that API and of no other."""
    await start(client, "outage")
    assert [(await call(client))[0] for _ in range(5)] == [503] * 5
    assert (await call(client, "email-validator"))[0] == 200


async def test_a_spent_quota_answers_429_with_nothing_remaining(client: Client) -> None:
    """The quota's headers say that nothing is left and when to come back."""
    assert int((await call(client, "email-validator"))[2]["X-RateLimit-Requests-Remaining"]) > 0
    await start(client, "quota", "email-validator")
    status, _, headers = await call(client, "email-validator")
    assert status == 429
    assert headers["X-RateLimit-Requests-Remaining"] == "0"
    assert headers["Retry-After"] == headers["X-RateLimit-Requests-Reset"]


async def test_a_latency_incident_slows_every_answer(client: Client) -> None:
    """Answers take several times as long and still succeed."""
    await start(client, "latency")
    status, seconds, _ = await call(client)
    assert status == 200
    assert seconds > 0.15


async def test_an_incident_ends_by_itself_and_is_told(client: Client) -> None:
    """When its time is up the API is well again, and beginning and end are events."""
    await start(client, "outage", minutes=0.0005)
    while (await call(client))[0] != 200:
        pass
    assert await (await client.get("/_demo/incidents")).json() == []
    events = await (await client.get("/_demo/events", params={"after": 0})).json()
    assert [(event["kind"], event["api_name"]) for event in events] == [
        ("incident_started", API),
        ("incident_ended", API),
    ]
    assert events[0]["text"] == "outage for 0.0005 min: every request is answered at once with 503"


async def test_an_incident_can_be_ended_before_its_time(client: Client) -> None:
    """After DELETE the API answers as usual."""
    await start(client, "outage")
    assert (await client.delete(f"/_demo/incidents/{API}")).status == 204
    assert (await call(client))[0] == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"api_name": API, "kind": "flood", "minutes": 5}, "kind must be one of outage, latency, errors, quota, drift, silence, and minutes a number."),
        ({"api_name": API, "kind": "outage", "minutes": "soon"}, "kind must be one of outage, latency, errors, quota, drift, silence, and minutes a number."),
        ({"api_name": API, "kind": "outage", "minutes": -1}, "minutes must be above 0 and at most 1440."),
        ({"api_name": API, "kind": "outage"}, "minutes must be above 0 and at most 1440."),
        ({"api_name": "nope", "kind": "outage", "minutes": 5}, "No demo API is called 'nope': choose one of "),
        ([], "The body must be a JSON object."),
    ],
)  # fmt: skip
async def test_a_senseless_incident_is_refused_with_the_reason(
    client: Client, body: object, message: str
) -> None:
    """The answer is 400 and says what to write instead."""
    answer = await client.post("/_demo/incidents", json=body)
    assert answer.status == 400
    assert (await answer.json())["error"].startswith(message)


async def test_the_login_hands_out_a_token_only_where_there_is_one(client: Client) -> None:
    """The API with a login step has a token endpoint; the others have none."""
    assert (await (await client.post("/api/document-signing/login")).json())["expires_in"] == 900
    assert (await client.post(f"/api/{API}/login")).status == 404


def test_an_errors_incident_hits_thirty_percent() -> None:
    """Three requests in ten are answered with 500, the others as usual."""
    answers = [distort(GOOD, incident(Kind.ERRORS), 50.0, luck / 100) for luck in range(100)]
    assert [answer.status for answer in answers].count(500) == 30  # type: ignore[arg-type] # HTTPStatus is an int
    assert all(answer.seconds == GOOD.seconds for answer in answers)


def test_a_drift_rises_from_nothing_to_three_times_the_usual() -> None:
    """Response times grow in proportion to the time since the incident began."""
    seconds = [distort(GOOD, incident(Kind.DRIFT), now, 0.0).seconds for now in (0.0, 50.0, 100.0)]
    assert seconds == pytest.approx([0.2, 0.4, 0.6])


def test_silence_leaves_the_api_itself_well() -> None:
    """A silent API still answers whoever asks; it is only not heard of."""
    assert distort(GOOD, incident(Kind.SILENCE), 50.0, 0.0) == GOOD
