"""Asks for a list of targets over HTTP, as Prometheus' http_sd does."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

import aiohttp

from collector.addresses import guarded_socket
from collector.body import BodyError, unpacked
from collector.errors import system_words
from collector.headers import ACCEPT_ENCODING, USER_AGENT
from collector.resolver import ThreadPerLookupResolver
from collector.target_groups import MAX_BYTES, Target, TargetError, parse_json, read_targets

if TYPE_CHECKING:
    from collector.sources import HttpList

TIMEOUT: Final = 30.0
"""Seconds that an answer may take."""
_JSON: Final = re.compile(r'application/json(;\s*charset=("utf-8"|utf-8))?', re.IGNORECASE)


class HttpFinder:
    """Finds APIs by a list that is asked for over HTTP.

    Args:
        where: The list.
        allow_link_local: Whether a target may be a link-local or metadata address.
        former: What found APIs by this source until now; its targets stay until this list has come, if it is the same list.

    Attributes:
        where: The list.
        allow_link_local: Whether a target may be a link-local or metadata address.
        targets: Those of the last list that was good.
        wait: Seconds between two looks.
    """

    def __init__(self, where: HttpList, *, allow_link_local: bool, former: object = None) -> None:
        self.where = where
        self.allow_link_local = allow_link_local
        self.targets: tuple[Target, ...] = ()
        self._text: bytes | None = None
        if isinstance(former, HttpFinder) and _list(former) == _list(self):
            self.targets = former.targets
        self.wait = where.refresh_interval

    async def look(self) -> None:
        """Ask for the list.

        Raises:
            TargetError: It did not come, or is not what it should be; the last one stays.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                text = await self._ask()
        except TimeoutError:
            raise TargetError(f"no answer within {TIMEOUT:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # The text of an aiohttp error may hold the URL, and the URL a key. The remedy for an address is one for APIs.
            words = system_words(error) if isinstance(error, OSError) else type(error).__name__
            raise TargetError(f"no answer ({words.partition(';')[0]})") from None
        except BodyError as error:
            raise TargetError(str(error)) from None
        # Reading a thousand targets takes long enough to be seen in the times of probes.
        if text != self._text:
            self.targets = await asyncio.to_thread(self._read, text)
            self._text = text

    def _read(self, text: bytes) -> tuple[Target, ...]:
        return read_targets(parse_json(text), allow_link_local=self.allow_link_local)

    async def _ask(self) -> bytes:
        headers = {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
            "X-Prometheus-Refresh-Interval-Seconds": f"{self.where.refresh_interval:g}",
            **self.where.headers,
        }
        async with (
            self._session() as session,
            session.get(
                self.where.url, headers=headers, proxy=self.where.proxy, allow_redirects=False
            ) as answer,
        ):
            if answer.status != 200:
                raise TargetError(f"status {answer.status} instead of 200")
            if not _JSON.fullmatch(answer.headers.get("Content-Type", "").strip()):
                raise TargetError("a Content-Type that is not application/json")
            body = await _read(answer)
            return await unpacked(body, answer.headers.get("Content-Encoding", ""), MAX_BYTES)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=ThreadPerLookupResolver(),
            ssl=self.where.tls.context() if self.where.tls else True,
            use_dns_cache=False,
            socket_factory=guarded_socket,
            force_close=True,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,  # a small body can unpack into gigabytes
        )


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.content.iter_any():
        size += len(chunk)
        if size > MAX_BYTES:
            raise BodyError(f"a body of more than {MAX_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _list(finder: HttpFinder) -> object:
    return finder.where.url, finder.allow_link_local
