"""Namespaces of the test's own: what is started, mounted or routed in them ends with the test, however that ends."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

from tests.compose.errors import EngineError
from tests.compose.shell import CommandError, run

_INSIDE: Final = "COMPOSE_TEST_SANDBOX"
_UNSHARE: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_CLONE_NEWNET: Final = 0x40000000


def enter(module: str) -> None:
    """Run the module again, with the same arguments, in namespaces of processes and mounts of its own; return in there.

    Raises:
        EngineError: The kernel refuses, and so it would refuse an engine.
    """
    if os.environ.get(_INSIDE):
        return
    try:
        run(*_UNSHARE, "true")
    except CommandError as error:
        raise EngineError(str(error)) from error
    sys.stdout.flush()
    command = [*_UNSHARE, sys.executable, "-m", module, *sys.argv[1:]]
    os.execvpe(command[0], command, {**os.environ, _INSIDE: "1"})  # noqa: S606 - the same program again


def leave_network() -> None:
    """Move into a network of nothing but loopback, so that bridges, routes and packet filters are the test's alone.

    Raises:
        EngineError: The kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise EngineError(f"no network namespace: {os.strerror(ctypes.get_errno())}")
    run("ip", "link", "set", "lo", "up")
