"""What a file is and what is heard in it, before anybody is asked about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from muscgen.audio import Audio
from muscgen.errors import UnreadableAudio
from muscgen.intake import Limits, Probe, listening, probe
from muscgen.provenance.marks import Marks, marks_if_any
from muscgen.provenance.sound import sound_digest
from muscgen.provenance.trust import Trust, others_trust, own_trust
from muscgen.provenance.watermark import Detection
from muscgen.settings import Settings

RATE_HZ = 16_000  # that of the watermark's grid
PIECE_S = 600.0  # 0.4 GB while it is listened to
OVERLAP_S = 20.0  # of two pieces: a mark needs ten seconds
# Looking for what is played faster or slower takes 0.1 s a second of sound and key; whoever changes the speed
# of a file changes all of it.
WARPED_S, WARPED_PLACES = 40.0, 3
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Known:
    """What an installation checks with: its watermark keys, and whom it trusts, itself and others."""

    marks: Marks | None
    own: Trust
    others: Trust


@dataclass(frozen=True, slots=True)
class Heard:
    """A mark, and where it was found, in seconds."""

    detection: Detection
    at_s: float


@dataclass(frozen=True, slots=True)
class Look:
    """A file, without an opinion.

    sound_sha256: None for formats that have no such digest here. sound: None where it cannot be decoded, and
    `why`. marks: the clearest of every PIECE_S, without repetition, the clearest first.
    """

    sha256: str
    bytes: int
    sound_sha256: str | None
    sound: Probe | None
    why: str
    marks: tuple[Heard, ...]

    @property
    def payloads(self) -> list[str]:
        """Of the marks, in hex."""
        return [each.detection.payload.hex() for each in self.marks]


def known_of(settings: Settings) -> Known:
    """Makes no keys. Raises ConfigurationError."""
    return Known(marks_if_any(settings), own_trust(settings), others_trust(settings))


def look(file: BinaryIO, known: Known, limits: Limits = Limits()) -> Look:
    """Blocks for as long as it takes; the file must have a descriptor, and is nowhere whole in memory."""
    digest, size = _digest(file)
    try:
        sound, marks = _listened(file, known.marks, limits)
        why = ""
    except UnreadableAudio as error:
        sound, marks, why = None, (), error.detail
    return Look(digest, size, sound_digest(file), sound, why, marks)


def _listened(file: BinaryIO, keys: Marks | None, limits: Limits) -> tuple[Probe, tuple[Heard, ...]]:
    """What the sound is, and the marks in all of it. Raises UnreadableAudio."""
    if keys is None:
        return probe(file, limits), ()
    best: dict[str, Heard] = {}
    listen = listening(file, rate_hz=RATE_HZ, piece_s=PIECE_S, overlap_s=OVERLAP_S, limits=limits)
    with listen as (sound, pieces):
        for number, piece in enumerate(pieces):
            if (heard := _heard(piece, keys, number * (PIECE_S - OVERLAP_S))) is None:
                continue
            name = heard.detection.payload.hex()
            if name not in best or heard.detection.likeness > best[name].detection.likeness:
                best[name] = heard
    return sound, tuple(sorted(best.values(), key=lambda each: -each.detection.likeness))


def _heard(piece: Audio, keys: Marks, at_s: float) -> Heard | None:
    """The clearest mark of a piece: as it is, else, at a few places, at other speeds and pitches."""
    if (found := keys.heard(piece, warped=False)) is not None:
        return Heard(found, at_s + found.start_s)
    size = round(WARPED_S * RATE_HZ)
    last = max(0, piece.samples.shape[1] - size)
    for start in dict.fromkeys(round(place) for place in np.linspace(0, last, WARPED_PLACES)):
        part = Audio(piece.samples[:, start : start + size], RATE_HZ)
        if (found := keys.heard(part, warped=True)) is not None:
            return Heard(found, at_s + start / RATE_HZ + found.start_s)
    return None


def _digest(file: BinaryIO) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(_BLOCK):
        found.update(block)
        size += len(block)
    return found.hexdigest(), size
