"""What a worker owes to others: that a consent still stands, and that what was made is written down.

A job waits, and a consent may be revoked meanwhile, or end. What is being made when it is revoked stops
within two seconds; what is made is handed out only if it still stands then, and is written down before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from muscgen import telemetry
from muscgen.audit import Audit, audit_of
from muscgen.errors import ConsentNotFound, ConsentRefused, QueueUnavailable
from muscgen.jobs import Claim, Queue
from muscgen.jobs.consents import Consents, Held
from muscgen.request import Use
from muscgen.rights.consent import PARAM, check_covers, check_origin, check_standing, clip_in, purpose_of
from muscgen.rights.notes import note_song
from muscgen.settings import Settings

ASK_S = 1.0  # so that what is taken back stops within two seconds, on a busy machine too


class Leave:
    """Whether a job may go on. Without a consent it always may: it brings no sound of others."""

    def __init__(self, claim: Claim, queue: Queue, deployment_use: Use) -> None:
        consent = claim.request.rights.input_audio_consent
        self._id = None if consent is None else consent.id
        self._claim, self._use = claim, deployment_use
        self._consents = Consents(queue.redis, queue.prefix, queue.surety)

    async def ask(self) -> None:
        """Before the song is begun. Raises ConsentRefused, ConsentRevoked, QueueUnavailable."""
        if self._id is not None:
            purpose = purpose_of(self._claim.request, self._use, time.time(), inherited=True)
            check_covers(await self._held(self._id), purpose)
            await self._ask_origin()

    async def watch(self, refuse: Callable[[Exception], None]) -> None:
        """While the song is made: until cancelled, or told `refuse` that the consent was revoked."""
        while self._id is not None:
            await asyncio.sleep(ASK_S)
            try:
                check_standing(await self._held(self._id))
                await self._ask_origin()
            except QueueUnavailable:
                telemetry.warning("consent.not_asked", job=self._claim.job_id)
            except ConsentRefused as error:
                refuse(error)
                return

    async def keep(self, artifacts: Sequence[str]) -> None:
        """After it: write the files down. Raises ConsentRevoked, ConsentRefused, QueueUnavailable."""
        if self._id is None:
            return
        await self._ask_origin()
        held = await self._consents.use(self._id, self._claim.job_id, artifacts)
        if held is None:
            raise _gone(self._id)
        check_standing(held)

    async def _ask_origin(self) -> None:
        """The sound may be a song itself, made with a consent of its own."""
        if (clip := clip_in(self._claim.request)) is not None:
            check_origin(await self._consents.behind(clip.artifact_id))

    async def _held(self, consent_id: str) -> Held:
        try:
            return await self._consents.get(consent_id)
        except ConsentNotFound:
            raise _gone(consent_id) from None


@dataclass(frozen=True, slots=True)
class Duties:
    """The same for all jobs of a worker."""

    audit: Audit
    deployment_use: Use

    def leave(self, claim: Claim, queue: Queue) -> Leave:
        return Leave(claim, queue, self.deployment_use)

    async def note(self, claim: Claim, made_by: Mapping[str, str], artifacts: Sequence[str]) -> None:
        """Write down that files were made, before anybody gets them. Raises AuditUnavailable."""
        await asyncio.to_thread(
            note_song,
            self.audit,
            claim.tenant,
            claim.request,
            how="made",
            job=claim.job_id,
            attempt=claim.attempt,
            model=made_by["id"],
            revision=made_by["revision"],
            artifacts=artifacts,
        )


def duties_of(settings: Settings) -> Duties:
    """Those of the settings' home. Raises AuditUnavailable where nothing can be written down, and must be."""
    return Duties(audit_of(settings, check=True), settings.deployment_use)


def _gone(consent_id: str) -> ConsentRefused:
    return ConsentRefused(f"consent {consent_id} is no longer there", param=PARAM)
