"""The command line: `rapidapi-collector run` and `rapidapi-collector check`."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from collector.config import load_config
from collector.errors import CollectorError
from collector.service import run as run_service
from collector.settings import Settings

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
        apis = load_config(config)
    except CollectorError as error:
        raise _failed(error) from None
    typer.echo(f"{config}: no errors, {len(apis)} APIs")


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
