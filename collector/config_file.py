"""What `apis.yml` may say. The JSON schema and the reference in the docs are made from these classes."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from collector.contract import MAX_STEPS
from collector.credentials import BasicAuth, Bearer, TlsFiles
from collector.request_file import RequestSettings, StepEntry, check_authentication
from collector.secret_values import wrong
from collector.strict import Strict, given
from collector.values import Bytes, Headers, Names, ProxyUrl, Seconds, TargetFiles, WebUrl

DEFAULT_INTERVAL: Final = 60.0
DEFAULT_TIMEOUT: Final = 10.0
DEFAULT_MAX_BODY: Final = 10_000_000
DEFAULT_REFRESH: Final = 60.0
_ONE_OF_BOTH: Final = (
    "write an address such as `url: https://api.example.com/health`, or several requests below `steps:`"
)
_OF_A_REQUEST: Final = ("url", "method", "body", "expected_status", "expected_body")


class Defaults(RequestSettings):
    """Settings of every API that does not say otherwise."""

    interval: Seconds = DEFAULT_INTERVAL
    """Time between the starts of two probes: seconds, or a duration such as `15s`, `2m`, `1h`."""
    timeout: Seconds = DEFAULT_TIMEOUT
    """Time for the whole probe, at most the interval; 10 s, or the interval if that is shorter."""
    tls: TlsFiles | None = None
    """Authorities to trust and the client's certificate (mTLS)."""
    proxy: ProxyUrl | None = None
    """An HTTP proxy to go through, such as `http://proxy.example:3128`; variables such as `http_proxy` are not read."""
    ip_version: Literal[4, 6] | None = None
    """Use IPv4 or IPv6 only; both if left out."""
    allow_link_local: bool = False
    """Allow link-local addresses and those of cloud metadata, which are refused otherwise, also behind a name or a redirect."""
    follow_redirects: bool = False
    """Follow up to ten redirects. Headers and body are not sent on to another host."""
    reuse_connection: bool = False
    """Keep the connection between probes, instead of measuring what a new client meets."""
    max_body: Bytes = DEFAULT_MAX_BODY
    """How much of a body is read, packed or unpacked, at most; a longer one is an error. Bytes, or `64kB`, `1MB`."""

    quota_reserve: int | None = Field(default=None, ge=0)
    """Stop probing while a quota that the API states has no more requests left than this, until it is renewed."""


class Entry(Defaults):
    """One API."""

    name: str = Field(min_length=1)
    """Any text, unique; the label `api_name`."""
    url: WebUrl | None = None
    """An absolute http or https URL. `${VAR}` is filled in."""
    steps: list[StepEntry] = Field(default=[], max_length=MAX_STEPS)
    """Instead of `url`: up to ten requests that are sent one after the other, each with what those before it have given."""
    depends_on: Names = ()
    """Name of another API, or a list of them, without which this one cannot work: while one is down, the inhibitions of `provisioning/alertmanager/` hold alerts of this one back."""

    @model_validator(mode="after")
    def _one_request_or_steps(self) -> Self:
        if not self.steps and self.url is None:
            raise wrong("neither `url` nor `steps`", _ONE_OF_BOTH)
        if self.steps and (both := given(self, *_OF_A_REQUEST)):
            raise wrong(
                f"`steps` together with `{both[0]}`", f"write `{both[0]}` at the step that it belongs to"
            )
        return self


class _Discovery(Strict):
    """A source of APIs beside the file."""

    name: str = Field(min_length=1)
    """Any text, unique among the sources; the label `source`."""
    settings: Defaults = Field(default_factory=Defaults)
    """Settings of the APIs that it finds, as below `defaults:`, which does not hold for them."""
    depends_on: Names = ()
    """Name of an API of this file, or a list of them, without which those that it finds cannot work."""


class HttpSd(_Discovery):
    """A list of APIs, asked for over HTTP in Prometheus' format."""

    url: WebUrl
    """Where the list is, an absolute http or https URL. `${VAR}` is filled in."""
    refresh_interval: Seconds = DEFAULT_REFRESH
    """Time between two looks at the list."""
    headers: Headers = Field(default={})
    """Headers of the request for the list. `${VAR}` is filled in."""
    basic_auth: BasicAuth | None = None
    """Name and password of basic authentication, for the list."""
    bearer: Bearer | None = None
    """The token of bearer authentication, for the list."""
    tls: TlsFiles | None = None
    """Authorities to trust and the client's certificate (mTLS), for the list."""
    proxy: ProxyUrl | None = None
    """An HTTP proxy to go through, for the list."""

    @model_validator(mode="after")
    def _one_authentication(self) -> Self:
        check_authentication(self, self.headers)
        return self


class FileSd(_Discovery):
    """Lists of APIs in files of Prometheus' format."""

    files: TargetFiles
    """Paths ending in `.json`, `.yml` or `.yaml`, relative to this file; the last part of each may hold a `*`."""


class ApisFile(Strict):
    """The APIs that the collector probes."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [key]} for key in ("apis", "http_sd", "file_sd")]}
    )

    defaults: Defaults = Field(default_factory=Defaults)
    """What holds for all APIs of this file; each may say otherwise."""
    apis: list[Entry] = Field(default=[])
    """The APIs."""
    http_sd: list[HttpSd] = Field(default=[])
    """Where to ask for further APIs over HTTP."""
    file_sd: list[FileSd] = Field(default=[])
    """Files that list further APIs."""

    @model_validator(mode="after")
    def _something_to_probe(self) -> Self:
        if not (self.apis or self.http_sd or self.file_sd):
            raise wrong("neither APIs nor a source of them")
        return self
