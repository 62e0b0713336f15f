"""Reads the strict configuration file `apis.yml`: which APIs are probed, and how."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError
from yarl import URL

from collector.addresses import is_refused
from collector.api import Api
from collector.config_errors import REMEDIES, empty_values, problems
from collector.config_file import ApisFile, FileSd, HttpSd
from collector.errors import ConfigError, Problem
from collector.headers import merged
from collector.impossible import wrong_expectations
from collector.parents import wrong_parents
from collector.place_checks import misplaced
from collector.resolve import all_settings, resolved
from collector.secret_values import Surroundings
from collector.seen_files import SeenFiles
from collector.source_checks import wrong_sources
from collector.sources import DiscoverySource, FileLists, HttpList
from collector.step_checks import wrong_steps
from collector.values import field_path
from collector.yaml_file import Document, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Config(NamedTuple):
    """What a configuration file says.

    Attributes:
        apis: The APIs that it names.
        sources: Where to find further ones.
    """

    apis: tuple[Api, ...]
    sources: tuple[DiscoverySource, ...] = ()


def load_config(
    path: Path | str, environ: Mapping[str, str] | None = None, seen: SeenFiles | None = None
) -> Config:
    """Read the configuration from a YAML file.

    Args:
        path: The file.
        environ: Values for `${VAR}`; the process's environment if None.
        seen: Is told of every file that is read.

    Raises:
        ConfigError: The file is missing, no YAML, or says something the collector does not understand.
    """
    path, seen = Path(path), seen or SeenFiles()
    seen.note(path)
    document = read_yaml(path)
    surroundings = Surroundings(os.environ if environ is None else environ, path.parent, seen)
    source = str(path)
    if document.content is None:
        raise ConfigError(source, Problem("", "the file is empty", REMEDIES["apis"]))
    if not isinstance(document.content, dict):
        raise ConfigError(source, Problem("", "not a mapping of keys to values", REMEDIES["apis"], 1))
    try:
        file = ApisFile.model_validate(document.content, context=surroundings)
    except ValidationError as error:
        raise ConfigError(source, *problems(error, document)) from None  # the cause would print the values
    apis = tuple(resolved(file.defaults, entry) for entry in file.apis)
    over_http = tuple(_source(found, surroundings.folder) for found in file.http_sd)
    in_files = tuple(_source(found, surroundings.folder) for found in file.file_sd)
    checks = (
        _duplicates,
        _long_timeouts,
        _refused,
        wrong_expectations,
        wrong_parents,
        wrong_steps,
        misplaced,
    )
    wrong = [found for check in checks for found in check(apis, document)]
    wrong += wrong_sources({"http_sd": over_http, "file_sd": in_files}, apis, document)
    wrong += empty_values(document)
    if wrong:
        raise ConfigError(source, *wrong)
    return Config(apis, over_http + in_files)


def _source(found: HttpSd | FileSd, folder: Path) -> DiscoverySource:
    template = Api(name="", url="", depends_on=found.depends_on, **all_settings(found.settings))
    if isinstance(found, FileSd):
        return DiscoverySource(found.name, FileLists(folder, tuple(found.files)), template)
    credentials = [section.headers() for section in (found.basic_auth, found.bearer) if section]
    headers = merged(found.headers, *credentials)
    tls = found.tls.settings() if found.tls else None
    where = HttpList(found.url, found.refresh_interval, headers, tls, found.proxy)
    return DiscoverySource(found.name, where, template)


def _duplicates(apis: tuple[Api, ...], document: Document) -> Iterator[Problem]:
    counts = Counter(api.name for api in apis)
    for index, api in enumerate(apis):
        if counts[api.name] > 1:
            yield Problem(
                f"apis[{index}].name",
                f"duplicate API name {api.name!r}",
                "give each API a name of its own",
                document.line(("apis", index, "name")),
            )


def _long_timeouts(apis: tuple[Api, ...], document: Document) -> Iterator[Problem]:
    # A probe that outlasts its interval would lose slots just when its API is slow.
    for index, api in enumerate(apis):
        if api.timeout > api.interval:
            what = f"the timeout of {api.timeout:g} s is longer than the interval of {api.interval:g} s"
            line = document.line(("apis", index, "timeout"))
            yield Problem(f"apis[{index}].timeout", what, f"write at most {api.interval:g}s", line)


def _refused(apis: tuple[Api, ...], document: Document) -> Iterator[Problem]:
    for index, api in enumerate(apis):
        for location, step in api.located():
            if not api.allow_link_local and is_refused(URL(str(step.url)).raw_host or ""):
                place = ("apis", index, *location, "url")
                remedy = "write `allow_link_local: true` beside it if it is meant"
                what = "a link-local or metadata address"
                yield Problem(field_path(place), what, remedy, document.line(place))
