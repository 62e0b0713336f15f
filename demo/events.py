"""The demo's own events: incidents that begin and end, alerts that Alertmanager delivers."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict

from demo.incidents import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from demo.incidents import Incident

KEPT: Final = 500
_QUIET_ALERTS: Final = {"Watchdog"}


class Event(TypedDict):
    """One event, in the shape of the sidecar's `/status`."""

    id: int
    time: str
    kind: str
    api_name: str | None
    text: str


class EventLog:
    """The newest events, numbered from 1."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._last_id = 0
        self._delivered: dict[str, str] = {}

    def add(self, kind: str, api_name: str | None, text: str) -> None:
        """Append an event that happens now."""
        self._last_id += 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._events.append(Event(id=self._last_id, time=now, kind=kind, api_name=api_name, text=text))

    def add_incident(self, kind: str, incident: Incident) -> None:
        """Append the beginning or the end of an incident."""
        minutes = (incident.end - incident.start) / 60
        told = f"{incident.kind} for {minutes:g} min: {MEANINGS[incident.kind]}"
        over = f"{incident.kind}: over after {minutes:.1f} min"
        self.add(kind, incident.api_name, over if kind == "incident_ended" else told)

    def add_alert(self, alert: Mapping[str, Any]) -> None:
        """Append an alert of Alertmanager's webhook message, unless it repeats what was told before."""
        labels, annotations = alert.get("labels", {}), alert.get("annotations", {})
        name, status = labels.get("alertname", "alert without a name"), alert.get("status", "firing")
        identity = str(alert.get("fingerprint") or sorted(labels.items()))
        state = f"{status} {alert.get('startsAt')}"
        if name in _QUIET_ALERTS or self._delivered.get(identity) == state:
            return
        self._delivered[identity] = state
        text = f"{name} ({labels.get('severity', 'no severity')})"
        if status == "firing":
            text += f": {annotations.get('description') or annotations.get('summary') or 'no description'}"
        self.add(f"alert_{status}", labels.get("api_name"), text)

    def since(self, event_id: int) -> list[Event]:
        """Events with a greater id, oldest first."""
        return [event for event in self._events if event["id"] > event_id]
