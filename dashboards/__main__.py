"""`python -m dashboards [--check]`: write what Grafana reads, or compare it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alert_rules.errors import AlertRulesError
from alert_rules.generate import PROVISIONING
from dashboards import generate
from dashboards.errors import DashboardsError
from dashboards.language import ENGLISH, VARIABLE, languages


def main(
    *,
    check: Annotated[bool, typer.Option(help="Write nothing; fail if a file is out of date.")] = False,
    output: Annotated[Path, typer.Option(help="Folder to write below.")] = PROVISIONING,
    language: Annotated[
        str, typer.Option(envvar=VARIABLE, help=f"Of the texts: {', '.join(languages())}.")
    ] = ENGLISH,
) -> None:
    """Generate the dashboards and Grafana's provisioning files."""
    try:
        if check:
            generate.check(output, language)
        else:
            for path in generate.write(output, language):
                typer.echo(f"wrote {output / path}")
    except (AlertRulesError, DashboardsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
