"""Where the running demo can be found: `.demo/demo.json`, and requests to its simulator."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import requests

from demo.errors import ControlError
from demo.ports import Ports
from demo.processes import answers
from demo.tools import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

DEMO_DIR: Final = Path(os.environ.get("DEMO_DIR") or PROJECT_ROOT / ".demo")
_TIMEOUT_SECONDS: Final = 5.0


def write_state(directory: Path, ports: Ports, pids: Mapping[str, int]) -> None:
    """Say where the demo runs."""
    content = {"ports": asdict(ports), "pids": dict(pids)}
    unfinished = directory / "demo.json.new"
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(directory / "demo.json")


def runs(directory: Path) -> bool:
    """Whether a demo runs in that folder."""
    try:
        RunningDemo(directory)
    except ControlError:
        return False
    return True


class RunningDemo:
    """The demo that runs in another shell.

    Args:
        directory: The demo's folder.

    Raises:
        ControlError: None runs.
    """

    def __init__(self, directory: Path = DEMO_DIR) -> None:
        try:
            content = json.loads((directory / "demo.json").read_text(encoding="utf-8"))
            self.ports = Ports(**content["ports"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ControlError("No demo is running: start it with `make demo`.") from None
        self.pids: dict[str, int] = content.get("pids", {})
        if not answers(self._url("health")):
            raise ControlError("The demo is not running any more: start it with `make demo`.")

    def incidents(self) -> list[dict[str, Any]]:
        """Incidents under way."""
        found: list[dict[str, Any]] = self._call("GET", "incidents")
        return found

    def start_incident(self, api_name: str, kind: str, minutes: float) -> dict[str, Any]:
        """Start an incident; raises ControlError if the API or the duration makes no sense."""
        request = {"api_name": api_name, "kind": kind, "minutes": minutes}
        started: dict[str, Any] = self._call("POST", "incidents", request)
        return started

    def end_incident(self, api_name: str) -> None:
        """End an API's incident before its time; raises ControlError if there is no such API."""
        self._call("DELETE", f"incidents/{quote(api_name, safe='')}")

    def stop_server(self, role: str, minutes: float) -> dict[str, Any]:
        """Stop a server for a while; raises ControlError if the role or the duration makes no sense."""
        stopped: dict[str, Any] = self._call("POST", "stops", {"role": role, "minutes": minutes})
        return stopped

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = requests.request(method, self._url(path), json=body, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise ControlError(f"The demo does not answer ({type(error).__name__}).") from error
        if not answer.ok:
            raise ControlError(answer.json()["error"])
        return answer.json() if answer.content else None

    def _url(self, path: str) -> str:
        return f"{self.ports.url('simulator')}/_demo/{path}"
