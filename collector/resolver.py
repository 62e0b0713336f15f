"""Name lookups that cannot hold each other up."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from concurrent.futures import Future

from aiohttp.abc import AbstractResolver, ResolveResult


class ThreadPerLookupResolver(AbstractResolver):
    """Looks up each name in a thread of its own.

    The usual pool has four to six threads, and a dead name server keeps each of them for ten seconds and more, so that
    a handful of APIs with a broken name would delay all others. The threads are daemons: none delays the exit.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the host's addresses.

        Raises:
            OSError: The name has no address, or cannot be a name, or the system gives no further thread.
        """
        answer: Future[list[ResolveResult]] = Future()
        thread = threading.Thread(
            target=_look_up, args=(answer, host, port, family), name="name lookup", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # so many lookups hang that a limit of processes is reached
            raise OSError(errno.EAGAIN, "no thread for a further name lookup") from None
        return await asyncio.wrap_future(answer)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def _look_up(answer: Future[list[ResolveResult]], host: str, port: int, family: socket.AddressFamily) -> None:
    answer.set_running_or_notify_cancel()
    try:
        answer.set_result(_addresses(host, port, family))
    except OSError as error:
        answer.set_exception(error)
    except UnicodeError:  # such as a label of more than 63 characters
        answer.set_exception(socket.gaierror(socket.EAI_NONAME, "not a possible host name"))


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=found_family,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for found_family, _, proto, _, address in infos
    ]
