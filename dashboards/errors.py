"""What can go wrong while dashboards are generated or pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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


class GrafanaError(DashboardsError):
    """Grafana could not be reached or refused a request.

    Attributes:
        remedy: What to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(f"{problem}; {remedy}")
