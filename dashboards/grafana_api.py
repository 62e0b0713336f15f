"""The calls of Grafana's HTTP API that pushing dashboards takes, and what its refusals mean."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Self

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_auth_from_url, urldefragauth
from urllib3.util import Retry

from dashboards.errors import Cause, GrafanaError

FOLDER_UID: Final = "rapidapi"
_TIMEOUT: Final = 15
_RETRY: Final = Retry(
    total=2, backoff_factor=0.2, status_forcelist=(429, 502, 503, 504), raise_on_status=False
)
"""Reads are tried again; a write only if it never got a connection, since it may have been carried out."""
_ORGANIZATION: Final = "X-Grafana-Org-Id"
_OK, _REFUSED, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _PRECONDITION = 200, 400, 401, 403, 404, 412
_UNAVAILABLE: Final = _RETRY.status_forcelist

_REMEDIES: Final[dict[Cause, str]] = {
    "key": "set GRAFANA_API_KEY, or GRAFANA_API_KEY_FILE, to a valid token of a service account",
    "organization": "set GRAFANA_ORG_ID to the organisation of the token, or take a token of that organisation",
    "permission": "give the service account of GRAFANA_API_KEY the role Editor in this organisation",
    "edited": "the dashboard was edited in Grafana; save what you want to keep, then push with overwrite=True",
    "provisioned": "Grafana loads it from a file and refuses any other change; generate the file anew instead",
    "unreachable": "start it, or set GRAFANA_URL to where it listens, with its sub-path",
    "refused": "see Grafana's log",
}


def failure(cause: Cause, problem: str) -> GrafanaError:
    """Return the error of a cause, with what to do about it."""
    return GrafanaError(problem, _REMEDIES[cause], cause)


class Stored(NamedTuple):
    """A dashboard as Grafana has it.

    Attributes:
        version: Number of its newest version.
        message: What whoever saved that version wrote about it.
        provisioned: Whether it comes from a file.
    """

    version: int
    message: str
    provisioned: bool


class GrafanaApi:
    """One organisation of one Grafana.

    Args:
        url: Grafana's address, with its sub-path; a user and password in it are used and never shown.
        key: Token of a service account.
        org_id: The organisation; the token's own by default.
    """

    def __init__(self, url: str, key: str | None, org_id: str | None) -> None:
        self.url = urldefragauth(url).rstrip("/")
        self._org_id = org_id
        self._session = requests.Session()
        user, password = get_auth_from_url(url)
        if user:
            self._session.auth = (user, password)
        self._session.headers["Accept"] = "application/json"
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_RETRY))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def stored(self, uid: str) -> Stored | None:
        """Return what Grafana has under a uid, or None."""
        found = self._call("GET", f"/api/dashboards/uid/{uid}", missing_ok=True)
        if found is None:
            return None
        provisioned = bool(found["meta"].get("provisioned"))
        answer = self._call("GET", f"/api/dashboards/uid/{uid}/versions?limit=1")
        # Grafana 11 and newer wrap the list, to add a token for the next page.
        newest = (answer["versions"] if isinstance(answer, dict) else answer)[0]
        return Stored(newest["version"], newest.get("message", ""), provisioned)

    def ensure_folder(self, title: str) -> None:
        """Create the folder unless it is there."""
        if self._call("GET", f"/api/folders/{FOLDER_UID}", missing_ok=True) is None:
            self._call("POST", "/api/folders", {"uid": FOLDER_UID, "title": title})

    def save(self, board: dict[str, Any], message: str, *, overwrite: bool) -> str:
        """Store a dashboard in the folder as a new version; return its path."""
        body = {"dashboard": board, "folderUid": FOLDER_UID, "message": message, "overwrite": overwrite}
        path: str = self._call("POST", "/api/dashboards/db", body)["url"]
        return path

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, missing_ok: bool = False
    ) -> Any:  # noqa: ANN401 - any JSON
        answer = self._send(method, path, body, self._org_id)
        if answer.status_code == _OK:
            return self._json(answer)
        if answer.status_code == _NOT_FOUND and missing_ok:
            return None
        raise failure(
            self._cause(answer),
            f"{self.url} answered {answer.status_code} to {method} {path}: {answer.text[:200]}",
        )

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, org_id: str | None
    ) -> requests.Response:
        headers = {_ORGANIZATION: org_id} if org_id else {}
        try:
            return self._session.request(
                method, f"{self.url}{path}", json=body, headers=headers, timeout=_TIMEOUT
            )
        except requests.RequestException as error:
            problem = f"Grafana cannot be reached at {self.url} ({type(error).__name__})"
            raise failure("unreachable", problem) from error

    def _cause(self, answer: requests.Response) -> Cause:
        if answer.status_code == _UNAUTHORIZED:
            return "organization" if self._is_key_of_another_organization() else "key"
        if answer.status_code == _FORBIDDEN:
            return "permission"
        if answer.status_code == _PRECONDITION and "plugin" not in answer.text:
            return "edited"
        if answer.status_code in {_NOT_FOUND, *_UNAVAILABLE}:
            return "unreachable"
        if answer.status_code == _REFUSED and "provisioned" in answer.text:
            return "provisioned"
        return "refused"

    def _is_key_of_another_organization(self) -> bool:
        """Whether the key is accepted as soon as no organisation is named.

        Grafana's own words do not tell: newer versions look a token up within the organisation and call it invalid.
        """
        return (
            self._org_id is not None
            and self._send("GET", "/api/org", None, None).status_code != _UNAUTHORIZED
        )

    def _json(self, answer: requests.Response) -> Any:  # noqa: ANN401 - any JSON
        try:
            return answer.json()
        except requests.JSONDecodeError as error:
            raise failure("unreachable", f"{self.url} does not answer as Grafana does") from error
