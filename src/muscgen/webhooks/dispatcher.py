"""Empties the outbox: many calls at once, those of one job one after the other."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from muscgen import telemetry
from muscgen.errors import QueueUnavailable
from muscgen.jobs import Call, Job, Outcome, Queue
from muscgen.webhooks.schedule import PAUSES_S, pause_s
from muscgen.webhooks.sender import Answer, Sender

AT_ONCE = 256
AT_ONCE_A_HOST = 64  # so that one slow receiver does not hold all
A_LOOK = 64
LOOK_S = 0.25
LEASE_S = 30.0  # a call takes at most 15
BUSY_S = 1.0  # at least, until a host that has its share is tried again
AWAY_S = 1.0
GRACE_S = 2.0  # for calls under way when the process ends; their leases bring the others back

View = Callable[[Job], dict[str, Any]]  # the job as its webhook's form has it


class Dispatcher:
    """`run` until cancelled. Any number of them, anywhere, share the work."""

    def __init__(
        self,
        queue: Queue,
        sender: Sender,
        view: View,
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        lease_s: float = LEASE_S,
        look_s: float = LOOK_S,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._view = view
        self._pauses_s = pauses_s
        self._lease_s = lease_s
        self._look_s = look_s
        self._draw = draw
        self._calls: set[asyncio.Task[None]] = set()
        self._hosts: Counter[str] = Counter()

    async def run(self) -> None:
        """Tell what is due, as it becomes due; sits out outages of the queue."""
        try:
            while True:
                try:
                    taken = await self._take()
                except Exception as error:  # noqa: BLE001 - outages above all; whatever it is, calls go on after it
                    telemetry.warning("webhook.queue_away", kind=type(error).__name__)
                    await asyncio.sleep(AWAY_S)
                    continue
                if not taken:
                    await self._pause()
        finally:
            await self._end()

    async def _take(self) -> bool:
        """Whether a call was begun: there may be more to begin at once."""
        room = min(A_LOOK, AT_ONCE - len(self._calls))
        calls = await self._queue.take_calls(self._lease_s, room) if room else []
        begun = 0
        for call in calls:
            host = _host(call)
            if self._hosts[host] >= AT_ONCE_A_HOST:
                await self._queue.settle_call(call, Outcome.LATER, pause_s=BUSY_S * (1 + self._draw()))
            else:
                self._begin(call, host)
                begun += 1
        return bool(begun)

    def _begin(self, call: Call, host: str) -> None:
        task = asyncio.create_task(self._tell(call))
        self._hosts[host] += 1
        self._calls.add(task)
        task.add_done_callback(partial(self._ended, host))

    def _ended(self, host: str, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        if not task.cancelled() and (error := task.exception()) is not None:
            telemetry.warning("webhook.broke", kind=type(error).__name__)  # the lease brings it back

    async def _pause(self) -> None:
        """Until it is time to look again; where there is no room, until there is."""
        if len(self._calls) < AT_ONCE_A_HOST:
            await asyncio.sleep(self._look_s)
        else:
            await asyncio.wait(self._calls, timeout=self._look_s, return_when=asyncio.FIRST_COMPLETED)

    async def _end(self) -> None:
        if not self._calls:
            return
        _, late = await asyncio.wait(self._calls, timeout=GRACE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _tell(self, call: Call) -> None:
        try:
            webhook = call.job.request.delivery.webhook
            answer = await self._answer(call, webhook.url) if webhook else Answer("no webhook", gone=True)
            await self._settle(call, answer)
        except QueueUnavailable:
            telemetry.warning("queue.away")  # the lease brings it back

    async def _answer(self, call: Call, url: str) -> Answer:
        try:
            body = payload(call, self._view)
            return await self._sender.send(url, call.message_id, body, tenant=call.job.tenant)
        except Exception as error:  # noqa: BLE001 - one job's record does not end the calls of all others
            return Answer(f"not sent: {type(error).__name__}")

    async def _settle(self, call: Call, answer: Answer) -> None:
        outcome, pause = Outcome.TOLD, None
        if answer.gone:
            outcome = Outcome.GONE
        elif answer.reason:
            pause = pause_s(call.tries + 1, self._pauses_s, self._draw, answer.retry_after_s)
            outcome = Outcome.DEAD if pause is None else Outcome.RETRY
        if not await self._queue.settle_call(call, outcome, pause_s=pause or 0.0, reason=answer.reason):
            telemetry.warning("webhook.lease_lost", job=call.job.id)
            return
        _note(call, outcome, answer.reason, pause)


def _host(call: Call) -> str:
    """With the port, as the client wrote it."""
    webhook = call.job.request.delivery.webhook
    return urlsplit(webhook.url).netloc.lower() if webhook else ""


def payload(call: Call, view: View) -> bytes:
    """The body: what happened, when, and the job; or a prediction, which is alone."""
    webhook = call.job.request.delivery.webhook
    if webhook is not None and webhook.form == "prediction":
        return _json(view(call.job))
    told = {
        "type": f"job.{call.kind}",
        "timestamp": datetime.fromtimestamp(call.told_at, UTC).isoformat().replace("+00:00", "Z"),
        "data": view(call.job),
    }
    return _json(told)


def _json(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def _note(call: Call, outcome: Outcome, reason: str, pause: float | None) -> None:
    telemetry.WEBHOOK_CALLS.labels(outcome.value).inc()
    if outcome is not Outcome.TOLD:
        again_in_s = None if pause is None else round(pause, 1)
        telemetry.warning(
            "webhook.failed",
            job=call.job.id,
            kind=call.kind,
            outcome=outcome.value,
            tries=call.tries + 1,
            why=reason,
            again_in_s=again_in_s,
        )
