"""A dispatcher in a process of its own, to be killed: redis URL, key prefix."""

from __future__ import annotations

import asyncio
import sys

from muscgen.jobs import Queue, connect
from muscgen.webhooks import CheckedTransport, Dispatcher, Sender
from webhooks.receiver import SECRETS


async def main(url: str, prefix: str) -> None:
    async with Sender(SECRETS, CheckedTransport(allow_private=True)) as sender:
        queue = Queue(connect(url), prefix=prefix)
        await Dispatcher(queue, sender, lambda job: {"id": job.id}, lease_s=1.0).run()


asyncio.run(main(*sys.argv[1:]))
