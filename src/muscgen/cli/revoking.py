"""What `muscgen data revoke` looks up, and what it writes down."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from muscgen.audit import Audit
from muscgen.data.revoking import Beside, Revoked
from muscgen.settings import Settings

_ID = re.compile(r"consent_[0-9a-f]{32}")
_NAMED = 20  # models in a line; a digest tells of all tracks


def beside(settings: Settings, consent: str) -> Beside:
    """What the record says, where the consent is the id of one. Raises ConsentNotFound, QueueUnavailable."""
    if _ID.fullmatch(consent) is None:
        return Beside()
    from muscgen.cli.consents import with_consents

    record = with_consents(settings, lambda consents: consents.get(consent)).record
    return Beside(record.reference or "", frozenset(record.scope.inputs or ()))


def noted(audit: Audit, who: str, name: str, folder: Path, found: Revoked) -> None:
    """A line of the audit log; nothing for what had been taken back before. Raises AuditUnavailable."""
    if found.again:
        return
    audit.note(
        "revoke",
        who,
        data=str(folder),
        name=name,
        tracks=len(found.tracks),
        tracks_sha256=hashlib.sha256("\n".join(found.tracks).encode()).hexdigest(),
        manifests=list(found.manifests[:_NAMED]),
        models=[model.model for model in found.models[:_NAMED]],
    )
