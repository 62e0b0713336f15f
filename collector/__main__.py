"""Where the process begins, as `rapidapi-collector` or `python -m collector`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["run"] and hasattr(signal, "SIGHUP"):
        # It would end the process until there is something to load again: for half a second, of which imports take the most.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from collector.cli import main as command_line  # noqa: PLC0415 - only now

    command_line()


if __name__ == "__main__":
    main()
