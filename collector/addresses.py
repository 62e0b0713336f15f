"""Which addresses a probe never connects to unless that is allowed: those at which clouds tell their secrets.

The address is looked at where the connection is made, so that neither a name that resolves to it, nor another way to write it,
nor a redirect gets around the check.
"""

from __future__ import annotations

import ipaddress
import socket
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
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NO_ERRNO: Final = -1
_WORDS: Final = "a link-local or metadata address; write `allow_link_local: true` if it is meant"


def is_refused(address: str) -> bool:
    """Return whether a text is an IP address that is link-local or serves a cloud's metadata, however IPv6 wraps it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inner or found
    return found.is_link_local or found in _METADATA


def guarded_socket(info: AddrInfoType) -> socket.socket:
    """Return a socket for an address that is about to be connected to.

    Raises:
        OSError: The address is refused.
    """
    family, kind, protocol, _, address = info
    if is_refused(str(address[0])):
        raise OSError(_NO_ERRNO, _WORDS)
    return socket.socket(family, kind, protocol)
