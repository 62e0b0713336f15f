"""Prometheus' own judgement of a rule file, where promtool is at hand."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from alert_rules.errors import InvalidRuleError
from demo.errors import ToolMissingError
from demo.tools import tool


def check_rules(text: str) -> bool:
    """Have promtool check a rule file.

    Returns:
        True if promtool accepts it, False if there is no promtool to ask.

    Raises:
        InvalidRuleError: With promtool's reason, if it refuses the file.
    """
    try:
        promtool = tool("promtool")
    except ToolMissingError:
        return False
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules.yml")
        path.write_text(text, encoding="utf-8")
        checked = subprocess.run(
            [str(promtool), "check", "rules", str(path)], capture_output=True, text=True, check=False
        )
    if checked.returncode:
        reason = " ".join(checked.stderr.replace(str(path), "").split()).removeprefix("FAILED:").strip()
        raise InvalidRuleError("rule", f"promtool refuses it: {reason}")
    return True
