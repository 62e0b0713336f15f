"""Logging: one line a record, to standard error and, if asked, to a file."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up_logging(level: str, levels: Mapping[str, str], file: Path | None) -> None:
    """Configure the root logger once, at the entry point.

    Args:
        level: for every logger.
        levels: level per logger name, such as {"ml.analytics": "DEBUG"}.
        file: written to as well, its folder is made.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(file, encoding="utf-8"))
    logging.basicConfig(level=level, format=_FORMAT, handlers=handlers, force=True)
    # A lost connection is said once, as an event of ours; urllib3 would say it at each attempt.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    for name, own in levels.items():
        logging.getLogger(name).setLevel(own)
