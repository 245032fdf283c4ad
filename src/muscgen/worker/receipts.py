"""What a receipt says of a song that was just made."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from muscgen import __version__
from muscgen.finishing.pipeline import Finished
from muscgen.provenance import receipt
from muscgen.provenance.origin import Input, text_digest
from muscgen.request import SongRequest
from muscgen.worker.loader import Served

VERSION = 1
# Whom to tell and what the client noted for itself is no part of how a song came to be; the sound that was
# brought has a place of its own.
_NO_PART = {"delivery", "metadata", "warnings", "cache", "conditioning"}
_PROMPTS = ("prompt", "negative_prompt")


@dataclass(frozen=True, slots=True)
class Times:
    """When a song was asked for and begun, in Unix seconds."""

    asked: float
    begun: float


def receipt_of(
    request: SongRequest,
    served: Served,
    output: int,
    finished: Finished,
    inputs: tuple[Input, ...],
    times: Times,
) -> bytes | None:
    """The signed receipt of one output; None where the settings want none. Raises Unavailable."""
    papers = served.papers
    if papers.signer is None or not papers.receipts:
        return None
    words = {
        "version": VERSION,
        "artifact": {
            "sha256": hashlib.sha256(finished.content).hexdigest(),
            "audio_sha256": finished.sound_sha256,
            "content_type": finished.content_type,
            "bytes": len(finished.content),
            "duration": round(finished.audio.duration_s, 6),
            "sample_rate": finished.audio.sample_rate,
            "channels": finished.audio.channels,
        },
        "model": served.to_dict(),
        "code": {"name": "muscgen", "version": __version__},
        "request": request_in_hashes(request),
        "output": output,
        "seed": request.seed_of(output),
        "inputs": [part.to_dict() for part in inputs],
        "watermark": finished.watermark,
        "deployment": None if served.marks is None else served.marks.deployment,
        "credentials": finished.place,
        "times": {
            "asked": _time(times.asked),
            "begun": _time(times.begun),
            "made": _time(time.time()),
        },
    }
    return receipt.signed(words, papers.signer)


def request_in_hashes(request: SongRequest) -> dict[str, Any]:
    """The effective request with the SHA-256 of each prompt in its place, and without whose it is."""
    words = request.model_dump(mode="json", by_alias=True, exclude=_NO_PART)
    words["rights"] = {"intended_use": request.rights.intended_use}  # consents stand with the inputs
    sections = words.get("sections")
    return _hashed(words) | {"sections": sections and [_hashed(section) for section in sections]}


def _hashed(words: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: words[name] for name in _PROMPTS if words.get(name) is not None}
    return {**words, **{name: {"sha256": text_digest(text)} for name, text in found.items()}}


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
