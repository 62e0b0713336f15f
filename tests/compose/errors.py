"""What can go wrong with a proof, beside a command that fails."""

from __future__ import annotations


class EngineError(Exception):
    """No engine can be had; the message is its own."""


class NotProvedError(Exception):
    """A statement does not hold; the message says what was seen instead."""
