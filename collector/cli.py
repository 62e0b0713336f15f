"""The command line: `rapidapi-collector run`, `check`, `probe` and `schema`."""

from __future__ import annotations

import asyncio
import difflib
import enum
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from collector.config import load_config
from collector.errors import CollectorError
from collector.first_look import look_at
from collector.service import loop_factory
from collector.service import run as run_service
from collector.settings import Settings
from collector.sources import FileLists
from collector.trial import trials

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from collector.api import Api
    from collector.config import Config
    from collector.first_look import Look
    from collector.sources import DiscoverySource

# Rich tracebacks would show local variables, and those hold keys.
app = typer.Typer(
    help="Probes HTTP APIs and exposes the results to Prometheus.", pretty_exceptions_enable=False
)


class Lists(enum.StrEnum):
    """Which lists of APIs a check looks at."""

    NONE = "none"
    FILES = "files"
    ALL = "all"


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
def check(
    config: ConfigPath = Path("apis.yml"),
    lists: Annotated[
        Lists, typer.Option(help="Which lists of APIs to read: those in files, or also those of http_sd.")
    ] = Lists.FILES,
) -> None:
    """Check the configuration, the environment and lists in files. Nothing is sent without `--lists all`."""
    named, sources = _loaded(config)
    typer.echo(f"{config}: no errors, {len(named)} APIs")
    chosen = [source for source in sources if _is_chosen(source, lists)]
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        _, looks = runner.run(look_at(named, chosen))
    for look in looks:
        typer.echo(look)
    for source in sources:
        if source not in chosen:
            typer.echo(f"source {source.name!r}: not looked at (--lists all does)")
    if _tell_failures(looks):
        raise typer.Exit(1)


def _is_chosen(source: DiscoverySource, lists: Lists) -> bool:
    return lists is Lists.ALL or (lists is Lists.FILES and isinstance(source.where, FileLists))


@app.command()
def probe(
    names: Annotated[list[str] | None, typer.Argument(help="Which APIs; all if left out.")] = None,
    config: ConfigPath = Path("apis.yml"),
) -> None:
    """Probe each API once, those of lists too, say how it went, and end with status 1 unless all succeeded."""
    apis, sources = _loaded(config)
    failed = False
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        if not names or not {api.name for api in apis}.issuperset(names):
            apis, looks = runner.run(look_at(apis, sources))
            failed = _tell_failures(looks) and not names
        chosen = _chosen(apis, names or [])
        if not chosen:
            typer.echo(f"{config}: nothing to probe", err=True)
        if not runner.run(trials(chosen, typer.echo)) or failed:
            raise typer.Exit(1)


def _loaded(config: Path) -> Config:
    _settings()
    try:
        return load_config(config)
    except CollectorError as error:
        raise _failed(error) from None


def _tell_failures(looks: Iterable[Look]) -> bool:
    """Tell which sources have failed; return whether any has."""
    failed = [look for look in looks if look.problem]
    for look in failed:
        typer.echo(f"rapidapi-collector: the source {look.source!r} fails: {look.problem}", err=True)
    return bool(failed)


def _chosen(apis: Sequence[Api], names: list[str]) -> Sequence[Api]:
    known = {api.name: api for api in apis}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else "leave out the name to probe all"
            typer.echo(f"rapidapi-collector: no API is named {name!r}; {remedy}", err=True)
            raise typer.Exit(2)
    return [known[name] for name in names] or apis


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
