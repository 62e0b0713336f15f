"""The file of custom rules: read it, change it in one step, tell Prometheus, and undo the change if it does not take it."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import requests
import yaml

from alert_rules.errors import InvalidRuleError, ReloadRefusedError, UncheckedRulesError
from alert_rules.promtool import check_rules
from alert_rules.settings import Settings, duration
from alert_rules.writer import to_yaml, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME: Final = "custom.yml"
_SOURCE: Final = "what people add and remove"
_GENERATOR: Final = "python -m alert_rules add"
_TIMEOUT: Final = 15
_LIFECYCLE_OFF: Final = (403, 404, 405)
_OK: Final = 200

Rules = list[dict[str, Any]]


class Saved(NamedTuple):
    """What became of a change: whether promtool checked it, whether Prometheus has it in service, and that in words."""

    validated: bool
    reloaded: bool
    note: str


class RuleFile:
    """The custom rules of one Prometheus.

    Args:
        directory: Folder that Prometheus reads rules from.
        prometheus_url: Whom to tell.
        settings: Give the group's interval and limit.

    Raises:
        InvalidRuleError: If there is no such folder.
    """

    def __init__(self, directory: Path, prometheus_url: str, settings: Settings) -> None:
        if not directory.is_dir():
            raise InvalidRuleError(
                "RULES_DIR", f"{directory} is not a folder; name the one that Prometheus reads"
            )
        self.path = directory / FILE_NAME
        self._url = prometheus_url.rstrip("/")
        self._settings = settings

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other thread and process from changing the rules meanwhile."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)  # which also gives the lock back

    def read(self) -> Rules:
        """Return the rules as Prometheus reads them, oldest first.

        Raises:
            InvalidRuleError: If somebody has damaged the file.
        """
        if not self.path.exists():
            return []
        try:
            rules: Rules = yaml.safe_load(self.path.read_text(encoding="utf-8"))["groups"][0]["rules"]
        except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
            problem = f"{self.path} is not a file of rules any more ({error}); repair or remove it"
            raise InvalidRuleError(FILE_NAME, problem) from error
        return rules

    def save(self, rules: Rules) -> Saved:
        """Write the rules and tell Prometheus; without rules there is no file.

        Raises:
            InvalidRuleError: If promtool refuses them; the file is as it was.
            ReloadRefusedError: If Prometheus does not take them; the former file is back in place.
            UncheckedRulesError: If neither promtool nor Prometheus could be asked; the former file is back.
        """
        former = self.path.read_text(encoding="utf-8") if self.path.exists() else None
        text = self._text(rules) if rules else None
        validated = text is None or check_rules(text)
        self._put(text)
        try:
            problem = self._tell(validated=validated)
        except (ReloadRefusedError, UncheckedRulesError):
            # The next start of Prometheus would fail on a file that it refuses.
            self._put(former)
            raise
        if problem:
            return Saved(validated, False, f"{problem}; it reads the file when it starts or gets a SIGHUP")
        return Saved(validated, True, f"{self._url} has the change in service")

    def _put(self, text: str | None) -> None:
        if text is None:
            self.path.unlink(missing_ok=True)
        else:
            write_atomically(self.path, text)

    def _text(self, rules: Rules) -> str:
        group = {
            "name": "custom",
            "interval": duration(self._settings.interval),
            "limit": self._settings.series_limit,
            "rules": rules,
        }
        return to_yaml({"groups": [group]}, source=_SOURCE, generator=_GENERATOR)

    def _tell(self, *, validated: bool) -> str | None:
        problem = self._reload()
        if problem and not validated:
            raise UncheckedRulesError(problem)
        return problem

    def _reload(self) -> str | None:
        """Tell Prometheus; return why it could not be told, None if it has the rules in service."""
        try:
            answer = requests.post(f"{self._url}/-/reload", timeout=_TIMEOUT)
        except requests.RequestException as error:
            return f"{self._url} cannot be reached ({type(error).__name__})"
        if answer.status_code in _LIFECYCLE_OFF:
            return f"{self._url} does not allow reloads (start it with --web.enable-lifecycle)"
        if answer.status_code != _OK:
            raise ReloadRefusedError(self._url, f"HTTP {answer.status_code}: {answer.text.strip()}")
        return None
