"""The demo's ports: from environment variables, checked before anything starts."""

from __future__ import annotations

import os
import socket
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

from demo.errors import DemoError, PortTakenError
from demo.processes import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping


class PortSettingError(DemoError):
    """A port's environment variable makes no sense."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One port per server; DESIGN.md's defaults."""

    simulator: int = 9199
    collector: int = 9101
    prometheus: int = 9090
    alertmanager: int = 9093
    sidecar: int = 8080

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the ports.

        Raises:
            PortSettingError: A value is no port, or two servers would have the same one.
        """
        ports = cls(**{
            role: _parse(environment[variable(role)], variable(role))
            for role in _roles()
            if environment.get(variable(role))
        })  # fmt: skip
        counts = Counter(getattr(ports, role) for role in _roles())
        if shared := [role for role in _roles() if counts[getattr(ports, role)] > 1]:
            names = ", ".join(f"{variable(role)}={getattr(ports, role)}" for role in shared)
            raise PortSettingError(f"Two servers cannot share a port: {names}. Give each one of its own.")
        return ports

    def check(self) -> None:
        """Raise PortTakenError for the first port on which something listens."""
        for role in _roles():
            port = getattr(self, role)
            with socket.socket() as attempt:
                attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    attempt.bind((LOOPBACK, port))
                except OSError:
                    raise PortTakenError(port, role, variable(role)) from None

    def url(self, role: str) -> str:
        """Base URL of a server."""
        return f"http://{self.address(role)}"

    def address(self, role: str) -> str:
        """The server as `host:port`."""
        return f"{LOOPBACK}:{getattr(self, role)}"


def variable(role: str) -> str:
    """The environment variable that sets a server's port."""
    return "DEMO_PORT" if role == "simulator" else f"{role.upper()}_PORT"


def _roles() -> list[str]:
    return [field.name for field in fields(Ports)]


def _parse(text: str, name: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise PortSettingError(f"{name}={text!r} is no port: write a number from 1 to 65535.")
    return int(text)
