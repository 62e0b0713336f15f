"""The command line: `python -m alert_rules [--check]`, and `add`, `list`, `remove`, `listen`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast

import typer

from alert_rules import generate, inbox
from alert_rules.custom import AlertManager
from alert_rules.custom_rule import LEARNED, OPERATORS, Threshold
from alert_rules.errors import AlertRulesError
from alert_rules.model import Severity
from alert_rules.receivers import RECEIVERS_FILE

app = typer.Typer(
    add_completion=False,
    help="Writes what Prometheus and Alertmanager read, and manages rules of one's own.",
    pretty_exceptions_enable=False,
)

RulesDir = Annotated[
    Path | None, typer.Option(envvar="RULES_DIR", help="Folder that Prometheus reads rules from.")
]
Port = Annotated[int, typer.Option(min=1, max=65535, envvar="ALERT_LOG_PORT", help="Port to listen on.")]
PrometheusUrl = Annotated[str | None, typer.Option(envvar="PROMETHEUS_URL", help="Prometheus to tell.")]


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except AlertRulesError as error:
        typer.echo(f"alert_rules: {error}", err=True)
        raise typer.Exit(1) from None


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    *,
    check: Annotated[bool, typer.Option(help="Write nothing; fail if a file is out of date.")] = False,
    output: Annotated[Path, typer.Option(help="Folder to write below.")] = generate.PROVISIONING,
    config: Annotated[Path, typer.Option(help="The file that says who is told.")] = RECEIVERS_FILE,
) -> None:
    """Without a command: generate the Prometheus and Alertmanager configuration and the rules."""
    if context.invoked_subcommand:
        return
    with _errors_told():
        wanted = generate.files(receivers=config)
        if check:
            generate.check(output, wanted)
            return
    for path in generate.write(output, wanted):
        typer.echo(f"wrote {output / path}")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Any text; the same name again replaces the rule.")],
    *,
    metric: Annotated[str, typer.Option(help="A feature, a metric of ours, ml_anomaly, or any PromQL.")],
    operator: Annotated[str, typer.Option(help=f"One of {' '.join(OPERATORS)}")],
    threshold: Annotated[str, typer.Option(help=f"A number, or `{LEARNED}` for a feature.")],
    description: Annotated[str, typer.Option(help="One sentence that says what the alert means.")],
    severity: Annotated[str, typer.Option(help="critical, warning, info or none")] = "warning",
    rules_dir: RulesDir = None,
    prometheus_url: PrometheusUrl = None,
) -> None:
    """Add an alert that fires where `metric operator threshold` holds for a minute."""
    manager = AlertManager(rules_dir, prometheus_url)
    asked = manager.add_custom_alert_rule(
        name, metric, _threshold(threshold), operator, cast("Severity", severity), description
    )
    with _errors_told():
        typer.echo(asyncio.run(asked).message)


def _threshold(text: str) -> Threshold:
    try:
        return float(text)
    except ValueError:
        return cast("Threshold", text)  # the rule itself refuses what is no threshold


@app.command("list")
def list_rules(*, rules_dir: RulesDir = None) -> None:
    """List the rules that were added."""
    with _errors_told():
        rules = asyncio.run(AlertManager(rules_dir).list_custom_alert_rules())
    for rule in rules:
        lines = [f"{rule.name} ({rule.severity})", *rule.expr.splitlines(), rule.description]
        typer.echo("\n    ".join(lines))
    if not rules:
        typer.echo("No custom rules.")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="As `list` shows it.")],
    *,
    rules_dir: RulesDir = None,
    prometheus_url: PrometheusUrl = None,
) -> None:
    """Remove a rule that was added."""
    with _errors_told():
        typer.echo(
            asyncio.run(AlertManager(rules_dir, prometheus_url).remove_custom_alert_rule(name)).message
        )


@app.command()
def listen(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = inbox.DEFAULT_PORT,
) -> None:
    """Print every alert that Alertmanager posts here: the receiver that needs no account."""
    with _errors_told():
        inbox.listen(host, port, typer.echo)
