"""A hub on this machine: metadata, files in git, and in LFS behind a redirect, ranges, every trouble."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "1f2e3d4c" * 5
_BLOCK = 1 << 16


@dataclass
class Trouble:
    """One bad answer: a status and headers, or `cut` bytes and then a broken connection."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class Asked:
    """A request that was served."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    host: str
    sent: int = 0


class HubServer(ThreadingHTTPServer):
    """`repositories[name]` is a folder; LFS keeps what ends in .safetensors or .bin."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Path] = {}
        self.commits: dict[str, dict[str, str]] = defaultdict(lambda: {"main": COMMIT})
        self.token: str | None = None  # the only one that is taken; None takes all
        self.gated: set[str] = set()
        self.troubles: dict[str, deque[Trouble]] = defaultdict(deque)  # by the end of the path
        self.wrong: set[str] = set()  # names of files that come changed
        self.page: bytes | None = None  # what a proxy says in place of every answer
        self.ranges = True
        self.pace_s = 0.0  # for each 64 kB
        self.asked: list[Asked] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.elsewhere = f"http://localhost:{self.server_address[1]}"  # where LFS files are: another host
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, repository: str, folder: Path, commit: str = COMMIT) -> None:
        self.repositories[repository] = folder
        self.commits[repository]["main"] = commit

    def sent(self, ending: str) -> int:
        """Bytes of the files whose path ends so."""
        return sum(asked.sent for asked in self.asked if asked.path.endswith(ending))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.note = Asked(
            self.command,
            path,
            self.headers.get("Range"),
            self.headers.get("Authorization"),
            self.headers["Host"],
        )
        self.server.asked.append(self.note)
        waiting = (queue for end, queue in self.server.troubles.items() if queue and path.endswith(end))
        queue = next(waiting, None)
        self.trouble = queue.popleft() if queue else None
        if self.server.page is not None:
            return self._end(200, {"Content-Type": "text/html"}, self.server.page)
        if self.trouble and self.trouble.status:
            return self._end(self.trouble.status, self.trouble.headers)
        if match := re.fullmatch(r"/api/models/(.+?)/revision/(.+)", path):
            return self._metadata(match[1], match[2])
        if match := re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path):
            return self._resolve(match[1], match[2], match[3])
        if match := re.fullmatch(r"/lfs/(.+)", path):
            return self._content(Path("/" + match[1]))
        return self._end(404, {"X-Error-Code": "RepoNotFound"})

    def _allowed(self, repository: str) -> bool:
        header, token = self.headers.get("Authorization"), self.server.token
        if token is not None and header is not None and header != f"Bearer {token}":
            self._end(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif repository not in self.server.repositories:
            self._end(401 if header is None else 404, {"X-Error-Code": "RepoNotFound"})
        else:
            return True
        return False

    def _metadata(self, repository: str, revision: str) -> None:
        if not self._allowed(repository):
            return None
        known = self.server.commits[repository]
        commit = known.get(revision, revision if revision in known.values() else None)
        if commit is None:
            return self._end(404, {"X-Error-Code": "RevisionNotFound"})
        folder = self.server.repositories[repository]
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        body = {
            "id": repository,
            "sha": commit,
            "siblings": [_sibling(path, str(path.relative_to(folder))) for path in files],
        }
        return self._end(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _resolve(self, repository: str, commit: str, name: str) -> None:
        if not self._allowed(repository):
            return None
        if repository in self.server.gated:
            status = 401 if self.headers.get("Authorization") is None else 403
            return self._end(status, {"X-Error-Code": "GatedRepo"})
        path = self.server.repositories[repository] / name
        known = self.server.commits[repository]
        commit = known.get(commit, commit)
        if commit not in known.values() or not path.is_file():
            return self._end(404, {"X-Error-Code": "EntryNotFound"})
        sibling = _sibling(path, name)
        if "lfs" not in sibling:
            return self._content(path, {"X-Repo-Commit": commit, "ETag": f'"{sibling["blobId"]}"'})
        linked = {"X-Linked-Size": str(sibling["size"]), "X-Linked-Etag": f'"{sibling["lfs"]["sha256"]}"'}
        where = {"Location": f"{self.server.elsewhere}/lfs{path}", "X-Repo-Commit": commit}
        return self._end(302, linked | where)

    def _content(self, path: Path, headers: dict[str, str] | None = None) -> None:
        content = path.read_bytes()
        if path.name in self.server.wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start, status, more = 0, 200, dict(headers or {})
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.server.ranges:
            start, status = int(asked[1]), 206
            if start >= len(content):
                return self._end(416, {"Content-Range": f"bytes */{len(content)}"})
            more["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._end(status, more, content[start:])

    def _end(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.trouble.cut if self.trouble and self.trouble.cut is not None else len(body)
        for at in range(0, cut, _BLOCK):
            block = body[at : min(at + _BLOCK, cut)]
            self.wfile.write(block)
            self.note.sent += len(block)
            if self.server.pace_s:
                time.sleep(self.server.pace_s)
        if cut < len(body):
            self.close_connection = True
            self.connection.close()


def _sibling(path: Path, name: str) -> dict[str, Any]:
    content = path.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    found: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git}
    if name.endswith((".safetensors", ".bin")):
        sha256 = hashlib.sha256(content).hexdigest()
        found["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 134}
    return found
