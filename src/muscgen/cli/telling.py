"""Webhooks as a process has them: secrets, the way out, and jobs as the API shows them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from muscgen.api.compat.predictions import prediction
from muscgen.api.documents import describe
from muscgen.api.house import House
from muscgen.jobs import Job
from muscgen.settings import Settings
from muscgen.webhooks import CheckedTransport, Dispatcher, Secrets, Sender, secrets_of


def signing(settings: Settings) -> Secrets:
    """Raises ConfigurationError."""
    return secrets_of(settings.webhook_secrets, settings.webhook_path)


async def deliver(settings: Settings, house: House, secrets: Secrets) -> None:
    """Call webhooks until cancelled."""

    def view(job: Job) -> dict[str, Any]:
        webhook = job.request.delivery.webhook
        site = ((webhook.site if webhook else None) or "").rstrip("/")
        if webhook is not None and webhook.form == "prediction":
            return prediction(job, house, site)
        return describe(job, house, site).model_dump(mode="json", by_alias=True)

    transport = CheckedTransport(allow_private=settings.webhook_allow_private)
    async with Sender(secrets, transport) as sender:
        await Dispatcher(house.queue, sender, view).run()


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run the work until it ends, or until SIGTERM or SIGINT cancels it: a normal ending."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
