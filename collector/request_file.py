"""What `apis.yml` may say of a request: the part that APIs and the steps of one have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from collector.body_checks import BodyChecks
from collector.credentials import BasicAuth, Bearer, RapidApi
from collector.secret_values import Text, wrong
from collector.strict import Strict, given
from collector.take import Source
from collector.values import Cache, Headers, Name, Statuses, WebUrl


def check_authentication(section: Strict, headers: Mapping[str, str]) -> None:
    """Raise if a section with these headers sets Authorization in more than one way."""
    own = {name.lower() for name in headers}
    ways = [*given(section, "basic_auth", "bearer"), *(["headers"] if "authorization" in own else [])]
    if len(ways) > 1:
        words = " and ".join(f"`{way}`" for way in ways)
        raise wrong(f"{words} both set Authorization", "leave out one of them")


def _check_rapidapi(section: RequestSettings) -> None:
    twice = [name for name in section.headers if name.lower() in {"x-rapidapi-host", "x-rapidapi-key"}]
    if section.rapidapi and twice:
        raise wrong(f"`rapidapi` and `headers` both set {twice[0]}", "leave out one of them")


class RequestSettings(Strict):
    """What is sent, and which answer is a success."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    """The HTTP method."""
    headers: Headers = Field(default={})
    """Request headers; an API's own are added to those of the defaults, or replace them. `${VAR}` is filled in. Not `Content-Length` and `Transfer-Encoding`, which follow from the body."""
    body: Text | None = None
    """The request's body, sent as UTF-8. `${VAR}` is filled in."""
    rapidapi: RapidApi | None = None
    """RapidAPI's host and key, in one line: `rapidapi: {host: x.p.rapidapi.com, key: "${RAPIDAPI_KEY}"}`."""
    basic_auth: BasicAuth | None = None
    """Name and password of basic authentication."""
    bearer: Bearer | None = None
    """The token of bearer authentication."""
    expected_status: Statuses | None = None
    """Status codes of a success: one, or a list; any 2xx if left out. Another one below 400, such as a redirect, is an error of reason `body`."""
    expected_body: BodyChecks | None = None
    """What the body has to be."""

    @model_validator(mode="after")
    def _one_authentication(self) -> Self:
        check_authentication(self, self.headers)
        _check_rapidapi(self)
        return self


class StepEntry(RequestSettings):
    """One request of an API that takes several. Its own settings of a request win over those of the API and the defaults."""

    name: Name
    """Letters, digits, `_` and `-`, a letter first, unique in the API; stands before the colon in the label `reason`."""
    url: WebUrl
    """An absolute http or https URL. `${VAR}` is filled in, and behind the host `${step.value}`."""
    take: dict[Name, Source] = Field(default={})
    """What the steps after it need of its answer: name to place. `${step.name}` is filled in in their `url`, `headers` and `body`."""
    cache: Cache | None = None
    """How long what it takes is used again, during which it is not sent: a duration, or where the JSON body says so, such as `$.expires_in`."""

    @model_validator(mode="after")
    def _something_to_cache(self) -> Self:
        if self.cache is not None and not self.take:
            raise wrong("`cache` without `take`", "write what is kept below `take:`, or leave out `cache`")
        return self
