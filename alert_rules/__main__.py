"""`python -m alert_rules [--check]`: write what Prometheus and Alertmanager read, or compare it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alert_rules import generate
from alert_rules.errors import AlertRulesError


def main(
    *,
    check: Annotated[bool, typer.Option(help="Write nothing; fail if a file is out of date.")] = False,
    output: Annotated[Path, typer.Option(help="Folder to write below.")] = generate.PROVISIONING,
) -> None:
    """Generate the Prometheus and Alertmanager configuration and the rules."""
    if not check:
        for path in generate.write(output):
            typer.echo(f"wrote {output / path}")
        return
    try:
        generate.check(output)
    except AlertRulesError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
