"""What a file is and what is heard in it, before anybody is asked about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from muscgen.audio import Audio
from muscgen.errors import UnreadableAudio
from muscgen.intake import Limits, Probe, listening, probe
from muscgen.provenance.marks import Marks, marks_if_any
from muscgen.provenance.sound import sound_digest
from muscgen.provenance.trust import Trust, others_trust, own_trust
from muscgen.provenance.watermarkers import Heard
from muscgen.settings import Settings

PIECE_S = 600.0  # 0.4 GB while it is listened to
OVERLAP_S = 20.0  # of two pieces: a mark needs ten seconds
# Looking for what is played faster or slower takes 0.1 s a second of sound and key; whoever changes the speed
# of a file changes all of it.
WARPED_S, WARPED_PLACES = 40.0, 3
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Known:
    """What an installation checks with: its watermarks, and whom it trusts, itself and others.

    unheard: why the method that marks its songs is not looked for here.
    """

    marks: Marks | None
    own: Trust
    others: Trust
    unheard: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """A file, without an opinion.

    sound_sha256: None for formats that have no such digest here. sound: None where it cannot be decoded, and
    `why`. marks: by each method the clearest of every PIECE_S, without repetition, keyed ones first, then the
    clearest. payloads: in hex, of the songs that they may be.
    """

    sha256: str
    bytes: int
    sound_sha256: str | None
    sound: Probe | None
    why: str
    marks: tuple[Heard, ...]
    payloads: tuple[str, ...] = ()


def known_of(settings: Settings) -> Known:
    """Makes no keys. Raises ConfigurationError."""
    marks, unheard = marks_if_any(settings)
    return Known(marks, own_trust(settings), others_trust(settings), unheard)


def look(file: BinaryIO, known: Known, limits: Limits = Limits()) -> Look:
    """Blocks for as long as it takes; the file must have a descriptor, and is nowhere whole in memory."""
    digest, size = _digest(file)
    try:
        sound, marks = _listened(file, known.marks, limits)
        why = ""
    except UnreadableAudio as error:
        sound, marks, why = None, (), error.detail
    versions = () if known.marks is None else sorted(known.marks.secrets, reverse=True)
    payloads = dict.fromkeys(each.hex() for heard in marks for each in heard.payloads(versions))
    return Look(digest, size, sound_digest(file), sound, why, marks, tuple(payloads))


def _listened(file: BinaryIO, keys: Marks | None, limits: Limits) -> tuple[Probe, tuple[Heard, ...]]:
    """What the sound is, and the marks in all of it. Raises UnreadableAudio."""
    if keys is None:
        return probe(file, limits), ()
    best: dict[tuple[str | int | None, ...], Heard] = {}
    listen = listening(file, rate_hz=keys.rate_hz, piece_s=PIECE_S, overlap_s=OVERLAP_S, limits=limits)
    with listen as (sound, pieces):
        for number, piece in enumerate(pieces):
            for heard in _heard(piece, keys, number * (PIECE_S - OVERLAP_S)):
                name = heard.method, heard.deployment, heard.key_version, heard.job
                if name not in best or heard.confidence > best[name].confidence:
                    best[name] = heard
    return sound, tuple(sorted(best.values(), key=lambda each: (not each.keyed, -each.confidence)))


def _heard(piece: Audio, keys: Marks, at_s: float) -> list[Heard]:
    """The clearest marks of a piece: as it is, else, at a few places, at other speeds and pitches."""
    if found := keys.find(piece, warped=False):
        return [_at(each, at_s) for each in found]
    size = round(WARPED_S * piece.sample_rate)
    last = max(0, piece.samples.shape[1] - size)
    for start in dict.fromkeys(round(place) for place in np.linspace(0, last, WARPED_PLACES)):
        part = Audio(piece.samples[:, start : start + size], piece.sample_rate)
        if found := keys.find(part, warped=True):
            return [_at(each, at_s + start / piece.sample_rate) for each in found]
    return []


def _at(heard: Heard, at_s: float) -> Heard:
    return replace(heard, start_s=at_s + heard.start_s)


def _digest(file: BinaryIO) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(_BLOCK):
        found.update(block)
        size += len(block)
    return found.hexdigest(), size
