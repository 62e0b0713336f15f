"""What can go wrong while dashboards are generated or pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Cause = Literal["unreachable", "key", "organization", "permission", "edited", "provisioned", "refused"]
"""Why Grafana does not have a dashboard: it does not answer, does not accept the key, the key is another
organisation's or lacks a right, someone edited the dashboard, it comes from a file, or anything else."""


class DashboardsError(Exception):
    """Base of every error of this package."""


class UnknownDashboardError(DashboardsError):
    """There is no dashboard of this uid.

    Attributes:
        uid: What was asked for.
        known: The uids that exist.
    """

    def __init__(self, uid: str, known: Iterable[str]) -> None:
        self.uid = uid
        self.known = tuple(known)
        super().__init__(f"no dashboard {uid!r}; there are: {', '.join(self.known)}")


class UnknownLanguageError(DashboardsError):
    """The dashboards are not written in this language.

    Attributes:
        language: What was asked for.
        known: The languages that exist.
    """

    def __init__(self, language: str, known: Iterable[str]) -> None:
        self.language = language
        self.known = tuple(known)
        super().__init__(
            f"no dashboards in {language!r}; set DASHBOARD_LANGUAGE to one of: {', '.join(self.known)}"
        )


class MissingTranslationError(DashboardsError):
    """A catalogue lacks a text.

    Attributes:
        text: The English text.
        language: The catalogue's language.
    """

    def __init__(self, text: str, language: str) -> None:
        self.text = text
        self.language = language
        super().__init__(f"dashboards/{language}.yml has no translation of {text!r}; add it there")


class GrafanaError(DashboardsError):
    """Grafana could not be reached or refused a request.

    Attributes:
        remedy: What to do about it.
        cause: What kind of failure it is.
    """

    def __init__(self, problem: str, remedy: str, cause: Cause) -> None:
        self.remedy = remedy
        self.cause = cause
        super().__init__(f"{problem}; {remedy}")
