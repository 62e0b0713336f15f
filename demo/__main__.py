"""`python -m demo`: run the demo; `status`, `incident`, `end` and `stop` talk to one that runs."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from demo.errors import DemoError
from demo.fleet import FLEET
from demo.incidents import MEANINGS, Kind
from demo.interrupts import Interrupts
from demo.ports import Ports
from demo.processes import answers
from demo.runner import Runner
from demo.state import DEMO_DIR, RunningDemo
from demo.stops import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Run the whole stack on this machine until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    interrupts = Interrupts()
    interrupts.install()
    with _errors_told():
        try:
            Runner(Ports.from_environment(), DEMO_DIR, Console(), interrupts).run()
        except KeyboardInterrupt:
            typer.echo("Ended.")


@app.command()
def incident(
    name: Annotated[str, typer.Argument(help="API to trouble, as `status` lists them.")],
    kind: Annotated[
        Kind, typer.Option(help="; ".join(f"{kind}: {text}" for kind, text in MEANINGS.items()) + ".")
    ],
    minutes: Annotated[float, typer.Option(help="How long it lasts.")] = 6.0,
) -> None:
    """Start an incident in the running demo."""
    with _errors_told():
        started = RunningDemo().start_incident(name, kind.value, minutes)
    until = time.strftime("%H:%M:%S", time.localtime(started["end"]))
    typer.echo(f"{name}: {kind} until {until} ({MEANINGS[kind]}).")


@app.command()
def end(name: Annotated[str, typer.Argument(help="API whose incident is to end now.")]) -> None:
    """End an incident before its time."""
    with _errors_told():
        RunningDemo().end_incident(name)
    typer.echo(f"{name}: no incident.")


@app.command()
def stop(
    role: Annotated[Role, typer.Argument(help="Server to stop.")],
    minutes: Annotated[float, typer.Option(help="After how long it is started again.")] = 2.0,
) -> None:
    """Stop one of the running demo's servers for a while, to see that nothing is lost."""
    with _errors_told():
        stopped = RunningDemo().stop_server(role.value, minutes)
    until = time.strftime("%H:%M:%S", time.localtime(stopped["end"]))
    typer.echo(f"{role.capitalize()} is stopped until {until}.")


@app.command()
def status() -> None:
    """List the APIs, the incidents under way and the servers of the running demo."""
    with _errors_told():
        demo = RunningDemo()
        incidents = {incident["api_name"]: incident for incident in demo.incidents()}
    apis = Table("API", "temper", "incident")
    for api in FLEET:
        under_way = incidents.get(api.name)
        left = (
            f"{under_way['kind']}, {(under_way['end'] - time.time()) / 60:.1f} min left" if under_way else ""
        )
        apis.add_row(api.name, api.temper, left)
    servers = Table("server", "URL", "answers", "process id")
    for role, path in (
        ("sidecar", "/ready"),
        ("prometheus", "/-/ready"),
        ("alertmanager", "/-/ready"),
        ("collector", "/health"),
    ):
        servers.add_row(
            role,
            demo.ports.url(role),
            "ready" if answers(demo.ports.url(role) + path) else "not ready",
            str(demo.pids.get(role.capitalize(), "")),
        )
    console = Console()
    console.print(apis)
    console.print(servers)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Tell an error of the demo in its own words, without a traceback, and exit with 1."""
    try:
        yield
    except DemoError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app(prog_name="python -m demo")
