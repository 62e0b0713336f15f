"""Requests as HTTP/1.1 sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collector.headers import ACCEPT_ENCODING, USER_AGENT, basic, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

_ALWAYS: Final = {"Accept": "*/*", "Accept-Encoding": ACCEPT_ENCODING, "User-Agent": USER_AGENT}
_WITHOUT_BODY: Final = {"GET", "HEAD", "OPTIONS", "TRACE"}


def message(
    method: str, url: URL, configured: Mapping[str, str], body: bytes | None, *, keep: bool, proxy: URL | None
) -> bytes:
    """Return a request as it is sent.

    Args:
        method: An HTTP method in capitals.
        url: What is asked for.
        configured: Headers, which replace our own of the same name.
        body: What is sent along; None for nothing.
        keep: Whether the connection is to stay open.
        proxy: Past which it goes; None for straight to the URL's host.

    Raises:
        ValueError: A header contains a line break.
    """
    headers = {"Host": url.host_port_subcomponent or "", **_ALWAYS}
    if not keep:
        headers["Connection"] = "close"
    if body is not None:
        headers["Content-Type"] = "application/octet-stream"
    if body is not None or method not in _WITHOUT_BODY:
        headers["Content-Length"] = str(len(body or b""))
    if url.raw_user is not None:
        headers["Authorization"] = _basic(url)
    plain_proxy = proxy if url.scheme == "http" else None
    if plain_proxy is not None and plain_proxy.raw_user is not None:
        headers["Proxy-Authorization"] = _basic(plain_proxy)
    target = str(url.with_user(None).with_fragment(None)) if plain_proxy else url.raw_path_qs
    return _head(f"{method} {target} HTTP/1.1", merged(headers, configured)) + (body or b"")


def tunnel_message(url: URL, proxy: URL) -> bytes:
    """Return the request to a proxy for a way through to a URL's host."""
    where = f"{url.host_subcomponent}:{url.port}"
    headers = {"Host": where}
    if proxy.raw_user is not None:
        headers["Proxy-Authorization"] = _basic(proxy)
    return _head(f"CONNECT {where} HTTP/1.1", headers)


def _head(start: str, headers: Mapping[str, str]) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join(lines)
    if not len(lines) - 1 == head.count("\n") == head.count("\r") or "\0" in head:
        raise ValueError("a header contains a line break")  # without the header, which may hold a secret
    return f"{head}\r\n\r\n".encode()


def _basic(url: URL) -> str:
    return basic(url.user or "", url.password or "")
