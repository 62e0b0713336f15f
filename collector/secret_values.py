"""Text that may hold secrets: `${VAR}` from the environment or `VAR_FILE`, and `*_file` for the content of a file.

No error quotes a value.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from collector.regular_file import read_bytes, read_text
from collector.seen_files import SeenFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NO_VARIABLE = re.compile(r"\$\{(?![A-Za-z_][A-Za-z0-9_]*\})[^${}.]*\}")
"""Such as `${NAME:-default}`, which shells know. What has a dot is the value of a step."""


class Surroundings(NamedTuple):
    """Where values come from that do not stand in the file: the `context` of pydantic's validation.

    Attributes:
        environ: Values for `${VAR}`.
        folder: Where relative paths begin: the folder of the configuration file.
        seen: Told of each file before it is read.
    """

    environ: Mapping[str, str]
    folder: Path
    seen: SeenFiles


def wrong(what: str, remedy: str | None = None) -> PydanticCustomError:
    """Return an error for a validator to raise; the field's standing remedy applies unless one is given."""
    # pydantic fills braces in the template, and `what` may contain some; hence the detour.
    return PydanticCustomError("wrong", "{what}", {"what": what, "remedy": remedy})


def _surroundings(info: ValidationInfo) -> Surroundings:
    return info.context if isinstance(info.context, Surroundings) else Surroundings({}, Path(), SeenFiles())


def _variable(name: str, surroundings: Surroundings) -> str:
    """Return a variable's value, or the content of the file that its sister with `_FILE` names."""
    environ = surroundings.environ
    file = environ.get(f"{name}_FILE", "")
    if not file:
        return environ.get(name, "")
    if environ.get(name):
        raise wrong(f"both {name} and {name}_FILE are set", "set one of them")
    surroundings.seen.note(Path(file))
    try:
        return read_text(Path(file)).strip()
    except OSError as error:
        what = f"the file that {name}_FILE names cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        what = f"the file that {name}_FILE names is not UTF-8"
    raise wrong(what, f"write the value into {file}, readable for the collector")


def _expanded(text: str, info: ValidationInfo) -> str:
    surroundings = _surroundings(info)
    if _NO_VARIABLE.search(text):
        raise wrong("`${}` around what is no name", "write `${NAME}`: letters, digits and _, and no default")

    def value_of(match: re.Match[str]) -> str:
        value = _variable(match[1], surroundings)
        if not value:  # also what docker compose makes of a variable that nobody set
            what = f"the environment variable {match[1]} is not set"
            raise wrong(what, f"set {match[1]}, or {match[1]}_FILE, for the collector, and not empty")
        if any("\ud800" <= char <= "\udfff" for char in value):  # how Python reads bytes that are not UTF-8
            raise wrong(f"the environment variable {match[1]} is not UTF-8", f"set {match[1]} to UTF-8 text")
        return value

    return _VARIABLE.sub(value_of, text)


def _braced(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\$[A-Z_][A-Z0-9_]*", value):
        raise wrong("the name of a variable without braces", "write `${NAME}`, with braces")
    return value


def _one_line(text: str) -> str:
    if re.search(r"[\r\n\0]", text):
        raise wrong(
            "contains a line break or NUL",
            "remove it, also from the end of the environment variable or within the file",
        )
    return text


def _file_path(text: str, info: ValidationInfo) -> str:
    surroundings = _surroundings(info)
    path = surroundings.folder / text
    surroundings.seen.note(path)
    try:
        read_bytes(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        words = getattr(error, "strerror", None) or "not a path"
        raise wrong(
            f"the file {text} cannot be read ({words})", "give the path of a file that the collector may read"
        ) from None
    return str(path)


def _content(path: str) -> str:
    try:
        text = read_text(Path(path)).rstrip("\r\n")
    except UnicodeDecodeError:
        raise wrong(f"the file {path} is not UTF-8", "save it as UTF-8 text") from None
    except OSError as error:  # it was just there
        raise wrong(f"the file {path} cannot be read ({error.strerror})", "put it back") from None
    if not text:
        raise wrong(f"the file {path} is empty", "write the secret into it")
    return text


Text = Annotated[str, AfterValidator(_expanded)]
"""Text in which `${VAR}` is filled in."""

Secret = Annotated[Text, BeforeValidator(_braced), AfterValidator(_one_line)]
"""The same on one line, as a header needs it."""

ReadableFile = Annotated[str, AfterValidator(_file_path)]
"""The path of a file, relative to the configuration file, that can be read; validated into an absolute or usable one."""

SecretFile = Annotated[ReadableFile, AfterValidator(_content), AfterValidator(_one_line)]
"""The path of a file with a secret; validated into the secret, without the line break at its end."""
