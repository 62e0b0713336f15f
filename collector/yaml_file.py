"""Reads a YAML file strictly: a key written twice is an error, and every value knows its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from collector.errors import ConfigError, Problem
from collector.regular_file import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Location = tuple[int | str, ...]
"""The keys and indexes that lead to a value, as pydantic has them."""


class Document(NamedTuple):
    """What a YAML file says, and where.

    Attributes:
        content: The file's content; None for an empty file.
        lines: The line, counted from 1, of each key and each item of a list.
        empty: Where nothing is written, not even `null`.
    """

    content: object
    lines: Mapping[Location, int]
    empty: tuple[Location, ...] = ()

    def line(self, location: Location) -> int | None:
        """Return the line of a value; of what it would stand in, if it is not there; None if the file is empty."""
        for length in range(len(location), 0, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return 1 if self.lines else None


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys, of which YAML would quietly keep the last."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - as PyYAML has it
        try:
            return super().construct_object(node, deep=deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - PyYAML's own for 2026-02-30, say, is whatever `datetime` raises
            raise yaml.constructor.ConstructorError(
                problem="a value that cannot be, such as 30 February", problem_mark=node.start_mark
            ) from None

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


def read_yaml(path: Path) -> Document:
    """Return what a YAML file says.

    Raises:
        ConfigError: The file cannot be read, or is not YAML. The message never quotes the file's text,
            which may hold secrets.
    """
    try:
        return _parse(read_text(path))
    except OSError as error:
        problem = Problem("", f"cannot be read ({error.strerror})", "give the path of the file with --config")
    except UnicodeDecodeError:
        problem = Problem("", "not UTF-8 text", "save the file as UTF-8")
    except yaml.YAMLError as error:
        problem = _yaml_problem(error)
    except RecursionError:
        problem = Problem("", "nested too deeply, or an anchor that holds itself", "write the values out")
    raise ConfigError(str(path), problem)


def _parse(text: str) -> Document:
    loader = _StrictLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(None, {})
        nodes = list(_nodes(node, ()))  # before construction, which puts merged keys into their mappings
        lines = {location: line for location, line, _ in nodes}
        empty = tuple(location for location, _, value in nodes if _is_empty(value))
        return Document(loader.construct_document(node), lines, empty)
    finally:
        loader.dispose()


def _nodes(node: yaml.Node, location: Location) -> Iterator[tuple[Location, int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            step = (*location, key.value) if isinstance(key, yaml.ScalarNode) else location
            yield step, key.start_mark.line + 1, value
            yield from _nodes(value, step)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*location, index), item.start_mark.line + 1, item
            yield from _nodes(item, (*location, index))


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == "" and node.style is None


def _yaml_problem(error: yaml.YAMLError) -> Problem:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    what = (
        isinstance(error, yaml.MarkedYAMLError) and error.problem
    ) or "characters that YAML does not allow"
    line = mark.line + 1 if mark else None
    return Problem("", f"not valid YAML ({what})", "check indentation, quotes and colons there", line)
