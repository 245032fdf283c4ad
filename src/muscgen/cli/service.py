"""The whole service in one place: API here, worker in a child, queue embedded or elsewhere."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket

import typer
import uvicorn

from muscgen import __version__, telemetry
from muscgen.admission.sharing import keep_writing_owed
from muscgen.api import create_app
from muscgen.audit import audit_of
from muscgen.cli.assistants import assisted
from muscgen.cli.child import WorkerChild
from muscgen.cli.listen import Server, url_of
from muscgen.cli.queue_server import take_over
from muscgen.cli.telling import deliver, signing
from muscgen.errors import ConfigurationError, QueueUnavailable
from muscgen.jobs import EmbeddedServer, Queue
from muscgen.models.registry import Registry
from muscgen.settings import Settings
from muscgen.worker.main import check_store, open_files, open_queue, patiently_check

START_POLL_S = 0.02
SWEEP_S = 2.0  # workers sweep too, but deadlines pass without any
HANG_UP_S = 3.0  # for handlers to notice that their clients are gone


class Service:
    """`run` serves until SIGTERM or SIGINT: no more connections, then the drain; a second one hurries."""

    def __init__(
        self,
        settings: Settings,
        redis_url: str,
        embedded: EmbeddedServer | None,
        *,
        worker: bool,
        webhooks: bool = True,
    ) -> None:
        self._settings = settings
        self._url = redis_url
        self._embedded = embedded
        self._child = WorkerChild(settings, redis_url) if worker else None
        self._webhooks = webhooks
        self._stopping = asyncio.Event()

    async def run(self, place: socket.socket) -> None:
        """Raises ConfigurationError, QueueUnavailable, AuditUnavailable; ModelNotFound for the default.

        ConfigurationError too for a worker that can never start.
        """
        queue = open_queue(self._settings, self._url)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        watching = [asyncio.create_task(_sweep(queue, min(SWEEP_S, self._settings.lease_s / 3)))]
        try:
            await patiently_check(queue)
            if self._embedded is not None:
                watching.append(asyncio.create_task(take_over(self._embedded, queue)))
            store = open_files(self._settings, self._url)
            await check_store(store)
            registry = Registry(self._settings.models_path, self._settings.models)
            registry.get(self._settings.default_model)
            audit_of(self._settings, check=True)
            app = create_app(self._settings, queue=queue, store=store, registry=registry)
            watching.append(asyncio.create_task(keep_writing_owed(app.state.house.audit, queue)))
            if self._webhooks:
                telling = deliver(self._settings, app.state.house, signing(self._settings))
                watching.append(asyncio.create_task(telling))
            config = uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, lifespan="on"
            )
            async with assisted(app, self._settings):
                gc.collect()
                gc.freeze()  # what is there now stays: full collections, 70 ms each, need not look at it
                await self._serve(Server(config), place)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await queue.close()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _serve(self, server: Server, place: socket.socket) -> None:
        serving = asyncio.create_task(server.serve(sockets=[place]))
        keeping = asyncio.create_task(self._child.keep()) if self._child else None
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await _started(server, serving)
            _greet(url_of(place))
            watched = {serving, stopping} | ({keeping} if keeping else set())
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            server.should_exit = True  # closes the door; streams of running jobs go on until they end
            if self._child is not None and keeping is not None:
                if not self._stopping.is_set():
                    self._child.drain()
                await asyncio.wait({keeping})
            await _closed(server, serving)
        if keeping is not None:
            keeping.result()
        telemetry.event("service.stopped")

    def _stop(self) -> None:
        self._stopping.set()
        if self._child is not None:
            self._child.drain()


async def _sweep(queue: Queue, every_s: float) -> None:
    # More often than leases end: a longer silence is taken for an outage, which prolongs them.
    while True:
        await asyncio.sleep(every_s)
        try:
            await queue.sweep()
        except QueueUnavailable:
            telemetry.warning("queue.away")


async def _started(server: Server, serving: asyncio.Task[None]) -> None:
    while not server.started:
        if serving.done():
            serving.result()
            raise ConfigurationError("the API did not start; the reason is in the log above")
        await asyncio.sleep(START_POLL_S)


async def _closed(server: Server, serving: asyncio.Task[None]) -> None:
    server.hang_up()
    await asyncio.wait({serving}, timeout=HANG_UP_S)
    server.force_exit = True
    await serving


def _greet(url: str) -> None:
    typer.echo(f"muscgen {__version__} is listening on {url}")
    typer.echo(f"  docs  {url}/docs")
    typer.echo(
        f"  try   curl -s {url}/generate -H 'Prefer: wait=60' -H 'Content-Type: application/json' "
        """-d '{"prompt": "lofi hip hop, mellow electric piano", "duration": 8}'"""
    )
