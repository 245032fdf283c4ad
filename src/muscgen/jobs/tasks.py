"""What operators have workers do with models: fetch, load, unload, remove.

A task has a part for each place where models lie, or for each worker; whoever lives there leases it.
A worker that dies in the middle is followed by the next at its place, which goes on with what came.

queued ─► running ─► succeeded | failed | cancelled        a task is what the worst of its parts is
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from muscgen.errors import AttemptsExhausted, NotFound, NoWorker
from muscgen.jobs.base import QueueBase, ms
from muscgen.jobs.connect import outages
from muscgen.jobs.job import seconds
from muscgen.jobs.keys import Keys

TaskKind = Literal["pull", "load", "unload", "remove"]
Standing = Literal["held", "cancel", "lost"]
TaskState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
SCOPES: Mapping[TaskKind, str] = {"pull": "place", "remove": "place", "load": "worker", "unload": "worker"}
KEPT_S = 86_400.0
LEASE_S = 15.0
BEAT_S = 20.0  # after which a worker counts as gone
_LOST = AttemptsExhausted("the worker left before it was done")
_WORST: tuple[TaskState, ...] = ("running", "queued", "failed", "cancelled", "succeeded")


@dataclass(frozen=True, slots=True)
class Part:
    """One place's or worker's share. progress: of a fetch, bytes."""

    name: str
    state: TaskState
    worker: str | None
    progress: dict[str, Any]
    error: dict[str, Any] | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Task:
    """As it was at one moment. Times are Unix seconds."""

    id: str
    kind: TaskKind
    model: str
    wish: dict[str, Any]
    created_at: float
    cancel_requested: bool
    parts: tuple[Part, ...]

    @property
    def state(self) -> TaskState:
        states = {part.state for part in self.parts}
        if "queued" in states and states & {"succeeded", "failed", "cancelled"}:
            return "running"
        return next(state for state in _WORST if state in states)


@dataclass(frozen=True, slots=True)
class TaskClaim:
    """A lease on a part."""

    task_id: str
    part: str
    token: int
    kind: TaskKind
    model: str
    wish: dict[str, Any]


class Tasking(QueueBase):
    """Every method raises QueueUnavailable while Redis does not answer."""

    async def ask_workers(
        self, kind: TaskKind, model: str, wish: Mapping[str, Any] | None = None, *, asker: str = ""
    ) -> Task:
        """A new task, or the open one of the same wish. Raises NoWorker."""
        task_id = f"task_{int(time.time() * 1000):013x}{secrets.token_hex(6)}"
        text = json.dumps(wish or {}, sort_keys=True)
        arguments = (task_id, kind, model, text, SCOPES[kind], ms(KEPT_S), asker)
        reply = await self._run("task_add", self._tasks, *arguments)
        if reply[0] == b"nobody":
            raise NoWorker("no worker lives that could do it", retry_after_s=self.worker_ttl_s)
        return await self.task(reply[1].decode())

    async def task(self, task_id: str) -> Task:
        """Raises NotFound; a task is kept for a day."""
        with outages():
            fields = await self.redis.hgetall(self._tasks.task(task_id))
        if not fields:
            raise NotFound(f"there is no task {task_id[:80]!r}", param="id")
        return _task(task_id, {name.decode(): value.decode() for name, value in fields.items()})

    async def tasks(self, limit: int = 50) -> tuple[Task, ...]:
        """The newest first."""
        with outages():
            ids = await self.redis.zrevrange(self._tasks.recent, 0, limit - 1)
        found = []
        for task_id in ids:
            try:
                found.append(await self.task(task_id.decode()))
            except NotFound:
                continue
        return tuple(found)

    async def cancel_task(self, task_id: str) -> Task:
        """Have it stopped, once or again; what came of a fetch is kept. Raises NotFound."""
        task = await self.task(task_id)
        with outages():
            await self.redis.hset(self._tasks.task(task_id), "cancel", "1")
        return task if task.state not in ("queued", "running") else await self.task(task_id)

    async def beat(self, worker: str, place: str) -> None:
        """Say that a worker lives, and where its models lie."""
        await self._run("task_beat", self._tasks, worker, place, ms(BEAT_S))

    async def leave(self, worker: str) -> None:
        """It lives no more."""
        with outages():
            await self.redis.zrem(self._tasks.workers, worker)

    async def take_task(self, worker: str, place: str) -> TaskClaim | None:
        """The next part for this worker, under a lease of LEASE_S."""
        lost = json.dumps(_LOST.to_dict())
        row = await self._run("task_take", self._tasks, worker, place, ms(LEASE_S), lost)
        if row is None:
            return None
        task_id, part, token, kind, model, wish = row
        return TaskClaim(
            task_id.decode(), part.decode(), token, kind.decode(), model.decode(), json.loads(wish)
        )

    async def report_task(self, claim: TaskClaim, progress: Mapping[str, Any]) -> Standing:
        """Renew the lease and say how far it is; whether to stop."""
        mine = (claim.task_id, claim.part, claim.token)
        reply = await self._run("task_report", self._tasks, *mine, ms(LEASE_S), json.dumps(progress))
        answer: Standing = reply.decode()
        return answer

    async def end_task(
        self, claim: TaskClaim, state: TaskState, error: Mapping[str, Any] | None = None
    ) -> None:
        """It is over. A part that another worker has by now is left alone."""
        text = json.dumps(error) if error else ""
        await self._run("task_end", self._tasks, claim.task_id, claim.part, claim.token, state, text)

    @property
    def _tasks(self) -> Keys:
        return Keys("tasks", self.prefix)


def _task(task_id: str, fields: Mapping[str, str]) -> Task:
    def part(name: str) -> Part:
        def field(of: str) -> str | None:
            return fields.get(f"{name}|{of}")

        return Part(
            name=name,
            state=field("state") or "queued",  # type: ignore[arg-type]
            worker=field("worker"),
            progress=json.loads(field("progress") or "{}"),
            error=json.loads(field("error") or "null"),
            ended_at=seconds(field("ended")),
        )

    return Task(
        id=task_id,
        kind=fields["kind"],  # type: ignore[arg-type]
        model=fields["model"],
        wish=json.loads(fields["wish"]),
        created_at=int(fields["created"]) / 1000,
        cancel_requested="cancel" in fields,
        parts=tuple(part(name) for name in fields["parts"].split()),
    )
