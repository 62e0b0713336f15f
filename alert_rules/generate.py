"""Which files there are, what belongs into each, and whether the ones on disk still agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from alert_rules import (
    anomaly,
    availability,
    features,
    forecast,
    limits,
    models,
    pipeline,
    prometheus,
    shared,
    sidecar,
    silence,
    slo,
)
from alert_rules.alertmanager import TEMPLATES, alertmanager_config, message_templates
from alert_rules.receivers import RECEIVERS_FILE, load_receivers
from alert_rules.servers import prometheus_config
from alert_rules.settings import DEFAULT
from alert_rules.writer import GENERATED, GENERATOR, check_tree, to_yaml, write_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alert_rules.model import Group
    from alert_rules.settings import Settings

PROVISIONING: Final = Path(__file__).resolve().parent.parent / "provisioning"
RULES: Final = Path("prometheus/rules")
ALERTMANAGER: Final = Path("alertmanager")
_BUILDERS: Final = (
    features.group,
    features.slow_group,
    availability.group,
    slo.group,
    slo.slow_group,
    anomaly.group,
    forecast.group,
    limits.group,
    shared.group,
    silence.group,
    sidecar.group,
    models.group,
    prometheus.group,
    pipeline.group,
)


def groups(settings: Settings = DEFAULT) -> tuple[Group, ...]:
    """Return every group of rules."""
    return tuple(build(settings) for build in _BUILDERS)


def rule_files(settings: Settings = DEFAULT) -> dict[str, str]:
    """Return the text of each rule file by file name, one group each."""
    return {
        f"{group.name}.yml": to_yaml(group.as_mapping(), source=build.__module__.replace(".", "/") + ".py")
        for build, group in zip(_BUILDERS, groups(settings), strict=True)
    }


def files(settings: Settings = DEFAULT, receivers: Path = RECEIVERS_FILE) -> dict[Path, str]:
    """Return the text of every generated file by its path below `provisioning/`.

    Raises:
        ReceiversError: If the file that says who is told is not valid.
    """
    told = load_receivers(receivers)
    rules = {RULES / name: text for name, text in rule_files(told.links.applied_to(settings)).items()}
    return {
        Path("prometheus/prometheus.yml"): prometheus_config(settings=settings),
        ALERTMANAGER / "alertmanager.yml": alertmanager_config(told),
        ALERTMANAGER / TEMPLATES: message_templates(),
        **rules,
    }


def write(root: Path = PROVISIONING, wanted: Mapping[Path, str] | None = None) -> list[Path]:
    """Write every file and remove rule files that are no longer generated; return what was changed."""
    return write_tree(root, files() if wanted is None else wanted, _owned(root))


def check(root: Path = PROVISIONING, wanted: Mapping[Path, str] | None = None) -> None:
    """Compare the files on disk with what would be generated.

    Raises:
        GeneratedFilesDifferError: If any differs, is missing, or is left over from a group that is gone.
    """
    check_tree(root, files() if wanted is None else wanted, _owned(root), GENERATOR)


def _owned(root: Path) -> list[Path]:
    """Return the rule files that carry our header; rules of the user's own are none of our business."""
    header = GENERATED.split("{source}", maxsplit=1)[0].format(generator=GENERATOR)
    return [
        path.relative_to(root)
        for path in sorted((root / RULES).glob("*.yml"))
        if path.read_text(encoding="utf-8").startswith(header)
    ]
