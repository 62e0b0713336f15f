"""The page at `/`: how the APIs are, in plain HTML without script. Everything shown is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from ml_sidecar.contract import API_DASHBOARD, OVERVIEW_DASHBOARD

_STATES = ("anomalous", "learning", "absent", "normal")
"""States of an API, those that a person should see first in front."""
_EVENTS_SHOWN = 10
_REFRESH_SECONDS = 15
_LINKS = ("/metrics", "/metrics/json", "/status", "/ready", "/health")
_NUMBERS = ("Score", "Accuracy", "Rows")
_RIGHT = ' class="number"'
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; --bad: #c62828; --good: #2e7d32; --wait: #b26a00 }
@media (prefers-color-scheme: dark) { :root { --dim: #aaa; --bad: #ff7b72; --good: #6cc870; --wait: #f0b040 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td { overflow-wrap: anywhere } th { color: var(--dim); font-weight: 600 }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.state { white-space: nowrap; font-weight: 600 } .dim { color: var(--dim) }
.anomalous, .notready { color: var(--bad) } .normal, .ready { color: var(--good) }
.learning { color: var(--wait) } .absent { color: var(--dim) }
nav a { margin-right: 1rem; display: inline-block }
@media (max-width: 40rem) {
  thead { display: none } tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line) }
  td { display: inline-block; border: 0; padding: 0 .8rem 0 0 } td.wide { display: block } .number { text-align: left }
}
"""


def render_page(status: Mapping[str, Any], ready: bool, reason: str) -> str:
    """The whole page.

    Args:
        status: body of /status.
        ready: whether the sidecar is ready.
        reason: why or why not.
    """
    apis = sorted(status.get("apis", ()), key=_urgency)
    grafana = _grafana(status)
    anomalous = sum(api.get("state") == "anomalous" for api in apis)
    state = "ready" if ready else "notready"
    word = "Ready" if ready else "Not ready"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">
<title>{f"({anomalous}) " if anomalous else ""}API health, {_text(status.get("environment"))}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{len(apis)} APIs, {anomalous} anomalous <span class="dim">{_text(status.get("environment"))}</span></h1>
<p><strong class="{state}">{word}</strong>: {_text(reason)}</p>
<nav>{"".join(f'<a href="{link}">{link}</a>' for link in _LINKS)}{_dashboards(grafana)}</nav>
</header>
<main>
<section><h2>APIs</h2>{_api_table(apis, grafana)}</section>
<section><h2>Models</h2>{_model_table(status.get("models") or {})}</section>
<section><h2>Events</h2>{_event_table(status.get("events") or ())}</section>
</main>
<footer class="dim"><p>Version {_text(status.get("version"))}, up {_duration(status.get("uptime_seconds"))}.
The page renews itself every {_REFRESH_SECONDS} s.</p></footer>
</body>
</html>
"""


def _urgency(api: Mapping[str, Any]) -> tuple[int, float, str]:
    state = api.get("state")
    place = _STATES.index(state) if state in _STATES else len(_STATES)
    return place, -(api.get("score") or 0.0), str(api.get("api_name"))


def _grafana(status: Mapping[str, Any]) -> str:
    """Grafana's address as GRAFANA_URL says, empty where it says nothing."""
    url = status.get("configuration", {}).get("env", {}).get("grafana_url")
    return str(url or "").rstrip("/")


def _dashboards(grafana: str) -> str:
    return f'<a href="{escape(grafana)}/d/{OVERVIEW_DASHBOARD}">dashboards</a>' if grafana else ""


def _api_name(api: Mapping[str, Any], grafana: str) -> str:
    """The API's name, with a link to its dashboard where there is a Grafana."""
    name = _text(api.get("api_name"))
    if not grafana:
        return name
    chosen = {"var-api_name": api.get("api_name"), "var-environment": api.get("environment")}
    query = urlencode(chosen, quote_via=quote)
    return f'<a href="{escape(grafana)}/d/{API_DASHBOARD}?{escape(query)}">{name}</a>'


def _api_table(apis: list[Mapping[str, Any]], grafana: str) -> str:
    rows = [
        f"<tr><td>{_api_name(api, grafana)}</td>"
        f'<td class="state {_state(api.get("state"))}">{_text(api.get("state"))}</td>'
        f'<td class="number">{_number(api.get("score"))}</td>'
        f'<td class="wide">{_text(api.get("reason"))}</td></tr>'
        for api in apis
    ]
    return _table(
        ("API", "State", "Score", "Why"),
        rows,
        "No API has reported yet. Is Prometheus scraping the collector?",
    )


def _model_table(models: Mapping[str, Any]) -> str:
    rows = []
    for name, card in models.items():
        if card is None:
            rows.append(
                f'<tr><td>{_text(name)}</td><td class="wide dim" colspan="4">not trained yet</td></tr>'
            )
            continue
        rows.append(
            f"<tr><td>{_text(name)}</td><td>{_text(card.get('algorithm'))}</td>"
            f'<td class="number" title="{_text(card.get("accuracy_definition"))}">{_number(card.get("accuracy"))}</td>'
            f'<td class="number">{_number(card.get("samples"), 0)}</td>'
            f"<td>{_time(card.get('trained_at'))}</td></tr>"
        )
    return _table(("Model", "Algorithm", "Accuracy", "Rows", "Trained"), rows, "No model is trained yet.")


def _event_table(events: Any) -> str:  # noqa: ANN401 - JSON
    rows = [
        f'<tr><td class="dim">{_text(str(event.get("time", ""))[:19].replace("T", " "))}</td>'
        f"<td>{_text(str(event.get('kind', '')).replace('_', ' '))}</td>"
        f'<td class="wide">{_text(event.get("text"))}</td></tr>'
        for event in list(events)[: -_EVENTS_SHOWN - 1 : -1]
    ]
    return _table(("Time (UTC)", "Event", "What happened"), rows, "Nothing yet.")


def _table(heads: tuple[str, ...], rows: list[str], empty: str) -> str:
    if not rows:
        return f'<p class="dim">{empty}</p>'
    head = "".join(f'<th scope="col"{_RIGHT if name in _NUMBERS else ""}>{name}</th>' for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))


def _state(value: object) -> str:
    """Class of a state; only those known get into the attribute."""
    return str(value) if value in _STATES else ""


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"  # noqa: RUF001 - a dash for "no value"


def _time(value: float | None) -> str:
    return "" if value is None else datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _duration(seconds: float | None) -> str:
    minutes = int((seconds or 0.0) // 60)
    return f"{minutes // 60} h {minutes % 60} min"
