"""The stack as the engine runs it: its containers, what they listen on, and what they are asked."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests

from tests.compose.errors import NotProvedError
from tests.compose.shell import run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

POLL_SECONDS: Final = 1.0


def until(what: str, found: Callable[[], Any], seconds: float) -> Any:
    """Return the first result that is something.

    Raises:
        NotProvedError: There is none within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        if time.monotonic() > deadline:
            raise NotProvedError(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


class Stack:
    """The containers of one compose project.

    Args:
        command: The compose command with its global options.
        project: Its name.
        environment: Variables of docker-compose.yml.
    """

    def __init__(self, command: Sequence[str], project: str, environment: Mapping[str, str]) -> None:
        self._command = command
        self.project = project
        self._environment = {**os.environ, **environment}

    def compose(self, *arguments: str) -> str:
        """Run a compose command."""
        return run(*self._command, *arguments, env=self._environment, timeout=600)

    def containers(self) -> dict[str, dict[str, Any]]:
        """What `docker inspect` says of each container, by service."""
        ids = run(
            "docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}"
        ).split()
        found = json.loads(run("docker", "inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def unhealthy(self, long_running: Mapping[str, object]) -> dict[str, str]:
        """State of every service that is not as it should be."""
        states = {}
        for service, one in self.containers().items():
            state = one["State"]
            if service in long_running:
                told = state.get("Health", {}).get("Status", state["Status"])
                if not state["Running"] or told != "healthy":
                    states[service] = told
            elif (state["Status"], state["ExitCode"]) != ("exited", 0):
                states[service] = f"{state['Status']} with {state['ExitCode']}"
        return states

    def url(self, service: str, port: int) -> str:
        """Where a published port is reached."""
        (bound,) = self.containers()[service]["NetworkSettings"]["Ports"][f"{port}/tcp"]
        return f"http://{bound['HostIp']}:{bound['HostPort']}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Answer of Prometheus to an instant query; nothing where it does not answer."""
        try:
            answer = requests.get(
                f"{self.url('prometheus', 9090)}/api/v1/query", params={"query": expression}, timeout=10
            )
            result: list[dict[str, Any]] = answer.json()["data"]["result"]
        except (requests.RequestException, ValueError, KeyError):
            return []
        return result

    def value(self, expression: str) -> float:
        """The one value of a query, NaN where there is none."""
        rows = self.query(expression)
        return float(rows[0]["value"][1]) if rows else float("nan")

    def json(self, service: str, port: int, path: str) -> Any:
        """What a service answers, or None."""
        try:
            answer = requests.get(f"{self.url(service, port)}{path}", timeout=10)
            return answer.json()
        except (requests.RequestException, ValueError, KeyError):
            return None

    def logs(self, service: str) -> str:
        """Everything a container has said."""
        return run("sh", "-c", f"docker logs {self.containers()[service]['Id']} 2>&1")

    def process(self, service: str) -> Path:
        """Folder in /proc of the program that the container runs, which is the child of its init."""
        init = self.containers()[service]["State"]["Pid"]
        (child, *_) = Path(f"/proc/{init}/task/{init}/children").read_text(encoding="utf-8").split()
        return Path("/proc", child)
