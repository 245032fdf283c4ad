"""Consents as records: asked for by themselves, or told in a request."""

from __future__ import annotations

import hashlib
import json
import secrets
import time

from muscgen.audit import Audit
from muscgen.errors import InvalidRequest
from muscgen.jobs.consents import now
from muscgen.request import Consent, ConsentRecord, ConsentWish, Scope, Statement


def record_of(wish: ConsentWish, tenant: str, statement: Statement | None) -> ConsentRecord:
    """A record of its own for what was asked for. Raises InvalidRequest for a time that is over."""
    if wish.scope.until is not None and wish.scope.until.timestamp() <= time.time():
        raise InvalidRequest("the consent would be over already", param="scope.until")
    return ConsentRecord(
        id=f"consent_{secrets.token_hex(16)}",
        tenant=tenant,
        inline=False,
        basis=wish.basis,
        reference=wish.reference,
        scope=wish.scope,
        statement=statement,
        created_at=now(),
    )


def told_record(told: Consent, artifact_id: str, tenant: str) -> ConsentRecord:
    """The record of what was told in a request, for one sound: the same words have the same id."""
    if told.basis is None:
        raise ValueError("a consent without an id has a basis")
    parts = [tenant, told.basis, told.reference, artifact_id]
    return ConsentRecord(
        id=f"consent_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}",
        tenant=tenant,
        inline=True,
        basis=told.basis,
        reference=told.reference,
        scope=Scope(inputs=(artifact_id,)),
        statement=None,
        created_at=now(),
    )


def note_consent(audit: Audit, record: ConsentRecord) -> None:
    """Write down that somebody consented. Raises AuditUnavailable."""
    audit.note(
        "consent",
        record.tenant,
        consent=record.id,
        sha256=record.sha256,
        basis=record.basis,
        inline=record.inline,
        statement_sha256=record.statement.sha256 if record.statement else None,
    )
