"""What is made from the configuration's classes: the JSON schema for editors, and the reference in the docs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from collector.body_checks import BodyChecks, JsonCheck
from collector.config_file import ApisFile, Defaults, Entry, FileSd, HttpSd
from collector.credentials import BasicAuth, Bearer, RapidApi, TlsFiles
from collector.reference_environment import ENVIRONMENT
from collector.reference_steps import STEPS
from collector.request_file import RequestSettings, StepEntry
from collector.strict import Strict
from collector.take import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_INTRODUCTION: Final = """\
# Configuration of the collector

Made by `make reference` from the classes that read the file; do not edit.

The file is YAML: `defaults:` for every API, and `apis:`, a list with a `name` and a `url` or `steps` each; `http_sd:` and `file_sd:` are lists
of sources of further APIs, of which there may be some instead of `apis:`. It is read strictly: an unknown
key, a duplicate name, a wrong URL or a missing secret is an error that names the file, the line, the key and what to write
instead. `rapidapi-collector check --config apis.yml` tells without sending a request.

Secrets stay out of the file: `${VAR}` is the value of an environment variable, or the content of the file that the variable
`VAR_FILE` names, and a key that ends in `_file` names a file whose content is used, without the line break at its end. Relative paths begin at the configuration file's folder. No secret appears in
a metric, a log or an error.

The collector is no proxy: it probes what stands in this file and nothing that a request names. A response's body is read up to
`max_body`, unpacked no further, and never logged. Conditions on a body of more than
250 kB are looked at in a process of their own, one at a time. Behind a `proxy` it is the proxy that looks names up, so that only addresses written as such are refused.

The file is loaded again when it or a file that it reads changes, those with secrets and certificates included (a look every five
seconds; the swapped links of Kubernetes' ConfigMaps and Secrets are seen), on SIGHUP, and on `POST /-/reload` with `COLLECTOR_ENABLE_RELOAD=true`. A file with a mistake is refused: the former configuration stays in
service, `rapidapi_collector_config_reload_success` is 0 and the log names the line. APIs that have not changed keep their counters
and their schedule.

An editor that knows JSON schemas completes the file when its first line is
`# yaml-language-server: $schema=apis.schema.json`; `rapidapi-collector schema` prints that schema.
"""

_LISTS: Final = """\
## Lists of APIs from outside

Both sources take what Prometheus takes: JSON (`file_sd` also YAML) such as

```json
[{"targets": ["https://api.example/health", "10.0.0.7:8080"], "labels": {"__metrics_path__": "/ready", "__scrape_interval__": "30s"}}]
```

| of the list | becomes |
|---|---|
| a target that is a URL | the URL as it is |
| a target `host:port` or `host` | `__scheme__` (`http`), the target, `__metrics_path__` (`/`), and `?name=value` for each `__param_name` |
| the label `api_name` | the API's name; without it the target, but never the user, password, query and fragment of a URL |
| the labels `__scrape_interval__`, `__scrape_timeout__` | interval and timeout instead of those of `settings`: a duration of Prometheus, from 1 s on |
| other labels | nothing |

All else is said by the source's `settings` and nothing of it by the list; `${VAR}` and `*_file` mean nothing there. `defaults:` does not
hold for these APIs, since a key in it would go to whatever host a list names: what `settings` says does.

`http_sd` has to answer 200 with `Content-Type: application/json`; redirects are not followed; the request says
`X-Prometheus-Refresh-Interval-Seconds`. A list has at most 5000 targets and 5 MB. A source that fails in any way, or whose list has one
wrong entry, keeps its last list in service (each file of `file_sd` its own), until the collector is restarted;
`rapidapi_collector_discovery_up` is 0 and the log says why. An empty list is right, an empty file is not; a
file that no longer fits a pattern takes its APIs with it, one that is named without a `*` and missing is a failure.

An `api_name` is probed once: one of `apis:` goes before one that is found, a source before those below it (`http_sd` before `file_sd`).
What is left out is counted in `rapidapi_collector_discovery_duplicates` and named in the log.

`rapidapi-collector check` reads the lists in files and says how many APIs each source gives, or what is wrong with it, which is an exit
status of 1; it sends nothing, unless `--lists all` asks `http_sd` too. With `--lists none` it looks at no list: this is for what runs
before the collector starts, which a bad list does not hinder. `rapidapi-collector probe` looks at all lists, unless it is given names that
stand in the file; an `http_sd` has 30 s to answer. `/status` of the running collector says how the last look at each source went.
"""

_SECTIONS: Final[tuple[tuple[str, str, type[Strict]], ...]] = (
    ("An API", "Below `apis:` only.", Entry),
    (
        "Settings of all APIs or of one",
        "Below `defaults:` and below each of `apis:`, whose own value wins; where nothing is needed, `null` takes a default back.",
        Defaults,
    ),
    ("steps", STEPS, StepEntry),
    ("steps.take", "A mapping of names to places in the answer. A value is one line of text.", Source),
    (
        "http_sd",
        "Below `http_sd:`, a list. [Which APIs a list names](#lists-of-apis-from-outside) is said below.",
        HttpSd,
    ),
    (
        "file_sd",
        "Below `file_sd:`, a list. The files are looked at every five seconds.",
        FileSd,
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
    sections = (line for section in _SECTIONS for line in _section(*section))
    return "\n".join([_INTRODUCTION, *sections, _LISTS, ENVIRONMENT])


def _section(title: str, note: str, model: type[Strict]) -> Iterator[str]:
    inherited = {Entry: Defaults, StepEntry: RequestSettings}.get(model, Strict).model_fields
    yield from (f"## {title}", "", note, "", "| key | default | meaning |", "|---|---|---|")
    for name, field in model.model_fields.items():
        if name not in inherited:
            yield f"| `{field.alias or name}` | {_default(field)} | {_cell(field.description or '')} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory:
        return ""
    return f"`{json.dumps(field.default)}`" if field.default not in (None, [], {}) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
