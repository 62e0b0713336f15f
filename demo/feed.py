"""What the running demo has to tell, from the simulator and from the sidecar, one line per event."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import requests
from rich.text import Text

from demo.incidents import Kind
from demo.processes import answers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from demo.ports import Ports

_TIMEOUT_SECONDS: Final = 5.0
_STYLES: Final = {
    "anomaly_opened": "bold red",
    "anomaly_closed": "green",
    "alert_firing": "bold red",
    "alert_resolved": "green",
    "incident_started": "bold yellow",
    "incident_ended": "yellow",
    "training_failed": "bold red",
    "prometheus_unreachable": "bold red",
    "server_ended": "bold red",
    "server_stopped": "bold yellow",
    "server_started": "yellow",
    "ready": "bold green",
}


class Feed:
    """Prints what happens.

    Args:
        ports: Where the servers are.
        console: Where to print.
    """

    def __init__(self, ports: Ports, console: Console) -> None:
        self._status_url = f"{ports.url('sidecar')}/status"
        self._ready_url = f"{ports.url('sidecar')}/ready"
        self._events_url = f"{ports.url('simulator')}/_demo/events"
        self._incidents_url = f"{ports.url('simulator')}/_demo/incidents"
        self._stops_url = f"{ports.url('simulator')}/_demo/stops"
        self._console = console
        self._seen_sidecar = 0
        self._seen_simulator = 0
        self._ready = False
        self._silent: set[str] = set()
        self._stopped: set[str] = set()

    def begin_anew(self, role: str) -> None:
        """Expect a new process in that role: it numbers its events from 1, and has to become ready first."""
        if role == "simulator":
            self._seen_simulator = 0
        if role == "sidecar":
            self._seen_sidecar = 0
            self._ready = False

    def poll(self) -> None:
        """Print the events since the last call, oldest first."""
        for event in sorted([*self._simulator(), *self._sidecar()], key=lambda event: str(event["time"])):
            self.tell(
                event["kind"], event.get("api_name"), event["text"], datetime.fromisoformat(event["time"])
            )
        if not self._ready and answers(self._ready_url):
            self._ready = True
            self.tell("ready", None, "the models are in service; every API is scored every 15 s")

    def silent_apis(self) -> set[str]:
        """Names of the APIs of which nothing is to reach Prometheus for now."""
        incidents = _get(self._incidents_url)
        if incidents is not None:
            self._silent = {i["api_name"] for i in incidents if i["kind"] == Kind.SILENCE}
        return self._silent

    def stopped_roles(self) -> set[str]:
        """Roles of the servers that are to be down for now."""
        stops = _get(self._stops_url)
        if stops is not None:
            self._stopped = {stop["role"] for stop in stops}
        return self._stopped

    def tell(self, kind: str, api_name: str | None, text: str, time: datetime | None = None) -> None:
        """Print one event as one line."""
        local = (time or datetime.now().astimezone()).astimezone()
        line = Text.assemble(
            (f"{local:%H:%M:%S}  ", "dim"),
            (f"{kind.replace('_', ' '):23}", _STYLES.get(kind, "cyan")),
            (f"{api_name or '':21}", "bold"),
            " ".join(text.split()).removeprefix(f"{api_name}: "),
        )
        self._console.print(line, soft_wrap=True)

    def _simulator(self) -> Iterator[dict[str, Any]]:
        for event in _get(self._events_url, after=self._seen_simulator) or []:
            self._seen_simulator = event["id"]
            yield event

    def _sidecar(self) -> Iterator[dict[str, Any]]:
        for event in (_get(self._status_url) or {}).get("events", []):
            if event["id"] > self._seen_sidecar:
                self._seen_sidecar = event["id"]
                yield event


def _get(url: str, **parameters: int) -> Any:  # noqa: ANN401 - JSON
    """The JSON at a URL; None where the server does not answer, whose end the process group notices by itself."""
    try:
        answer = requests.get(url, params=parameters, timeout=_TIMEOUT_SECONDS)
    except requests.RequestException:
        return None
    return answer.json() if answer.ok else None
