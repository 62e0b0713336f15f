"""docker-compose.yml and what belongs to it, read once for the tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final = ROOT / "docker-compose.yml"
TEXT: Final = COMPOSE.read_text(encoding="utf-8")
FILE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
SERVICES: Final[dict[str, dict[str, Any]]] = FILE["services"]
ONE_SHOT: Final = {name for name, service in SERVICES.items() if service["restart"] == "no"}
LONG_RUNNING: Final = {name: service for name, service in SERVICES.items() if name not in ONE_SHOT}
OURS: Final = {name for name, service in SERVICES.items() if service["image"].startswith("rapidapi-ml:")}


def mounts(service: dict[str, Any], kind: str | None = None) -> list[dict[str, Any]]:
    """Mounts of a service, all written in the long form, or those of one type."""
    return [mount for mount in service.get("volumes", []) if kind in {None, mount["type"]}]


def default(text: str) -> str:
    """The text with every `${VARIABLE:-default}` replaced by its default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def commands(service: dict[str, Any]) -> list[str]:
    """Arguments of a service, with the defaults of their variables."""
    return [default(str(part)) for part in service.get("command", [])]
