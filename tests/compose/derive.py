"""docker-compose.yml as an older docker-compose or engine takes it: less an asserted list of keys, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OLD_COMPOSE: Final = (2, 20, 2)
OLD_ENGINE: Final = (25,)
REFUSED_BY_OLD_COMPOSE: Final = (
    "name",
    "services.*.deploy.resources.limits.pids",
    "services.*.depends_on.*.required",
    "services.*.volumes.*.bind",
    "services.*.healthcheck.start_interval",
)
"""By docker-compose 1.29. `name` is given on the command line instead; processes are then not limited."""
REFUSED_BY_OLD_ENGINE: Final = ("services.*.healthcheck.start_interval",)


def refused(compose: tuple[int, ...], engine: tuple[int, ...]) -> set[str]:
    """Keys that this compose and this engine do not know, as paths in which `*` stands for any name."""
    keys = set(REFUSED_BY_OLD_ENGINE) if engine < OLD_ENGINE else set()
    return keys | (set(REFUSED_BY_OLD_COMPOSE) if compose < OLD_COMPOSE else set())


def derive(
    content: dict[str, Any], drop: Iterable[str], absent: Iterable[str], secrets: str
) -> tuple[dict[str, Any], set[str]]:
    """Return the file less some keys and services, with the secrets of another folder, and the paths that it had.

    Args:
        content: docker-compose.yml.
        drop: Paths of keys to leave out; `*` stands for any name.
        absent: Services to leave out.
        secrets: Folder of the secrets.
    """
    derived: dict[str, Any] = json.loads(json.dumps(content))  # anchors become copies
    for name in absent:
        del derived["services"][name]
    found = {
        path for path in drop if [parent.pop(key) for parent, key in list(_places(derived, path.split(".")))]
    }
    for service in derived["services"].values():
        service.pop("build", None)  # the image is there already
    for name, secret in derived["secrets"].items():
        secret["file"] = f"{secrets}/{name}"
    return derived, found


def _places(node: Any, path: list[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each mapping that holds the key at the path's end, with the key; lists are passed as by `*`."""
    if isinstance(node, list) and path[0] == "*":
        for item in node:
            yield from _places(item, path[1:])
    if not isinstance(node, dict):
        return
    names = list(node) if path[0] == "*" else [path[0]] if path[0] in node else []
    for name in names:
        if len(path) == 1:
            yield node, name
        else:
            yield from _places(node[name], path[1:])
