"""The collector's settings from environment variables."""

from __future__ import annotations

import logging
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from collector.contract import DEFAULT_PORT
from collector.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ENVIRONMENT = "production"


@dataclass(frozen=True)
class Settings:
    """What the environment decides.

    Attributes:
        host: Address to listen on (`COLLECTOR_HOST`).
        port: Port to listen on, 0 for any free one (`COLLECTOR_PORT`).
        environment: Value of the label `environment` (`ENVIRONMENT`).
        enable_reload: Whether `POST /-/reload` loads the configuration again (`COLLECTOR_ENABLE_RELOAD`).
        log_level: Name of a logging level (`LOG_LEVEL`).
        handover_dir: Folder in which other programs hand over what they measured (`COLLECTOR_HANDOVER_DIR`); None for none.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    environment: str = DEFAULT_ENVIRONMENT
    log_level: str = "INFO"
    enable_reload: bool = False
    handover_dir: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables; an empty one counts as unset.

        Raises:
            ConfigError: A value is none that the collector understands.
        """
        level = (environ.get("LOG_LEVEL") or cls.log_level).upper()
        if level not in logging.getLevelNamesMapping():
            problem = Problem("LOG_LEVEL", f"{level!r} is no level", "set DEBUG, INFO, WARNING or ERROR")
            raise ConfigError("environment", problem)
        return cls(
            host=environ.get("COLLECTOR_HOST") or cls.host,
            port=_port(environ.get("COLLECTOR_PORT") or str(cls.port)),
            environment=environ.get("ENVIRONMENT") or cls.environment,
            log_level=level,
            enable_reload=_flag("COLLECTOR_ENABLE_RELOAD", environ.get("COLLECTOR_ENABLE_RELOAD") or "false"),
            handover_dir=_folder("COLLECTOR_HANDOVER_DIR", environ.get("COLLECTOR_HANDOVER_DIR")),
        )


def _flag(name: str, text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ConfigError("environment", Problem(name, "neither true nor false", "set true or false"))
    return text.lower() == "true"


def _folder(name: str, text: str | None) -> Path | None:
    if not text:
        return None
    folder = Path(text)
    if not folder.is_dir():
        raise ConfigError(
            "environment", Problem(name, f"{text!r} is no folder", "create it, or leave it unset")
        )
    if folder.stat().st_mode & stat.S_IWOTH:
        problem = Problem(name, f"everybody may write to {text!r}", "give it to a group: chmod 2770")
        raise ConfigError("environment", problem)
    return folder


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    problem = Problem(
        "COLLECTOR_PORT", f"{text!r} is no port", "set a number from 0 to 65535, or leave it unset"
    )
    raise ConfigError("environment", problem)
