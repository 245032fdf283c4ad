"""A client whose users travel together, so that simulating a thousand workers costs less than they do."""

from __future__ import annotations

import asyncio
from typing import Any

from muscgen.jobs.patience import Impatient

TOGETHER = 200  # commands in one go


class Batched(Impatient):
    """What is asked for while an answer is awaited goes with the next pipeline, each a command still."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  redis-py's own
        super().__init__(**options)
        self.sent = 0
        self._waiting: list[tuple[tuple[Any, ...], dict[str, Any], asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """The answer; raises what the server answers with."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((args, options, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            pipe = self.pipeline(transaction=False)
            for args, options, _ in batch:
                pipe.execute_command(*args, **options)
            try:
                found = await pipe.execute(raise_on_error=False)
            except Exception as error:  # noqa: BLE001  whatever it is, all of them met it
                found = [error] * len(batch)
            self.sent += len(batch)
            for (_, _, answer), value in zip(batch, found, strict=True):
                if answer.done():
                    continue
                if isinstance(value, Exception):
                    answer.set_exception(value)
                else:
                    answer.set_result(value)
