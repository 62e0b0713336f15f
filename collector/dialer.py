"""Opens connections to servers, past proxies if need be."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from typing import TYPE_CHECKING, Final

import aiohappyeyeballs

from collector.addresses import NO_ERRNO, guarded_socket, is_address, refuse
from collector.answer_parser import AnswerParser
from collector.errors import system_words
from collector.http_connection import HttpConnection
from collector.http_message import tunnel_message
from collector.probe_failure import ProbeFailure, failed_connection
from collector.resolver import ThreadPerLookupResolver

if TYPE_CHECKING:
    import ssl

    from aiohappyeyeballs import AddrInfoType
    from yarl import URL

    from collector.answer import Answer
    from collector.phases import PhaseClock

_OK: Final = 200
_HEAD_START: Final = 0.25
"""Seconds after which the next address is tried as well (RFC 8305)."""

_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")


class Dialer:
    """Opens connections in one way.

    Args:
        ssl_context: Which certificates to trust, and who we are.
        family: The kind of addresses that names are looked up for.
        allow_link_local: Whether addresses that are link-local or of cloud metadata may be connected to.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext, family: socket.AddressFamily, *, allow_link_local: bool
    ) -> None:
        self._ssl_context = ssl_context
        self._family = family
        self._allow_link_local = allow_link_local
        self._resolver = ThreadPerLookupResolver()

    async def open(self, url: URL, proxy: URL | None, clock: PhaseClock) -> HttpConnection:
        """Return a connection over which a URL can be asked for.

        Args:
            url: What is to be asked for.
            proxy: Past which the way leads; None for none.
            clock: Is told when a name is looked up.

        Raises:
            ProbeFailure: There is no such connection.
        """
        try:
            if url.scheme != "https":
                return await self._connect(proxy or url, None, clock)
            if proxy is None:
                return await self._connect(url, self._ssl_context, clock)
            return await self._tunnel(url, proxy, clock)
        except OSError as error:
            raise failed_connection(error) from None

    async def _connect(self, url: URL, tls: ssl.SSLContext | None, clock: PhaseClock) -> HttpConnection:
        host, port = url.raw_host or "", url.port or 0
        found = [host] if is_address(host) else await self._look_up(host, port, clock)
        name = _server_name(host) if tls else None
        loop = asyncio.get_running_loop()
        if len(found) == 1:  # nothing to race, and a socket made in Python only costs
            if not self._allow_link_local:
                refuse(found[0])
            _, connection = await loop.create_connection(
                HttpConnection, found[0], port, ssl=tls, server_hostname=name
            )
        else:
            sock = await self._race(found, port)
            _, connection = await loop.create_connection(
                HttpConnection, sock=sock, ssl=tls, server_hostname=name
            )
        return connection

    async def _look_up(self, host: str, port: int, clock: PhaseClock) -> list[str]:
        clock.enter("dns")
        try:
            found = await self._resolver.resolve(host, port, self._family)
        except OSError as error:
            raise ProbeFailure("dns", system_words(error)) from None
        clock.enter("connect")
        return [address["host"] for address in found]

    async def _race(self, addresses: list[str], port: int) -> socket.socket:
        """Connect to the first address that answers, those of both kinds by turns."""
        try:
            return await aiohappyeyeballs.start_connection(
                [_info(address, port) for address in addresses],
                happy_eyeballs_delay=_HEAD_START,
                interleave=1,
                socket_factory=None if self._allow_link_local else guarded_socket,
            )
        except OSError as error:
            if error.errno is None and (numbers := _ERRNO.findall(str(error))):  # they failed differently
                words = ", ".join(dict.fromkeys(os.strerror(int(number)) for number in numbers))
                raise OSError(NO_ERRNO, words) from None
            raise

    async def _tunnel(self, url: URL, proxy: URL, clock: PhaseClock) -> HttpConnection:
        name = _server_name(url.raw_host or "")
        if not _is_possible(name):  # which TLS would fail over
            raise ProbeFailure("dns", "not a possible host name")
        connection = await self._connect(proxy, None, clock)
        try:
            parser = AnswerParser(to_head=True, max_body=0, keep=False)
            answer = await connection.exchange(tunnel_message(url, proxy), parser)
            _check_tunnel(answer)
            await connection.start_tls(self._ssl_context, name)
        except BaseException:
            connection.abort()
            raise
        return connection


def _check_tunnel(answer: Answer) -> None:
    if answer.status != _OK:
        raise ProbeFailure("connect", f"the proxy answered {answer.status}")


def _server_name(host: str) -> str:
    return host.rstrip(".")  # which a certificate does not have


def _is_possible(name: str) -> bool:
    try:
        return name.encode("idna") != b""
    except UnicodeError:
        return False


def _info(address: str, port: int) -> AddrInfoType:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    where = (address, port, 0, 0) if family is socket.AF_INET6 else (address, port)
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where
