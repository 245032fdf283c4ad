"""What the audit log says of a song: the same line whichever way it came to somebody.

made         by the worker, or the command line, with its files, before anybody gets them
hit          by the API: the kept song of an equal job, with its files
coalesced    by the API: whatever the job that is named comes to, which has a line of its own
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from muscgen.audit import Audit
from muscgen.request import SongRequest
from muscgen.rights.consent import clip_in

How = Literal["made", "hit", "coalesced"]


def note_song(
    audit: Audit,
    who: str,
    request: SongRequest,
    *,
    how: How,
    model: str,
    revision: str,
    artifacts: Sequence[str],
    job: str | None = None,
    made_by: str | None = None,
    attempt: int | None = None,
    begun_at: float | None = None,
) -> None:
    """Write down that somebody gets a song. made_by: the job that makes or made it, if that is another.

    attempt: the worker's; where a job has more than one line, the last attempt's files were handed out.
    begun_at: since when others may write this line too, in Unix seconds; it is written once.

    Blocks for the disk. Raises AuditUnavailable.
    """
    consent, clip = request.rights.input_audio_consent, clip_in(request)
    audit.note(
        "generate",
        who,
        begun_at=begun_at,
        how=how,
        job=job,
        made_by=made_by,
        attempt=attempt,
        model=model,
        revision=revision,
        request_sha256=hashlib.sha256(request.to_json().encode()).hexdigest(),
        artifacts=list(artifacts),
        input=clip.artifact_id if clip else None,
        consent=consent.id if consent else None,
        consent_sha256=consent.sha256 if consent else None,
    )
