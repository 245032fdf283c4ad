"""Where a song comes from, as its credentials and its receipt tell it: in hashes, not in people's words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from muscgen.request import SongRequest
from muscgen.request.parts import Consent

Role = Literal["melody", "prompt_audio"]


@dataclass(frozen=True, slots=True)
class Input:
    """Sound that a song was made from.

    sha256: of the file. consent: by what right; None for an earlier song of the same service. ingredient: the
    file as c2pa's archive, where credentials are to name it.
    """

    role: Role
    sha256: str
    start_s: float
    end_s: float | None
    consent: Consent | None
    ingredient: bytes = b""

    def to_dict(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "sha256": self.sha256,
            "start": self.start_s,
            "end": self.end_s,
            "consent": None if self.consent is None else consent_in_hashes(self.consent),
        }


@dataclass(frozen=True, slots=True)
class Origin:
    """What credentials say. payload: the watermark's, in hex, by that method; None without a watermark."""

    title: str
    model: str
    revision: str
    payload: str | None = None
    inputs: tuple[Input, ...] = ()
    by: str = "muscgen-1"

    @property
    def source_type(self) -> str:
        """IPTC's word for how it came to be: composite where sound from outside went into it."""
        outside = any(part.consent is not None for part in self.inputs)
        return "compositeWithTrainedAlgorithmicMedia" if outside else "trainedAlgorithmicMedia"


def inputs_of(request: SongRequest) -> tuple[Input, ...]:
    """What a request listens to."""
    asked, consent = request.conditioning, request.rights.input_audio_consent
    roles: tuple[Role, ...] = ("melody", "prompt_audio")
    clips = ((role, getattr(asked, role)) for role in roles)
    return tuple(
        Input(role, clip.artifact_id, clip.start_s, clip.end_s, consent) for role, clip in clips if clip
    )


def consent_in_hashes(consent: Consent) -> dict[str, Any]:
    """The basis, the record's id and hash, and the hash of the reference, which may name people."""
    said = consent.model_dump(exclude_none=True)
    if (reference := said.pop("reference", None)) is not None:
        said["reference_sha256"] = text_digest(reference)
    return said


def text_digest(text: str) -> str:
    """SHA-256 of the text in UTF-8, hex."""
    return hashlib.sha256(text.encode()).hexdigest()
