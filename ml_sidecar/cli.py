"""Command line: run, train, replay, check-config."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ml_sidecar import __version__
from ml_sidecar.config import Config, load_config, parse_duration
from ml_sidecar.errors import NotEnoughDataError, SidecarError
from ml_sidecar.logs import set_up_logging

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="File of features; SIDECAR_CONFIG otherwise.")
]


def _load(path: Path | None) -> Config:
    config = load_config(path)
    set_up_logging(config.env.log_level, config.env.log_levels, config.env.log_file)
    return config


@app.command()
def run(config: ConfigOption = None) -> None:
    """Run the sidecar: score, train, serve, until SIGTERM or Ctrl-C."""
    import uvloop

    from ml_sidecar.service import build_sidecar

    async def main() -> None:
        await build_sidecar(_load(config)).run()

    uvloop.run(main())


@app.command("train")
def train_command(
    config: ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")] = False,
    nice: Annotated[int, typer.Option(min=0, max=19, help="Lower this process's priority.")] = 0,
) -> None:
    """Train all models now and put them into service if they are no worse."""
    from ml_sidecar.reader import reader_of
    from ml_sidecar.store import ModelStore
    from ml_sidecar.training import train

    settings = _load(config)
    os.nice(nice)
    result = train(settings, reader_of(settings), ModelStore(settings.env.models_dir), time.time())
    if json:
        typer.echo(result.to_json())
        return
    state = "in service" if result.promoted else f"not promoted: {result.reason}"
    typer.echo(
        f"{result.version} {state}; {result.samples} rows of {result.apis} APIs, {result.seconds:.1f} s"
    )
    for name, accuracy in result.accuracy.items():
        typer.echo(f"  {name:24} accuracy {'unknown' if accuracy is None else format(accuracy, '.3f')}")


@app.command("check-config")
def check_config(config: ConfigOption = None) -> None:
    """Check the settings, and try every expression against Prometheus."""
    from ml_sidecar.reader import reader_of

    settings = _load(config)
    reader = reader_of(settings)
    now = time.time()
    reader.check(now)
    instant = reader.instant(now)
    typer.echo(f"{settings.source}: {len(settings.features)} features, {len(instant.entities)} APIs report")


@app.command("replay")
def replay_command(
    csv: Annotated[
        Path | None, typer.Option(help="Replay this file; the history in Prometheus otherwise.")
    ] = None,
    entity_column: Annotated[str | None, typer.Option(help="Column that names the API.")] = None,
    timestamp_column: Annotated[str, typer.Option(help="ISO 8601 or epoch seconds.")] = "timestamp",
    features: Annotated[str, typer.Option(help="Comma-separated feature columns.")] = "value",
    direction: Annotated[str, typer.Option(help="Bad side by feature, such as a=above,b=both.")] = "",
    scores: Annotated[Path | None, typer.Option(help="Write one scored row per input row here.")] = None,
    forecasts: Annotated[Path | None, typer.Option(help="Write forecasts here.")] = None,
    horizons: Annotated[str, typer.Option(help="How far ahead, comma-separated.")] = "1h,2h,3h",
    hours: Annotated[float, typer.Option(help="Hours of Prometheus' history to replay.")] = 672.0,
    config: ConfigOption = None,
) -> None:
    """Walk through the past as if it were now: scores, episodes, forecasts, each from earlier data only."""
    settings = _load(config)
    if csv is None:
        from ml_sidecar.reader import reader_of
        from ml_sidecar.replay_history import replay_history

        typer.echo(replay_history(settings, reader_of(settings), time.time(), hours).report())
        return
    if scores is None:
        raise typer.BadParameter("--csv needs --scores, the file to write")
    from ml_sidecar.replay import replay_csv

    replay_csv(
        csv,
        scores,
        entity_column=entity_column,
        timestamp_column=timestamp_column,
        features=[name.strip() for name in features.split(",")],
        directions=dict(part.split("=", 1) for part in direction.split(",") if part),
        threshold=settings.env.threshold,
        forecasts_out=forecasts,
        horizons=[parse_duration(part) for part in horizons.split(",")],
    )


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point: errors we raise on purpose become one line and an exit code."""
    try:
        app(standalone_mode=True)
    except NotEnoughDataError as error:
        from ml_sidecar.trainer import NOT_ENOUGH_DATA

        typer.echo(f"rapidapi-ml: {error}", err=True)
        typer.echo(f"{error.samples} {error.needed}")
        sys.exit(NOT_ENOUGH_DATA)
    except SidecarError as error:
        typer.echo(f"rapidapi-ml: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
