"""A small server that answers as Grafana's documented HTTP API does."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "glsa_right"
BASIC = "Basic " + base64.b64encode(b"admin:secret word").decode()


class FakeGrafana:
    """Folders and dashboards with versions; keys belong to organisation 1 and may lack a permission.

    Statuses and messages are those of Grafana's documentation and source (pkg/services/dashboards/errors.go,
    pkg/services/authn/clients/api_key.go).
    """

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.provisioned: set[str] = set()
        self.requests: list[str] = []
        self.writes: list[str] = []
        self.unavailable = 0
        self.may_write = True
        self.wrapped_versions = True
        self.wrong_organization = "API key does not belong to the requested organization"

    def edit(self, uid: str) -> None:
        """Save a version as a person does in the browser."""
        newest = self.versions[uid][-1]
        self.versions[uid].append(newest | {"version": newest["version"] + 1, "message": "nicer colours"})

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        """Answer one request with a status and JSON."""
        self.requests.append(f"{method} {path}")
        if self.unavailable:
            self.unavailable -= 1
            return 503, {"message": "starting"}
        if headers.get("Authorization") not in {f"Bearer {KEY}", BASIC}:
            return 401, {"message": "Invalid API key"}
        if headers.get("X-Grafana-Org-Id", "1") != "1":
            return 401, {"message": self.wrong_organization}
        if method == "POST":
            return self._write(path, body)
        return self._read(path.split("?", maxsplit=1)[0].strip("/").split("/")[1:])

    def _read(self, parts: list[str]) -> tuple[int, Any]:
        if parts[0] == "org":
            return 200, {"id": 1, "name": "Main Org."}
        if parts[0] == "folders":
            known = parts[1] in self.folders
            return (200, {"uid": parts[1]}) if known else (404, {"message": "folder not found"})
        uid = parts[2]
        if uid not in self.versions:
            return 404, {"message": "Dashboard not found"}
        newest = self.versions[uid][-1]
        if parts[3:] != ["versions"]:
            meta = {"provisioned": uid in self.provisioned}
            return 200, {"dashboard": newest["dashboard"] | {"version": newest["version"]}, "meta": meta}
        listed = [{"version": newest["version"], "message": newest["message"]}]
        return 200, {"continueToken": "", "versions": listed} if self.wrapped_versions else listed

    def _write(self, path: str, body: Any) -> tuple[int, Any]:
        if not self.may_write:
            return 403, {"message": "You'll need additional permissions to perform this action."}
        self.writes.append(path)
        if path == "/api/folders":
            self.folders[body["uid"]] = body["title"]
            return 200, body
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found"}
        board = body["dashboard"]
        versions = self.versions.setdefault(board["uid"], [])
        newest = versions[-1]["version"] if versions else 0
        if newest and not body["overwrite"] and board.get("version", 0) != newest:
            message = "The dashboard has been changed by someone else"
            return 412, {"message": message, "status": "version-mismatch"}
        versions.append({"version": newest + 1, "message": body["message"], "dashboard": board})
        url = f"/d/{board['uid']}/{board['title']}"
        return 200, {"status": "success", "uid": board["uid"], "url": url, "version": newest + 1}


@contextmanager
def listening(fake: FakeGrafana) -> Iterator[str]:
    """Serve on a free port; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = fake.answer(self.command, self.path, dict(self.headers), body)
            payload = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _serve  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
