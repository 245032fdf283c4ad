"""The gate. The order of the checks is this file.

Who asks is known before a byte of the body is read (`authenticate`, by the API). Then, cheapest first: the
header's key, the body, the model and its modes, the sound that is brought, the request against the model.
Depth, workers and the idempotency key are the queue's, in one script with the enqueueing, since each may
change in between; so is a deadline that cannot be met.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from muscgen import telemetry
from muscgen.admission.consents import Desk
from muscgen.admission.effective import check_mode, effective, refuse_unreadable
from muscgen.admission.principals import Principal
from muscgen.admission.reading import read
from muscgen.admission.sharing import note_shared, settle
from muscgen.admission.sounds import shared, sound_of
from muscgen.admission.work import still_kept, work_of
from muscgen.artifacts import Store
from muscgen.errors import AuditUnavailable, InvalidRequest, ModelNotFetched, ModelNotFound, UnknownModel
from muscgen.jobs.job import Job
from muscgen.jobs.queue import Queue
from muscgen.models.card import Card, expected
from muscgen.models.registry import Registry
from muscgen.models.terms import shipped
from muscgen.request import GenerateRequest
from muscgen.rights import Rules
from muscgen.webhooks.addresses import check_hook

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A job, and whether this request made it or an earlier one with the same idempotency key."""

    job: Job
    created: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Turns bodies into jobs."""

    queue: Queue
    store: Store
    registry: Registry
    default_model: str
    rules: Rules
    desk: Desk
    private_webhooks: bool = False

    async def admit(
        self,
        body: bytes,
        principal: Principal,
        *,
        idempotency_key: str | None = None,
        stays: bool = True,
    ) -> Admitted:
        """The job for a body. Raises Rejected or Unavailable, and then nothing was enqueued.

        stays: whether the client's connection lasts while the job runs.
        """
        _check_key(idempotency_key)
        wish = read(body)
        _check_connection(wish, stays=stays)
        self._check_webhook(wish)
        card = await self._card(wish)
        models = self.registry.list()
        wish, warnings = self.rules.permit(wish, card, models)
        check_mode(wish, card, models)
        sound = await sound_of(wish, principal, self.store, self.queue)
        request = effective(wish, card, sound=sound, models=models, warnings=warnings)
        refuse_unreadable(request, card)
        request = await self.desk.covered(request, sound, principal)
        work = work_of(request, card, principal)
        await still_kept(request, work, self.store, self.queue)
        async with shared(request, self.store) as job_id, self.desk.used(request, job_id):
            enqueued = await self.queue.enqueue(
                request,
                job_id=job_id,
                idempotency_key=idempotency_key,
                body_hash=_hash(wish),
                tenant=principal.id,
                work=work,
                limits=principal.limits,
                trace=telemetry.here(),
                log=self.desk.audit.name(),
                revision=card.revision,
            )
            if job_id is not None and enqueued.job_id != job_id:
                await self.desk.unused(request, job_id)
        created = enqueued.created or enqueued.job_id == job_id
        if created:
            await self._note(enqueued.job, card)
            telemetry.JOBS_ACCEPTED.labels(card.id).inc()
            telemetry.event("job.accepted", job=enqueued.job_id, model=card.id)
        return Admitted(enqueued.job, created)

    async def _note(self, job: Job, card: Card) -> None:
        """A job whose line cannot be written gets no song. Raises AuditUnavailable."""
        try:
            await note_shared(self.desk.audit, self.queue, job, card.revision)
        except AuditUnavailable:
            await self.desk.unused(job.request, job.id)
            await self.queue.delete(job.id)
            await settle(self.queue, job)
            raise

    def _check_webhook(self, wish: GenerateRequest) -> None:
        if wish.delivery.webhook is not None:
            check_hook(wish.delivery.webhook.url, allow_private=self.private_webhooks)

    async def _card(self, wish: GenerateRequest) -> Card:
        """The model's card; of one that a worker would fetch for this job, the one it will have."""
        model = wish.model or self.default_model
        try:
            return self.registry.get(model)
        except ModelNotFound as error:
            if (terms := shipped().get(model)) is None:
                raise UnknownModel(error.detail, param="model", suggestion=error.suggestion) from None
        self.rules.allow(terms, wish.rights.intended_use, self.registry.list())
        if await self.queue.workers(model):
            return expected(terms)
        raise ModelNotFetched(
            f"{model} is known here, and its weights are not: no worker has them or would fetch them",
            param="model",
            suggestion=f"muscgen models pull {model}, or POST /v1/models/{model}/pull, where the workers are",
        )


def _check_key(key: str | None) -> None:
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest("Idempotency-Key is 1 to 255 visible ASCII characters", param="Idempotency-Key")


def _check_connection(wish: GenerateRequest, *, stays: bool) -> None:
    if wish.delivery.cancel_on_disconnect and not stays:
        raise InvalidRequest(
            "cancel_on_disconnect needs a connection that waits for the job",
            param="delivery.cancel_on_disconnect",
            suggestion="Prefer: wait=N, Accept: text/event-stream or Accept: audio/*",
        )


def _hash(wish: GenerateRequest) -> str:
    """Of the wish, not of the bytes: white space and the order of fields do not make another request."""
    return hashlib.sha256(wish.model_dump_json(by_alias=True).encode()).hexdigest()
