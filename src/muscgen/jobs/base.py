"""What all sides of the queue share: the client, the rules, and how a reply is read."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from muscgen.errors import InternalError, JobExpired, JobNotFound
from muscgen.jobs.connect import Client, outages
from muscgen.jobs.job import Job
from muscgen.jobs.keys import PREFIX, Keys, models_key, tag, tag_of
from muscgen.jobs.scripts import Argument, Reply, run
from muscgen.jobs.surely import NOTHING, TOLD, Surety, run_surely
from muscgen.jobs.tail import Tail

WEEK_S = 7 * 86_400


class QueueBase:
    """See `Queue`."""

    def __init__(
        self,
        client: Client,
        *,
        lease_s: float = 30.0,
        max_attempts: int = 3,
        max_depth: int = 1_000,
        require_worker: bool = False,
        ageing_s: float = 600.0,
        backoff_cap_s: float = 60.0,
        worker_ttl_s: float = 20.0,
        tombstone_s: float = WEEK_S,
        cache_s: float = 86_400.0,
        cache_bytes: int = 2_000_000_000,
        surety: Surety = NOTHING,
        prefix: str = PREFIX,
    ) -> None:
        self.redis: Reply = client
        self.lease_s = lease_s
        self.max_attempts = max_attempts
        self.max_depth = max_depth
        self.require_worker = require_worker
        self.ageing_s = ageing_s
        self.backoff_cap_s = backoff_cap_s
        self.worker_ttl_s = worker_ttl_s
        self.tombstone_s = tombstone_s
        self.cache_s = cache_s
        self.cache_bytes = cache_bytes
        self.surety = surety
        self.prefix = prefix
        self._noted_at: dict[str, float] = {}  # models, on the monotonic clock
        self._tails: dict[str, Tail] = {}  # of the jobs that somebody follows here

    def _keys(self, model: str) -> Keys:
        return Keys(tag(model), self.prefix)

    def _keys_of(self, job_id: str) -> Keys:
        return Keys(tag_of(job_id), self.prefix)

    async def _run(self, script: str, keys: Keys, *arguments: Argument) -> Reply:
        if self.surety and script in TOLD:
            return await run_surely(self.redis, script, keys.queue, arguments, self.surety)
        return await run(self.redis, script, keys.queue, arguments)

    async def _models(self) -> dict[str, str]:
        """Tag -> model id."""
        with outages():
            known: dict[bytes, bytes] = await self.redis.hgetall(models_key(self.prefix))
        return {key.decode(): model.decode() for key, model in known.items()}


def ms(seconds: float) -> int:
    return round(seconds * 1000)


def fields_of(flat: Sequence[Reply]) -> dict[str, str]:
    """A hash as a script answers it: names and values by turns."""
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


def job_from(job_id: str, reply: Sequence[Reply]) -> Job:
    """The job in a `snapshot` of a script.

    Raises JobExpired or JobNotFound where there is none, InternalError where another version wrote it.
    """
    status = reply[0]
    if status == b"gone":
        raise JobExpired(f"job {job_id} has expired and its record is gone")
    if status == b"missing":
        raise JobNotFound(f"there is no job {job_id}")
    _, flat, position, depth = reply
    try:
        return Job.read(job_id, fields_of(flat), None if position < 0 else position, depth)
    except ValidationError:
        raise InternalError(f"the request of job {job_id} cannot be read by this version") from None
