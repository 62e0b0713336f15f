"""Reads the strict configuration file `apis.yml`: which APIs are probed, and how."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError
from yarl import URL

from collector.addresses import is_refused
from collector.api import Api
from collector.config_errors import REMEDIES, problems
from collector.config_file import DEFAULT_TIMEOUT, ApisFile, Defaults, Entry, FileSd, HttpSd
from collector.errors import ConfigError, Problem
from collector.impossible import wrong_expectations
from collector.parents import wrong_parents
from collector.secret_values import Surroundings
from collector.seen_files import SeenFiles
from collector.source_checks import wrong_sources
from collector.sources import DiscoverySource, FileLists, HttpList
from collector.yaml_file import Document, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AUTHENTICATION = ("basic_auth", "bearer")


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
    apis = tuple(_resolve(file.defaults, entry) for entry in file.apis)
    over_http = tuple(_source(found, surroundings.folder) for found in file.http_sd)
    in_files = tuple(_source(found, surroundings.folder) for found in file.file_sd)
    checks = (_duplicates, _long_timeouts, _refused, wrong_expectations, wrong_parents)
    wrong = [found for check in checks for found in check(apis, document)]
    wrong += wrong_sources({"http_sd": over_http, "file_sd": in_files}, apis, document)
    if wrong:
        raise ConfigError(source, *wrong)
    return Config(apis, over_http + in_files)


def _source(found: HttpSd | FileSd, folder: Path) -> DiscoverySource:
    template = Api(name="", url="", depends_on=found.depends_on, **_values(found.settings, Defaults()))
    if isinstance(found, FileSd):
        return DiscoverySource(found.name, FileLists(folder, tuple(found.files)), template)
    credentials = [section.headers() for section in (found.basic_auth, found.bearer) if section]
    headers = _merged(found.headers, *credentials)
    tls = found.tls.settings() if found.tls else None
    where = HttpList(found.url, found.refresh_interval, headers, tls, found.proxy)
    return DiscoverySource(found.name, where, template)


def _resolve(defaults: Defaults, entry: Entry) -> Api:
    return Api(name=entry.name, url=entry.url, depends_on=entry.depends_on, **_values(defaults, entry))


def _values(defaults: Defaults, entry: Defaults) -> dict[str, Any]:
    values: dict[str, Any] = {
        key: getattr(entry if key in entry.model_fields_set else defaults, key)
        for key in Defaults.model_fields
    }
    credentials = [values.pop("rapidapi"), *_authentication(defaults, entry)]
    for key in _AUTHENTICATION:
        del values[key]
    own = _merged(entry.headers, *(section.headers() for section in credentials if section))
    values["headers"] = _merged(defaults.headers, own)
    values["tls"] = values["tls"] and values["tls"].settings()
    if "timeout" not in defaults.model_fields_set | entry.model_fields_set:
        values["timeout"] = min(DEFAULT_TIMEOUT, values["interval"])
    return values


def _authentication(defaults: Defaults, entry: Defaults) -> list[Any]:
    """Return the API's own authentication, whichever kind it is, or else that of the defaults."""
    if any(name.lower() == "authorization" for name in entry.headers):
        return []
    own = [getattr(entry, key) for key in _AUTHENTICATION if key in entry.model_fields_set]
    return own or [getattr(defaults, key) for key in _AUTHENTICATION]


def _merged(*headers: Mapping[str, str]) -> dict[str, str]:
    """Return all headers; a later one replaces an earlier one of the same name, whatever its case."""
    merged: dict[str, tuple[str, str]] = {}
    for name, value in (item for mapping in headers for item in mapping.items()):
        merged.pop(name.lower(), None)
        merged[name.lower()] = (name, value)
    return dict(merged.values())


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
        if not api.allow_link_local and is_refused(URL(api.url).host or ""):
            line = document.line(("apis", index, "url"))
            remedy = "write `allow_link_local: true` beside it if it is meant"
            yield Problem(f"apis[{index}].url", "a link-local or metadata address", remedy, line)
