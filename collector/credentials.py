"""Who the collector says it is: RapidAPI's two headers, basic and bearer authentication, client certificates."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, PrivateAttr, model_validator

from collector.headers import basic
from collector.regular_file import read_bytes
from collector.secret_values import ReadableFile, Secret, SecretFile, wrong
from collector.strict import Strict, given


@cache
def system_trust() -> ssl.SSLContext:
    """Return what trusts the system's authorities, made once as it takes tens of milliseconds."""
    return _trust(None)


def _trust(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])  # the one version that probes speak
    return context


def exactly_one(section: Strict, *keys: str) -> None:
    """Raise unless the file has exactly one of the keys."""
    if len(given(section, *keys)) != 1:
        words = " or ".join(f"`{key}`" for key in keys)
        raise wrong(f"not exactly one of {words}", f"write either {words}")


def _host(text: str) -> str:
    if "/" in text:
        raise wrong("an address instead of a host", "write the host without https:// and without a path")
    return text


class RapidApi(Strict):
    """The two headers that every RapidAPI API wants."""

    host: Annotated[Secret, AfterValidator(_host)]
    """The API's host at RapidAPI, sent as `X-RapidAPI-Host`."""
    key: Secret | None = None
    """Your key, sent as `X-RapidAPI-Key`; write `${RAPIDAPI_KEY}` rather than the key."""
    key_file: SecretFile | None = None
    """A file with the key, instead of `key`."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        exactly_one(self, "key", "key_file")
        return self

    def headers(self) -> dict[str, str]:
        """Return the request headers."""
        return {"X-RapidAPI-Host": self.host, "X-RapidAPI-Key": self.key or self.key_file or ""}


class BasicAuth(Strict):
    """A user's name and password, sent as `Authorization: Basic`."""

    username: Secret
    """The name; it cannot contain a colon."""
    password: Secret | None = None
    """The password; write `${VAR}` rather than the password."""
    password_file: SecretFile | None = None
    """A file with the password, instead of `password`."""

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        exactly_one(self, "password", "password_file")
        if ":" in self.username:
            raise wrong(
                "a colon in the user's name", "leave out the colon, which separates name and password"
            )
        return self

    def headers(self) -> dict[str, str]:
        """Return the request headers."""
        return {"Authorization": basic(self.username, f"{self.password or self.password_file}")}


class Bearer(Strict):
    """A token, sent as `Authorization: Bearer`."""

    token: Secret | None = None
    """The token; write `${VAR}` rather than the token."""
    token_file: SecretFile | None = None
    """A file with the token, instead of `token`."""

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        exactly_one(self, "token", "token_file")
        return self

    def headers(self) -> dict[str, str]:
        """Return the request headers."""
        return {"Authorization": f"Bearer {self.token or self.token_file}"}


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of one TLS configuration, and a digest of what they held when the configuration was read."""

    ca_file: str | None
    cert_file: str | None
    key_file: str | None
    digest: str = field(repr=False)

    def context(self) -> ssl.SSLContext:
        """Load the files.

        Raises:
            OSError: A file cannot be read, or (`ssl.SSLError`) is not what it should be.
        """
        context = _trust(self.ca_file)
        if self.cert_file:
            # An empty password, lest an encrypted key asks for one on the terminal.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
        return context


class TlsFiles(Strict):
    """Whom to trust, and how to identify ourselves. Other files are read again when the configuration is."""

    ca_file: ReadableFile | None = None
    """PEM file of the authorities to trust instead of the system's."""
    cert_file: ReadableFile | None = None
    """PEM file of the client's certificate, for APIs that ask for one (mTLS)."""
    key_file: ReadableFile | None = None
    """PEM file of the certificate's key, unencrypted; left out if `cert_file` holds it."""
    _settings: Tls = PrivateAttr()

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.key_file and not self.cert_file:
            raise wrong("`key_file` without `cert_file`", "write the certificate's file too")
        try:
            self._settings = self._read()
            self._settings.context()
        except (OSError, ssl.SSLError) as error:
            words = getattr(error, "reason", None) or "not PEM"
            raise wrong(
                f"a file is no usable certificate or key ({words})", "give PEM files that fit"
            ) from None
        return self

    def settings(self) -> Tls:
        """Return the same for the prober, told apart by what the files held when the configuration was read."""
        return self._settings

    def _read(self) -> Tls:
        digest = hashlib.sha256()
        for path in (self.ca_file, self.cert_file, self.key_file):
            digest.update(hashlib.sha256(read_bytes(Path(path))).digest() if path else b"-")
        return Tls(self.ca_file, self.cert_file, self.key_file, digest.hexdigest())
