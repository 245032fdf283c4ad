"""The consent that a request goes by: told in it, named by its id, or inherited by an earlier song.

told in the request     becomes a record by itself, for this sound alone: the same words are the same record
named by its id         is looked up; what else is said of it must agree
none                    an earlier song of ours goes by what it was made with
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from muscgen.admission.conditioning import Sound
from muscgen.admission.principals import Principal
from muscgen.admission.records import note_consent, told_record
from muscgen.audit import Audit
from muscgen.errors import ConsentNotFound, ConsentRefused, InvalidRequest, QueueUnavailable
from muscgen.jobs.consents import Consents, Held
from muscgen.request import Consent, Sensitive, SongRequest, Use
from muscgen.rights.consent import (
    PARAM,
    check_covers,
    check_origin,
    check_standing,
    check_taken_on,
    clip_in,
    purpose_of,
)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where consents are shown. sensitive_uses: those that the service takes on."""

    consents: Consents
    audit: Audit
    deployment_use: Use
    sensitive_uses: Sequence[Sensitive]

    async def covered(self, request: SongRequest, sound: Sound | None, principal: Principal) -> SongRequest:
        """The request with the consent that covers it, its id and hash filled in.

        Raises ConsentRefused, ConsentRevoked, and InvalidRequest for an id that nobody has.
        """
        check_taken_on(request.rights.sensitive, self.sensitive_uses)
        clip = clip_in(request)
        if clip is None or sound is None:
            _refuse_idle(request)
            return request
        behind = await self.consents.behind(clip.artifact_id)
        check_origin(behind)
        told = request.rights.input_audio_consent
        if told is None:
            return self._inherited(request, [held for held in behind if held.record.tenant == principal.id])
        held = await self._held(told, clip.artifact_id, principal)
        inherited = held.record.id in {each.record.id for each in behind}
        check_covers(held, purpose_of(request, self.deployment_use, time.time(), inherited=inherited))
        return _with(request, held)

    @asynccontextmanager
    async def used(self, request: SongRequest, job_id: str | None) -> AsyncIterator[None]:
        """Write the job down as made with its consent before it is enqueued. Raises ConsentRevoked.

        What is raised inside strikes it again, but for QueueUnavailable, after which the job may be there.
        """
        consent = request.rights.input_audio_consent
        if job_id is None or consent is None or consent.id is None:
            yield
            return
        held = await self.consents.use(consent.id, job_id)
        if held is None:
            raise _unknown(consent.id)
        check_standing(held)
        try:
            yield
        except QueueUnavailable:
            raise
        except BaseException:
            await self.unused(request, job_id)
            raise

    async def unused(self, request: SongRequest, job_id: str) -> None:
        """Strike the id of a job that is not to be: an earlier one was found."""
        consent = request.rights.input_audio_consent
        if consent is not None and consent.id is not None:
            await self.consents.unuse(consent.id, [job_id])

    async def _held(self, told: Consent, artifact_id: str, principal: Principal) -> Held:
        if told.id is None:
            return await self._told(told, artifact_id, principal)
        try:
            held = await self.consents.get(told.id, principal.id)
        except ConsentNotFound:
            raise _unknown(told.id) from None
        for name in ("basis", "reference", "sha256"):
            said = getattr(told, name)
            if said is not None and said != getattr(held.record, name):
                raise InvalidRequest(
                    f"consent {told.id} has another {name}",
                    param=f"{PARAM}.{name}",
                    suggestion=f"leave out {name}: the id says all of it",
                )
        return held

    async def _told(self, told: Consent, artifact_id: str, principal: Principal) -> Held:
        record = told_record(told, artifact_id, principal.id)
        try:
            await self.consents.get(record.id)
        except ConsentNotFound:
            await asyncio.to_thread(note_consent, self.audit, record)
        return await self.consents.put(record)

    def _inherited(self, request: SongRequest, behind: Sequence[Held]) -> SongRequest:
        """By one of the consents that the song was made with, if it was made with any."""
        purpose = purpose_of(request, self.deployment_use, time.time(), inherited=True)
        refusal: ConsentRefused | None = None
        for held in behind:
            try:
                check_covers(held, purpose)
            except ConsentRefused as error:
                refusal = error
            else:
                return _with(request, held)
        if refusal is not None:
            raise refusal
        return request


def _with(request: SongRequest, held: Held) -> SongRequest:
    record = held.record
    consent = Consent(id=record.id, basis=record.basis, reference=record.reference, sha256=record.sha256)
    rights = request.rights.model_copy(update={"input_audio_consent": consent})
    return request.model_copy(update={"rights": rights})


def _unknown(consent_id: str) -> InvalidRequest:
    return InvalidRequest(
        f"there is no consent {consent_id}",
        param=f"{PARAM}.id",
        suggestion="the id of a record of POST /consents; GET /consents lists yours",
    )


def _refuse_idle(request: SongRequest) -> None:
    if request.rights.sensitive:
        raise InvalidRequest(
            f"mode {request.mode} brings no sound that could be sensitive: it would be ignored",
            param="rights.sensitive",
            suggestion="[]",
        )
