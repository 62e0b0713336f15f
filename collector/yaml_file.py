"""Reads a YAML file strictly: a key written twice is an error, not a silent choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from collector.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys, of which YAML would quietly keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key '{key}' is written twice", problem_mark=key_node.start_mark
                )
            if key is not None:
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> object:
    """Return the content of a YAML file; None for an empty one.

    Raises:
        ConfigError: The file cannot be read, or is not YAML. The message never quotes the file's text,
            which may hold secrets.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        problem = Problem("", f"cannot be read ({error.strerror})", "give the path of the file with --config")
    except UnicodeDecodeError:
        problem = Problem("", "not UTF-8 text", "save the file as UTF-8")
    except yaml.YAMLError as error:
        problem = _yaml_problem(error)
    raise ConfigError(str(path), problem)


def _yaml_problem(error: yaml.YAMLError) -> Problem:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    what = (
        isinstance(error, yaml.MarkedYAMLError) and error.problem
    ) or "characters that YAML does not allow"
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return Problem(place, f"not valid YAML ({what})", "check indentation, quotes and colons there")
