"""The demo's parts that run in containers: `python -m demo.containers simulator`, `history` and `apis`.

Everything else of the demo's stack is what docker-compose.yml runs without it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from collector.contract import DEFAULT_PORT
from demo.backfill import write_history
from demo.configs import collector_text
from demo.fleet import FLEET
from demo.ports import Ports
from demo.simulator import serve
from demo.state import DEMO_DIR, write_state

HISTORY: Final = "history.openmetrics"
_SIMULATOR: Final = "simulator"
_COLLECTOR: Final = "collector"
"""The services' names, which are their hosts' names for one another."""
_HEADER: Final = "# The simulated APIs, for the collector in the demo's containers. Made by `python -m demo.containers apis`.\n"

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def simulator() -> None:
    """Serve the simulated APIs to the other containers; incidents are started from within this one."""
    ports = Ports.from_environment()
    DEMO_DIR.mkdir(parents=True, exist_ok=True)
    write_state(DEMO_DIR, ports, {})
    serve("0.0.0.0", ports.simulator)  # noqa: S104 - the container's own addresses; docker-compose.yml publishes on loopback


@app.command()
def history(
    folder: Annotated[Path, typer.Argument(help="Where to write the OpenMetrics file.")],
    data: Annotated[
        Path, typer.Argument(help="Prometheus' data; where it has some, there is nothing to do.")
    ],
) -> None:
    """Write the past up to now for promtool; an empty one where Prometheus has begun to live."""
    with (folder / HISTORY).open("w", encoding="utf-8") as file:
        if any(data.iterdir()):
            file.write("# EOF\n")
            typer.echo("Prometheus has data already; nothing is added")
            return
        samples = write_history(
            file,
            FLEET,
            time.time(),
            environment=os.environ["ENVIRONMENT"],
            instance=f"{_COLLECTOR}:{DEFAULT_PORT}",
        )
    typer.echo(f"{samples:,} samples of {len(FLEET)} APIs")


def apis_text() -> str:
    """Return the collector's `apis.yml` for the containers."""
    return _HEADER + collector_text(FLEET, f"http://{_SIMULATOR}:{Ports().simulator}")


@app.command()
def apis() -> None:
    """Print the collector's file."""
    typer.echo(apis_text(), nl=False)


if __name__ == "__main__":
    app(prog_name="python -m demo.containers")
