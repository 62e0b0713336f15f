"""The bytes that a request consists of."""

from __future__ import annotations

import pytest
from yarl import URL

from collector.http_message import message
from collector.version import __version__

OURS = f"Accept: */*\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: rapidapi-collector/{__version__}\r\n"


def sent(
    url: str,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
    proxy: str | None = None,
    *,
    keep: bool = True,
) -> str:
    """Return a request as text."""
    via = URL(proxy) if proxy else None
    return message(method, URL(url), headers or {}, body, keep=keep, proxy=via).decode()


def test_a_plain_request() -> None:
    """Path and query are encoded, the fragment stays here, and who wants a new connection each time says so."""
    start = f"GET /a%20b?x=%C3%BC HTTP/1.1\r\nHost: api.example\r\n{OURS}"
    assert sent("http://api.example/a b?x=ü#part") == f"{start}\r\n"
    assert sent("http://api.example/a b?x=ü#part", keep=False) == f"{start}Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://api.example:8080/", "api.example:8080"),
        ("https://api.example:443/", "api.example"),
        ("http://[::1]:9000/", "[::1]:9000"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
    ],
)
def test_host(url: str, host: str) -> None:
    """The server is told which host is meant, with the port where it is not the usual one."""
    assert f"\r\nHost: {host}\r\n" in sent(url)


def test_configured_headers_win() -> None:
    """A header of the configuration replaces ours of the same name, however it is written, and is sent as it is written."""
    text = sent("http://api.example/", {"accept": "text/plain", "HOST": "other.example", "X-Key": "k: ü"})
    assert text == (
        "GET / HTTP/1.1\r\nAccept-Encoding: gzip, deflate\r\n"
        f"User-Agent: rapidapi-collector/{__version__}\r\naccept: text/plain\r\nHOST: other.example\r\nX-Key: k: ü\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("POST", b"x=1", 3), ("POST", None, 0), ("DELETE", None, 0), ("GET", b"a", 1), ("GET", None, None)],
)
def test_length(method: str, body: bytes | None, length: int | None) -> None:
    """The body's length is said where there is one, and where servers wait for one."""
    text = sent("http://api.example/", method=method, body=body)
    assert ("Content-Length" in text) is (length is not None)
    assert length is None or f"\r\nContent-Length: {length}\r\n" in text


def test_body() -> None:
    """The body follows behind its length in bytes, as bytes of no known kind unless the configuration names one."""
    text = sent("http://api.example/", method="POST", body="ü=1".encode())
    assert text.endswith("Content-Type: application/octet-stream\r\nContent-Length: 4\r\n\r\nü=1")
    typed = sent("http://api.example/", {"content-type": "text/plain"}, method="POST", body=b"x")
    assert "octet-stream" not in typed


def test_user_in_the_address() -> None:
    """Name and password of an address are sent as a header, not in the request's first line."""
    text = sent("http://me:pass%20word@api.example/")
    assert text.startswith("GET / HTTP/1.1\r\nHost: api.example\r\n")
    assert "\r\nAuthorization: Basic bWU6cGFzcyB3b3Jk\r\n" in text
    assert "Basic" not in sent("http://me:p@api.example/", {"authorization": "Bearer t"})


def test_proxy() -> None:
    """A plain request to a proxy names the whole address; a secured one goes through a tunnel and is like any other."""
    text = sent("http://me:p@api.example/a?b=1#c", proxy="http://us:pw@proxy.example:3128")
    assert text.startswith("GET http://api.example/a?b=1 HTTP/1.1\r\nHost: api.example\r\n")
    assert "\r\nProxy-Authorization: Basic dXM6cHc=\r\n" in text
    inside = sent("https://api.example/a", proxy="http://us:pw@proxy.example:3128")
    assert inside.startswith("GET /a HTTP/1.1\r\n")
    assert "Proxy" not in inside


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\ny", "a\ry", "a\0y"])
def test_line_breaks(bad: str) -> None:
    """What would become a header or a request of its own is not sent, and the error does not quote it."""
    with pytest.raises(ValueError, match="a header contains a line break") as caught:
        sent("http://api.example/", {"X-Key": bad})
    assert bad not in str(caught.value)
