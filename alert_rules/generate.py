"""Which files there are, what belongs into each, and whether the ones on disk still agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from alert_rules import anomaly, availability, features, pipeline
from alert_rules.errors import GeneratedFilesDifferError
from alert_rules.servers import alertmanager_config, prometheus_config
from alert_rules.settings import DEFAULT
from alert_rules.writer import GENERATED, GENERATOR, to_yaml, write_atomically

if TYPE_CHECKING:
    from alert_rules.model import Group
    from alert_rules.settings import Settings

PROVISIONING: Final = Path(__file__).resolve().parent.parent / "provisioning"
RULES: Final = Path("prometheus/rules")
_BUILDERS: Final = (features.group, features.slow_group, availability.group, anomaly.group, pipeline.group)


def groups(settings: Settings = DEFAULT) -> tuple[Group, ...]:
    """Return every group of rules."""
    return tuple(build(settings) for build in _BUILDERS)


def rule_files(settings: Settings = DEFAULT) -> dict[str, str]:
    """Return the text of each rule file by file name, one group each."""
    return {
        f"{group.name}.yml": to_yaml(group.as_mapping(), source=build.__module__.replace(".", "/") + ".py")
        for build, group in zip(_BUILDERS, groups(settings), strict=True)
    }


def files(settings: Settings = DEFAULT) -> dict[Path, str]:
    """Return the text of every generated file by its path below `provisioning/`."""
    rules = {RULES / name: text for name, text in rule_files(settings).items()}
    return {
        Path("prometheus/prometheus.yml"): prometheus_config(settings=settings),
        Path("alertmanager/alertmanager.yml"): alertmanager_config(),
        **rules,
    }


def write(root: Path = PROVISIONING, settings: Settings = DEFAULT) -> list[Path]:
    """Write every file and remove rule files that are no longer generated; return what was changed."""
    changed = differing(root, settings)
    wanted = files(settings)
    for path in changed:
        if path in wanted:
            write_atomically(root / path, wanted[path])
        else:
            (root / path).unlink()
    return changed


def check(root: Path = PROVISIONING, settings: Settings = DEFAULT) -> None:
    """Compare the files on disk with what would be generated.

    Raises:
        GeneratedFilesDifferError: If any differs, is missing, or is left over from a group that is gone.
    """
    if paths := differing(root, settings):
        raise GeneratedFilesDifferError([root / path for path in paths], GENERATOR)


def differing(root: Path, settings: Settings) -> list[Path]:
    """Return the paths below the root that differ, are missing, or are left over."""
    wanted = files(settings)
    changed = [path for path, text in wanted.items() if _read(root / path) != text]
    return sorted(changed + [path for path in _generated_rules(root) if path not in wanted])


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _generated_rules(root: Path) -> list[Path]:
    """Return the rule files that carry our header; rules of the user's own are none of our business."""
    header = GENERATED.split("{source}", maxsplit=1)[0].format(generator=GENERATOR)
    return [
        path.relative_to(root)
        for path in sorted((root / RULES).glob("*.yml"))
        if path.read_text(encoding="utf-8").startswith(header)
    ]
