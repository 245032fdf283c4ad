"""Small files in Redis, so that every API replica answers them without asking the store.

A file comes in when it is read, stays LIVE_S, and goes when its artifact changes. Who may see it is asked of
the queue each time, as ever. Whoever reads leaves a token first, and whoever changes the artifact takes that
away: a reader that was overtaken keeps nothing. Without Redis all of it is the store's own.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any, BinaryIO, Protocol

from redis.exceptions import RedisError

from muscgen import telemetry
from muscgen.artifacts import records
from muscgen.artifacts.records import Artifact, Record
from muscgen.artifacts.store import Live, Store, Wants, checked, everything

LIVE_S = 300.0
READING_S = 30.0
PREFIX = "muscgen:{hot}"
_LUA = files("muscgen.artifacts") / "lua"


class Client(Protocol):
    """What is used of redis-py, by a thread."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any: ...  # noqa: ANN401
    def hmget(self, name: str, keys: list[str]) -> Any: ...  # noqa: ANN401
    def set(self, name: str, value: str, *, px: int) -> Any: ...  # noqa: ANN401
    def zrange(self, name: str, start: int, end: int) -> Any: ...  # noqa: ANN401


class HotStore(Store):
    """Another store, with its small files in Redis. Every process that changes the artifacts must use one.

    largest_bytes: of a file. total_bytes: of all of them and their records.
    """

    def __init__(
        self,
        store: Store,
        client: Client,
        *,
        largest_bytes: int,
        total_bytes: int,
        prefix: str = PREFIX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._redis = client
        self._largest_bytes = largest_bytes
        self._total_bytes = total_bytes
        self._prefix = prefix
        self._clock = clock

    def check(self) -> None:
        self._store.check()

    def add(
        self, made: Artifact, content: bytes | BinaryIO, owner: str, expires_at: float | None
    ) -> Artifact:
        artifact = self._store.add(made, content, owner, expires_at)
        self._drop(artifact.id)
        return artifact

    def share(self, artifact_id: str, owner: str, expires_at: float | None = None) -> Artifact:
        artifact = self._store.share(artifact_id, owner, expires_at)
        self._drop(artifact_id)
        return artifact

    def look(self, artifact_id: str) -> Record:
        hot = self._hot(artifact_id)
        return self._store.look(artifact_id) if hot is None else hot[0]

    def open(self, artifact_id: str, *, verify: bool = False) -> BinaryIO:
        if verify:
            return self._store.open(artifact_id, verify=True)
        hot = self._hot(artifact_id)
        if hot is not None and hashlib.sha256(hot[1]).hexdigest() == artifact_id:
            return io.BytesIO(hot[1])
        return self._opened(artifact_id)

    def verify(self, artifact_id: str) -> bool:
        return self._store.verify(artifact_id)

    def direct_url(self, artifact_id: str, expires_in_s: float) -> str | None:
        return self._store.direct_url(artifact_id, expires_in_s)

    def attach(self, artifact_id: str, name: str, content: bytes) -> None:
        self._store.attach(artifact_id, name, content)

    def attachment(self, artifact_id: str, name: str) -> bytes:
        return self._store.attachment(artifact_id, name)

    def release(self, artifact_id: str, owner: str) -> bool:
        went = self._store.release(artifact_id, owner)
        self._drop(artifact_id)
        return went

    def sweep(self, live: Live, wants: Wants = everything) -> int:
        gone = self._store.sweep(live, wants)
        if gone:  # which, the store does not say
            self._drop_all()
        return gone

    def _opened(self, artifact_id: str) -> BinaryIO:
        """From the store, and kept if it is small."""
        token = self._token(artifact_id)
        record = self._store.look(artifact_id)
        if token is None or record.artifact.bytes > self._largest_bytes:
            return self._store.open(artifact_id)
        with self._store.open(artifact_id) as file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() == artifact_id:
            self._keep(record, content, token)
        return io.BytesIO(content)  # if damaged, that is seen when it is handed out

    def _hot(self, artifact_id: str) -> tuple[Record, bytes] | None:
        try:
            record, content = self._redis.hmget(self._key(checked(artifact_id)), ["record", "content"])
        except (RedisError, OSError):
            return None
        found = None if record is None else records.read(record, artifact_id)
        return None if found is None else (found, content)

    def _token(self, artifact_id: str) -> str | None:
        """Left by whoever reads; None where it cannot be."""
        token = secrets.token_hex(8)
        try:
            self._redis.set(self._key(f"token:{checked(artifact_id)}"), token, px=round(READING_S * 1000))
        except (RedisError, OSError):
            return None
        return token

    def _keep(self, record: Record, content: bytes, token: str) -> None:
        live_s = min(LIVE_S, (record.artifact.expires_at or float("inf")) - self._clock())
        if live_s > 0:
            live_ms = max(1, round(live_s * 1000))
            text = (record.artifact.id, token, record.to_json(), content)
            self._run("hot_keep", *text, live_ms, self._total_bytes)

    def _drop(self, artifact_id: str) -> None:
        self._run("hot_drop", artifact_id)

    def _drop_all(self) -> None:
        try:
            ids = self._redis.zrange(self._key("index"), 0, -1)
        except (RedisError, OSError):
            ids = []
        for artifact_id in ids:
            self._drop(artifact_id.decode())

    def _run(self, script: str, *arguments: str | bytes | int) -> None:
        source = (_LUA / f"{script}.lua").read_text("utf-8")
        try:
            self._redis.eval(source, 1, self._key("index"), self._prefix, *arguments)
        except (RedisError, OSError) as error:
            telemetry.warning("artifacts.hot_missed", script=script, reason=str(error)[:200])

    def _key(self, name: str) -> str:
        return f"{self._prefix}:{name}"
