"""Which addresses a probe never connects to unless that is allowed: those at which clouds tell their secrets.

The address is looked at where the connection is made, so that neither a name that resolves to it, nor another way to write it,
nor a redirect gets around the check.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

_METADATA: Final = frozenset(
    map(
        ipaddress.ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    )
)
"""AWS and Google by IPv6, Alibaba, Oracle, Azure; all others are link-local."""
_ENDS_IN_IPV4: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""NAT64, the same for local use, and the first way there was to write IPv4 as IPv6."""
NO_ERRNO: Final = -1
_WORDS: Final = "a link-local or metadata address; write `allow_link_local: true` if it is meant"


@lru_cache(maxsize=10_000)  # the same few at each new connection: it was a thirtieth of a probe
def is_refused(address: str) -> bool:
    """Return whether a text is an IP address that is link-local or serves a cloud's metadata, however it is written.

    Octal, hexadecimal and short forms of IPv4, a dot at the end, zones and IPv4 within IPv6 are all understood: a proxy would
    understand them, too.
    """
    found = _parsed(address.removesuffix("."))
    return found is not None and (found.is_link_local or found in _METADATA)


@lru_cache(maxsize=10_000)
def is_address(host: str) -> bool:
    """Return whether a URL's host is an IP address in its usual form, hence no name that is to be looked up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return _old_notation(address)
    if isinstance(found, ipaddress.IPv4Address):
        return found
    found = ipaddress.IPv6Address(int(found))  # without its zone
    if any(found in network for network in _ENDS_IN_IPV4):
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or found


def _old_notation(address: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(socket.inet_aton(address))
    except (OSError, UnicodeError):
        return None


def refuse(address: str) -> None:
    """Raise OSError if the address is refused."""
    if is_refused(address):
        raise OSError(NO_ERRNO, _WORDS)


def guarded_socket(info: AddrInfoType) -> socket.socket:
    """Return a socket for an address that is about to be connected to.

    Raises:
        OSError: The address is refused.
    """
    family, kind, protocol, _, address = info
    refuse(str(address[0]))
    return socket.socket(family, kind, protocol)
