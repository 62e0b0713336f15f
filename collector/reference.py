"""What is made from the configuration's classes: the JSON schema for editors, and the reference in the docs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from collector.body_checks import BodyChecks, JsonCheck
from collector.config_file import ApisFile, Defaults, Entry
from collector.credentials import BasicAuth, Bearer, RapidApi, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from collector.strict import Strict

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INTRODUCTION: Final = """\
# Configuration of the collector

Made by `make reference` from the classes that read the file; do not edit.

The file is YAML: `defaults:` for every API, and `apis:`, a list with a `name` and a `url` each. It is read strictly: an unknown
key, a duplicate name, a wrong URL or a missing secret is an error that names the file, the line, the key and what to write
instead. `rapidapi-collector check --config apis.yml` tells without sending a request.

Secrets stay out of the file: `${VAR}` is the value of an environment variable, or the content of the file that the variable
`VAR_FILE` names, and a key that ends in `_file` names a file whose content is used, without the line break at its end. Relative paths begin at the configuration file's folder. No secret appears in
a metric, a log or an error.

The collector is no proxy: it probes what stands in this file and nothing that a request names. A response's body is read up to
`max_body`, unpacked no further, and never logged. Conditions on bodies are checked between other probes: keep `max_body` small where
there are some. Behind a `proxy` it is the proxy that looks names up, so that only addresses written as such are refused.

The file is loaded again when it or a file that it reads changes, those with secrets and certificates included (a look every five
seconds; the swapped links of Kubernetes' ConfigMaps and Secrets are seen), on SIGHUP, and on `POST /-/reload` with `COLLECTOR_ENABLE_RELOAD=true`. A file with a mistake is refused: the former configuration stays in
service, `rapidapi_collector_config_reload_success` is 0 and the log names the line. APIs that have not changed keep their counters
and their schedule.

An editor that knows JSON schemas completes the file when its first line is
`# yaml-language-server: $schema=apis.schema.json`; `rapidapi-collector schema` prints that schema.
"""

_SECTIONS: Final[tuple[tuple[str, str, type[Strict]], ...]] = (
    ("An API", "Below `apis:` only.", Entry),
    (
        "Settings of all APIs or of one",
        "Below `defaults:` and below each of `apis:`, whose own value wins.",
        Defaults,
    ),
    ("rapidapi", "With these two headers RapidAPI knows you.", RapidApi),
    ("basic_auth", "One of `password` and `password_file`.", BasicAuth),
    ("bearer", "One of `token` and `token_file`.", Bearer),
    ("tls", "For https only. A changed file is used from the next load of the configuration on.", TlsFiles),
    (
        "expected_body",
        "All that is written has to hold; a body that breaks it is an error of reason `body`.",
        BodyChecks,
    ),
    ("expected_body.json", "A list; each item has a `path` and one condition.", JsonCheck),
)


def schema() -> dict[str, Any]:
    """Return the JSON schema of `apis.yml`."""
    return {"$schema": SCHEMA_DIALECT} | ApisFile.model_json_schema()


def reference() -> str:
    """Return the reference as Markdown: one table for each section of the file."""
    return "\n".join([_INTRODUCTION, *(line for section in _SECTIONS for line in _section(*section))])


def _section(title: str, note: str, model: type[Strict]) -> Iterator[str]:
    inherited = Defaults.model_fields if model is Entry else {}
    yield from (f"## {title}", "", note, "", "| key | default | meaning |", "|---|---|---|")
    for name, field in model.model_fields.items():
        if name not in inherited:
            yield f"| `{field.alias or name}` | {_default(field)} | {_cell(field.description or '')} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{json.dumps(field.default)}`" if field.default not in (None, [], {}) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
