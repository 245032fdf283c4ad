"""The worker as a child process: started again when it dies, drained when told."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import Process

from muscgen import telemetry
from muscgen.cli.words import BAD_SETTINGS
from muscgen.errors import ConfigurationError
from muscgen.settings import PREFIX, Settings

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STABLE_S = 60.0  # a worker that lived so long starts again at once
_NOT_ITS_BUSINESS = {"api_keys", "link_keys", "redis_url", "webhook_secrets"}
STOP_MARGIN_S = 30.0  # beyond the grace, for handing back and for a step that runs


class WorkerChild:
    """`keep` runs the worker until `drain`; `drain` again hurries it."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self._settings = settings
        self._environment = _environment(settings, redis_url)
        self._process: Process | None = None
        self._draining = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.pid if self._process else None

    async def keep(self) -> None:
        """Start it, and again with growing pauses whenever it dies; returns when drained.

        Raises ConfigurationError when the first to start says that it never will.
        """
        pause_s, first = FIRST_PAUSE_S, True
        while not self._draining.is_set():
            started = time.monotonic()
            code = await self._run()
            if self._draining.is_set():
                return
            if first and code == BAD_SETTINGS:
                raise ConfigurationError("the worker cannot start with these settings; it says why above")
            first = False
            pause_s = FIRST_PAUSE_S if time.monotonic() - started > STABLE_S else pause_s
            telemetry.warning("worker.died", code=code, again_in_s=pause_s)
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def drain(self) -> None:
        """SIGTERM: finish what runs; the second one hands it back."""
        self._draining.set()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    async def _run(self) -> int:
        # Its own session: Ctrl-C reaches every process of a terminal's group, and the drain is ours to order.
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "muscgen", "worker", "--parent", str(os.getpid())),
            env=self._environment,
            start_new_session=True,
        )
        if self._draining.is_set():
            process.terminate()
        try:
            return await self._ended(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._process = None

    async def _ended(self, process: Process) -> int:
        """Its exit code. Once draining it has the grace and a margin, and is killed after that by `_run`."""
        ended = asyncio.create_task(process.wait())
        draining = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait({ended, draining}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({ended}, timeout=self._settings.drain_s + STOP_MARGIN_S)
            return ended.result() if ended.done() else -1
        finally:
            ended.cancel()
            draining.cancel()
            await asyncio.gather(ended, draining, return_exceptions=True)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._draining.wait()
        except TimeoutError:
            return


def _environment(settings: Settings, redis_url: str) -> dict[str, str]:
    """The parent's settings, as the child reads them; not as arguments, since the URL may hold a password.

    API keys and what webhooks and addresses are signed with stay with the API.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    chosen = settings.model_dump(exclude_none=True, exclude=_NOT_ITS_BUSINESS)
    ours = {PREFIX + name.upper(): _written(value) for name, value in chosen.items()}
    return kept | ours | {f"{PREFIX}REDIS_URL": redis_url}


def _written(value: object) -> str:
    """As `settings.load` reads it from the environment."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
