"""The simulated APIs over HTTP, on loopback: `/api/<name>`, and the demo's control endpoints under `/_demo/`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from http import HTTPStatus
from typing import Any, Final

import numpy as np
from aiohttp import web

from demo.errors import DemoError
from demo.events import EventLog
from demo.fleet import FLEET, Quota, find
from demo.incidents import Answer, Incidents, distort
from demo.law import TIMEOUT_SECONDS, draw
from demo.processes import LOOPBACK
from demo.stops import Stops

_NEVER_SECONDS: Final = 3 * TIMEOUT_SECONDS
"""When a request that is to time out is given up on this side."""
_TOKEN_SECONDS: Final = 900


class Simulator:
    """Answers for every API of the fleet by its law, distorted by the incidents under way."""

    def __init__(self) -> None:
        self.events = EventLog()
        self.incidents = Incidents(self.events.add_incident)
        self.stops = Stops()
        self._rngs = {api.name: np.random.default_rng(zlib.crc32(api.name.encode())) for api in FLEET}

    def application(self) -> web.Application:
        """The web application with all routes."""
        app = web.Application(middlewares=[_errors_as_json])
        app.add_routes([
            web.get("/api/{name}", self.answer),
            web.post("/api/{name}/login", self.login),
            web.get("/_demo/health", self.health),
            web.get("/_demo/incidents", self.list_incidents),
            web.post("/_demo/incidents", self.start_incident),
            web.delete("/_demo/incidents/{name}", self.end_incident),
            web.get("/_demo/stops", self.list_stops),
            web.post("/_demo/stops", self.start_stop),
            web.post("/_demo/alerts", self.receive_alerts),
            web.get("/_demo/events", self.list_events),
        ])  # fmt: skip
        return app

    def decide(self, api_name: str, now: float) -> Answer:
        """What the API answers to a request that arrives now; raises UnknownApiError."""
        api, rng = find(api_name), self._rngs.get(api_name, np.random.default_rng())
        outcome = draw(api.behaviour(np.array([now])), 1, rng)
        seconds = float(outcome.seconds[0])
        good = outcome.success[0] or seconds >= TIMEOUT_SECONDS
        answer = Answer(seconds, HTTPStatus.OK if good else HTTPStatus.INTERNAL_SERVER_ERROR)
        incident = self.incidents.of(api_name)
        return distort(answer, incident, now, rng.random()) if incident else answer

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request to an API, after the time that its law says."""
        name, now = request.match_info["name"], time.time()
        answer = self.decide(name, now)
        await asyncio.sleep(answer.seconds if answer.seconds < TIMEOUT_SECONDS else _NEVER_SECONDS)
        return web.json_response(
            {"api": name, "status": answer.status.phrase},
            status=answer.status,
            headers=_quota_headers(find(name).quota, answer, now),
        )

    async def login(self, request: web.Request) -> web.Response:
        """Hand out a token, where the API asks for one."""
        api = find(request.match_info["name"])
        if not api.login:
            raise web.HTTPNotFound(reason=f"{api.name} has no login")
        return web.json_response({"token": f"demo-{int(time.time())}", "expires_in": _TOKEN_SECONDS})

    async def health(self, _: web.Request) -> web.Response:
        """Say that the simulator runs."""
        return web.json_response({"status": "ok", "apis": len(FLEET)})

    async def list_incidents(self, _: web.Request) -> web.Response:
        """List the incidents under way."""
        return web.json_response([incident.as_json() for incident in self.incidents.active()])

    async def start_incident(self, request: web.Request) -> web.Response:
        """Start the incident that the body describes."""
        incident = self.incidents.start(await _json_object(request))
        return web.json_response(incident.as_json(), status=HTTPStatus.CREATED)

    async def end_incident(self, request: web.Request) -> web.Response:
        """End an API's incident before its time."""
        self.incidents.end(find(request.match_info["name"]).name)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def list_stops(self, _: web.Request) -> web.Response:
        """List the servers that are to be down now."""
        return web.json_response([stop.as_json() for stop in self.stops.active()])

    async def start_stop(self, request: web.Request) -> web.Response:
        """Let a server be stopped for a while; the runner, which asks every second, does it."""
        stop = self.stops.start(await _json_object(request))
        return web.json_response(stop.as_json(), status=HTTPStatus.CREATED)

    async def receive_alerts(self, request: web.Request) -> web.Response:
        """Take a message of Alertmanager's webhook."""
        for alert in (await _json_object(request)).get("alerts", []):
            self.events.add_alert(alert)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def list_events(self, request: web.Request) -> web.Response:
        """List the events after the id given as `after`."""
        self.incidents.active()  # one whose time is up becomes an event here, also where nobody calls its API
        return web.json_response(self.events.since(int(request.query.get("after", "0"))))


def _quota_headers(quota: Quota | None, answer: Answer, now: float) -> dict[str, str]:
    if quota is None and not answer.quota_spent:
        return {}
    quota = quota or Quota(limit=10_000)
    remaining = 0 if answer.quota_spent else quota.remaining(now)
    headers = {
        "X-RateLimit-Requests-Limit": str(quota.limit),
        "X-RateLimit-Requests-Remaining": str(remaining),
        "X-RateLimit-Requests-Reset": str(quota.reset_seconds(now)),
    }
    return headers | ({"Retry-After": str(quota.reset_seconds(now))} if answer.quota_spent else {})


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise DemoError(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise DemoError("The body must be a JSON object.")
    return body


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's handler type is private
    try:
        response: web.StreamResponse = await handler(request)
    except DemoError as error:
        return web.json_response({"error": str(error)}, status=HTTPStatus.BAD_REQUEST)
    return response


def serve(host: str, port: int) -> None:
    """Serve until SIGTERM."""
    web.run_app(
        Simulator().application(), host=host, port=port, access_log=None, print=None, shutdown_timeout=1.0
    )


if __name__ == "__main__":
    serve(LOOPBACK, int(sys.argv[1]))
