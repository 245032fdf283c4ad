"""Whose a kept file is. Nobody sees, or builds on, what is another's: that file is not found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import islice

from muscgen.admission.conditioning import ROLES, Sound, clip_of
from muscgen.admission.links import Link
from muscgen.admission.principals import Principal
from muscgen.artifacts import Artifact, Record, Store, is_upload, is_upload_of, upload_expires_at, uploader
from muscgen.artifacts.store import not_found
from muscgen.errors import ArtifactNotFound, InvalidRequest, JobExpired, JobNotFound, QueueUnavailable
from muscgen.jobs.job import Job
from muscgen.jobs.keys import new_job_id
from muscgen.jobs.queue import Queue
from muscgen.request import GenerateRequest, Mode, SongRequest

MOST_JOBS = 200  # looked at for one file, which may be the melody of thousands


async def find(artifact_id: str, principal: Principal, store: Store, queue: Queue) -> Artifact:
    """The artifact, if it is the principal's to see: by an upload that lives, or by a job.

    Raises ArtifactNotFound, QueueUnavailable.
    """
    record = await asyncio.to_thread(store.look, artifact_id)
    if await _is_seen(record, principal, queue):
        return record.artifact
    raise not_found(artifact_id)


async def find_linked(link: Link, store: Store, queue: Queue) -> Artifact:
    """The artifact of a signed address, while that tenant sees it whose right it is. Raises as `find`."""
    record = await asyncio.to_thread(store.look, link.artifact_id)
    for tenant in await _tenants(record.owners, queue):
        if link.is_of(tenant) and await _is_seen(record, Principal(tenant), queue):
            return record.artifact
    raise not_found(link.artifact_id)


async def sound_of(wish: GenerateRequest, principal: Principal, store: Store, queue: Queue) -> Sound | None:
    """What the wish's clip is cut from; None where its mode listens to nothing.

    Raises InvalidRequest naming the clip, QueueUnavailable.
    """
    clip = clip_of(wish)
    if clip is None:
        return None
    with _named(wish.mode):
        artifact = await find(clip.artifact_id, principal, store, queue)
        if wish.rights.input_audio_consent is not None:  # then it does not matter whose song it is
            return Sound(artifact.duration_s, ours=False)
        owners = await asyncio.to_thread(store.owners, artifact.id)
    jobs = await _jobs(owners, principal, queue)
    return Sound(artifact.duration_s, ours=any(_made(job, artifact.id) for job in jobs))


@asynccontextmanager
async def shared(request: SongRequest, store: Store) -> AsyncIterator[str | None]:
    """An id for the job, which owns what it listens to from here on; None where it listens to nothing.

    What is raised inside ends the ownership, but for QueueUnavailable, after which the job may be there. The
    sweep of the store ends that of an id that never became a job.
    """
    clips = [clip for clip in (request.conditioning.melody, request.conditioning.prompt_audio) if clip]
    if not clips:
        yield None
        return
    job_id, until = new_job_id(request.model), time.time() + request.delivery.ttl_s
    with _named(request.mode):
        for clip in clips:
            await asyncio.to_thread(store.share, clip.artifact_id, job_id, until)
    try:
        yield job_id
    except QueueUnavailable:
        raise
    except BaseException:
        for clip in clips:
            await asyncio.to_thread(store.release, clip.artifact_id, job_id)
        raise


@contextmanager
def _named(mode: Mode) -> Iterator[None]:
    """A file that is not there as a fault of the field that names it."""
    try:
        yield
    except ArtifactNotFound as error:
        raise InvalidRequest(
            error.detail,
            param=f"conditioning.{ROLES[mode]}.artifact_id",
            suggestion="the id of an upload (POST /artifacts) or of an earlier song",
        ) from None


async def _is_seen(record: Record, principal: Principal, queue: Queue) -> bool:
    owners = record.owners
    if _uploaded(owners, principal) or await _jobs(owners, principal, queue):
        return True
    if await _held(owners, principal, queue):
        return True
    # Any tenant's song, on a laptop.
    return not principal.id and not all(map(is_upload, owners)) and _lives(record.artifact)


async def _tenants(owners: Iterable[str], queue: Queue) -> set[str]:
    """Whose the artifact may be; anybody's, as on a service without keys, always among them."""
    tenants = {""} | {uploader(owner) for owner in owners if is_upload(owner)}
    for owner in islice((owner for owner in owners if not is_upload(owner)), MOST_JOBS):
        with suppress(JobNotFound, JobExpired):
            tenants.add((await queue.get(owner)).tenant)
        if (holder := await queue.holder(owner)) is not None:
            tenants.add(holder)
    return tenants


def _uploaded(owners: Iterable[str], principal: Principal) -> bool:
    now = time.time()
    return any(is_upload_of(owner, principal.id) and upload_expires_at(owner) > now for owner in owners)


async def _jobs(owners: Iterable[str], principal: Principal, queue: Queue) -> list[Job]:
    """The principal's own among the owners."""
    jobs = []
    for owner in islice((owner for owner in owners if not is_upload(owner)), MOST_JOBS):
        try:
            job = await queue.get(owner)
        except (JobNotFound, JobExpired):
            continue
        if job.tenant == principal.id:
            jobs.append(job)
    return jobs


def _lives(artifact: Artifact) -> bool:
    return artifact.expires_at is None or artifact.expires_at > time.time()


async def _held(owners: Iterable[str], principal: Principal, queue: Queue) -> bool:
    """Whether another job of the principal's got what an owner made."""
    for owner in islice((owner for owner in owners if not is_upload(owner)), MOST_JOBS):
        if await queue.holder(owner) == principal.id:
            return True
    return False


def _made(job: Job, artifact_id: str) -> bool:
    """Whether the job made it; a job that listens to a file owns it too."""
    return any(output["artifact"]["id"] == artifact_id for output in (job.result or {}).get("outputs", ()))
