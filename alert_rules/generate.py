"""Which files there are, what belongs into each, and whether the ones on disk still agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from alert_rules import anomaly, availability, features, pipeline
from alert_rules.servers import alertmanager_config, prometheus_config
from alert_rules.settings import DEFAULT
from alert_rules.writer import GENERATED, GENERATOR, check_tree, to_yaml, write_tree

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
    return write_tree(root, files(settings), _owned(root))


def check(root: Path = PROVISIONING, settings: Settings = DEFAULT) -> None:
    """Compare the files on disk with what would be generated.

    Raises:
        GeneratedFilesDifferError: If any differs, is missing, or is left over from a group that is gone.
    """
    check_tree(root, files(settings), _owned(root), GENERATOR)


def _owned(root: Path) -> list[Path]:
    """Return the rule files that carry our header; rules of the user's own are none of our business."""
    header = GENERATED.split("{source}", maxsplit=1)[0].format(generator=GENERATOR)
    return [
        path.relative_to(root)
        for path in sorted((root / RULES).glob("*.yml"))
        if path.read_text(encoding="utf-8").startswith(header)
    ]
