"""A muscgen service, asked by the standard library."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

FINAL = ("succeeded", "failed", "cancelled", "expired")
WAIT_S = 5  # how long one call waits for the job's end
TIMEOUT_S = 60


class Service:
    """At `url`, with an API key or without."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        self.head = {"Authorization": f"Bearer {key}"} if key else {}

    def upload(self, wav: bytes) -> str:
        """The artifact's id."""
        return str(self._json("POST", "/artifacts", wav, "audio/wav")["id"])

    def song(
        self, wish: dict[str, Any], told: Callable[[float], None], stopped: Callable[[], bool]
    ) -> dict[str, Any]:
        """The finished job. told: how far it is, 0 to 1. stopped: whether to cancel it."""
        job = self._json("POST", "/generate", json.dumps(wish).encode(), "application/json")
        while job["status"] not in FINAL:
            if stopped():
                self._json("POST", job["urls"]["cancel"])
            job = self._json("GET", f"{job['urls']['self']}?wait={WAIT_S}")
            told(float(job["progress"]["fraction"]))
        if job["status"] != "succeeded":
            raise RuntimeError(f"the job is {job['status']}: {(job['error'] or {}).get('detail', '')}")
        return job

    def content(self, url: str) -> bytes:
        return self._call("GET", url)

    def _json(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._call(method, path, body, kind))
        return found

    def _call(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        head = self.head | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(self.url + path, body, head, method=method)  # noqa: S310  the user's own
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise RuntimeError(_in_words(error)) from error
        except urllib.error.URLError as error:
            raise RuntimeError(f"no muscgen service answers at {self.url}: {error.reason}") from error


def _in_words(error: urllib.error.HTTPError) -> str:
    """The problem as the service tells it."""
    try:
        problem = json.loads(error.read())
        return " ".join(filter(None, (problem["detail"], problem.get("suggestion"))))
    except (ValueError, KeyError):
        return f"the service answered {error.code}"
