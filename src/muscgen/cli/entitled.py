"""The rights of a song that is made here, without a server: the same consents, the same log."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from muscgen.admission import Desk, Principal, Sound
from muscgen.audit import Audit, audit_of
from muscgen.cli.queue_server import reached
from muscgen.cli.words import person
from muscgen.jobs import connect, surety_of
from muscgen.jobs.consents import Consents
from muscgen.models.card import Card
from muscgen.request import SongRequest
from muscgen.rights.consent import check_standing
from muscgen.rights.notes import note_song
from muscgen.settings import Settings

T = TypeVar("T")
Note = Callable[[bytes], None]  # a file that is about to be written; raises where it may not be


@contextmanager
def entitled(
    request: SongRequest, sound: Sound | None, card: Card, settings: Settings
) -> Iterator[tuple[SongRequest, Note]]:
    """The request with the consent that covers it, and what notes its files before they are written.

    Raises ConsentRefused, ConsentRevoked, InvalidRequest, AuditUnavailable, QueueUnavailable.
    """
    audit = audit_of(settings)
    if sound is None:
        yield request, lambda content: _note(audit, request, card, content)
        return
    with reached(settings) as url:
        name = f"local_{secrets.token_hex(16)}"

        async def begin(consents: Consents) -> SongRequest:
            desk = Desk(consents, audit, settings.deployment_use, settings.sensitive_uses)
            covered = await desk.covered(request, sound, Principal(""))
            async with desk.used(covered, name):
                return covered

        covered = _with(url, settings, begin)

        def note(content: bytes) -> None:
            consent = covered.rights.input_audio_consent
            if consent is not None and (consent_id := consent.id) is not None:
                digest = hashlib.sha256(content).hexdigest()
                held = _with(url, settings, lambda consents: consents.use(consent_id, name, [digest]))
                if held is not None:
                    check_standing(held)
            _note(audit, covered, card, content)

        yield covered, note


def _note(audit: Audit, request: SongRequest, card: Card, content: bytes) -> None:
    file = hashlib.sha256(content).hexdigest()
    note_song(audit, person(), request, how="made", model=card.id, revision=card.revision, artifacts=[file])


def _with(url: str, settings: Settings, work: Callable[[Consents], Awaitable[T]]) -> T:
    async def run() -> T:
        client = connect(url)
        try:
            return await work(Consents(client, surety=surety_of(settings)))
        finally:
            await client.aclose()

    return asyncio.run(run())
