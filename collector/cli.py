"""The command line: `rapidapi-collector run`, `check`, `probe` and `schema`."""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from collector.config import load_config
from collector.errors import CollectorError
from collector.service import loop_factory
from collector.service import run as run_service
from collector.settings import Settings
from collector.trial import trials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector.api import Api
    from collector.config import Config

_NO_LISTS: Final = "lists of http_sd and file_sd are not looked at"

# Rich tracebacks would show local variables, and those hold keys.
app = typer.Typer(
    help="Probes HTTP APIs and exposes the results to Prometheus.", pretty_exceptions_enable=False
)

ConfigPath = Annotated[Path, typer.Option("--config", help="The YAML file that lists the APIs.")]


def _settings() -> Settings:
    try:
        return Settings.from_environ(os.environ)
    except CollectorError as error:
        raise _failed(error) from None


def _failed(error: CollectorError) -> typer.Exit:
    typer.echo(f"rapidapi-collector: {error}", err=True)
    return typer.Exit(1)


@app.command()
def run(config: ConfigPath = Path("apis.yml")) -> None:
    """Probe the APIs and serve /metrics and /health until stopped."""
    settings = _settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        run_service(config, settings)
    except CollectorError as error:
        raise _failed(error) from None


@app.command()
def check(config: ConfigPath = Path("apis.yml")) -> None:
    """Check the configuration and environment without sending a request."""
    _settings()
    try:
        apis, sources = load_config(config)
    except CollectorError as error:
        raise _failed(error) from None
    further = f" and {len(sources)} sources of further ones" if sources else ""
    typer.echo(f"{config}: no errors, {len(apis)} APIs{further}")


@app.command()
def probe(
    names: Annotated[list[str] | None, typer.Argument(help="Which APIs; all if left out.")] = None,
    config: ConfigPath = Path("apis.yml"),
) -> None:
    """Probe each API once, say how it went, and end with status 1 unless all succeeded."""
    _settings()
    try:
        loaded = load_config(config)
    except CollectorError as error:
        raise _failed(error) from None
    chosen = _chosen(loaded, names or [])
    if not chosen:
        typer.echo(f"{config}: nothing to probe: it names no API, and {_NO_LISTS}", err=True)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        if not runner.run(trials(chosen, typer.echo)):
            raise typer.Exit(1)


def _chosen(config: Config, names: list[str]) -> Sequence[Api]:
    known = {api.name: api for api in config.apis}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "leave out the name to probe all"
            remedy += f" ({_NO_LISTS})" if config.sources else ""
            typer.echo(f"rapidapi-collector: no API is named {name!r}; {remedy}", err=True)
            raise typer.Exit(2)
    return [known[name] for name in names] or config.apis


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration, with which editors complete it."""
    from collector.reference import schema as content

    typer.echo(json.dumps(content(), indent=2))


@app.command(hidden=True)
def reference() -> None:
    """Print docs/configuration.md."""
    from collector.reference import reference as content

    typer.echo(content(), nl=False)


def main() -> None:
    """Run the command line."""
    app()
