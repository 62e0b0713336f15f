"""`python -m dashboards [--check]`: write what Grafana reads, or compare it; `python -m dashboards push`: send it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from alert_rules.errors import AlertRulesError
from alert_rules.generate import PROVISIONING
from dashboards import create_grafana_dashboards, generate
from dashboards.errors import DashboardsError
from dashboards.language import ENGLISH, VARIABLE, languages

app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    *,
    check: Annotated[bool, typer.Option(help="Write nothing; fail if a file is out of date.")] = False,
    output: Annotated[Path, typer.Option(help="Folder to write below.")] = PROVISIONING,
    language: Annotated[
        str, typer.Option(envvar=VARIABLE, help=f"Of the texts: {', '.join(languages())}.")
    ] = ENGLISH,
) -> None:
    """Generate the dashboards and Grafana's provisioning files."""
    if context.invoked_subcommand:
        return
    try:
        if check:
            generate.check(output, language)
        else:
            for path in generate.write(output, language):
                typer.echo(f"wrote {output / path}")
    except (AlertRulesError, DashboardsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@app.command()
def push(
    *, overwrite: Annotated[bool, typer.Option(help="Replace what was edited in Grafana, too.")] = False
) -> None:
    """Send the dashboards to the Grafana that GRAFANA_URL, GRAFANA_API_KEY and GRAFANA_ORG_ID name."""
    results = asyncio.run(create_grafana_dashboards(overwrite=overwrite))
    for result in results:
        typer.echo(f"{result.status:9} {result.title}: {result.url or result.error}", err=not result.ok)
    if not all(result.ok for result in results):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
