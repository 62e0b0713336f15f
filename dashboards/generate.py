"""Which dashboards and Grafana files there are, and whether the ones on disk still agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from alert_rules.generate import PROVISIONING
from alert_rules.writer import check_tree, to_yaml, write_tree
from dashboards import alerts, depth, models, names, overview, pipeline, provisioning
from dashboards.language import chosen_language, in_language
from dashboards.modernize import modernize

GENERATOR: Final = "python -m dashboards"
FOLDER: Final = "RapidAPI"
DASHBOARDS: Final = Path("grafana/dashboards") / FOLDER
_SOURCE: Final = "dashboards/provisioning.py"
_BUILDERS: Final = {
    names.OVERVIEW: overview.dashboard,
    names.ALERTS: alerts.dashboard,
    names.API: depth.dashboard,
    names.MODELS: models.dashboard,
    names.PIPELINE: pipeline.dashboard,
}


def dashboards(language: str | None = None) -> dict[str, dict[str, Any]]:
    """Return every dashboard's JSON by uid.

    Args:
        language: Of the texts; what `DASHBOARD_LANGUAGE` says, or else English, by default.

    Raises:
        UnknownLanguageError: If there is no catalogue of this language.
        MissingTranslationError: If its catalogue lacks a text.
    """
    spoken = language or chosen_language()
    return {uid: in_language(modernize(build()), spoken) for uid, build in _BUILDERS.items()}


def files(language: str | None = None) -> dict[Path, str]:
    """Return the text of every generated file by its path below `provisioning/`."""
    servers = Path("grafana/provisioning")
    boards = {
        DASHBOARDS / f"{uid}.json": json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for uid, board in dashboards(language).items()
    }
    return {
        servers / "datasources/datasources.yml": to_yaml(
            provisioning.datasources(), source=_SOURCE, generator=GENERATOR
        ),
        servers / "dashboards/dashboards.yml": to_yaml(
            provisioning.dashboard_providers(), source=_SOURCE, generator=GENERATOR
        ),
        **boards,
    }


def write(root: Path = PROVISIONING, language: str | None = None) -> list[Path]:
    """Write every file and remove dashboards that are no longer generated; return what was changed."""
    return write_tree(root, files(language), _owned(root))


def check(root: Path = PROVISIONING, language: str | None = None) -> None:
    """Compare the files on disk with what would be generated.

    Raises:
        GeneratedFilesDifferError: If any differs, is missing, or is left over.
    """
    check_tree(root, files(language), _owned(root), GENERATOR)


def _owned(root: Path) -> list[Path]:
    return [path.relative_to(root) for path in sorted((root / DASHBOARDS).glob("*.json"))]
