"""What a reader finds: a track, what is said of its rights, and what is known of its music."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
ClaimKind = Literal["url", "title", "spdx", "text"]
_SLUG_CHARS = 48


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is said of a licence, and where it was read."""

    kind: ClaimKind  # an address, a title, an SPDX id, the licence's own text
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Music:
    """What the metadata says. Empty is: not said."""

    description: str = ""
    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    tempo_bpm: float | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the set itself says of the file, to be held against it."""

    sha1: str = ""
    duration_s: float | None = None
    flaw: str = ""  # known beforehand: not worth decoding
    codes: str = ""  # SHA-256 of the file of codes beside it


@dataclass(frozen=True, slots=True)
class Track:
    """One sound of a data set.

    id: letters, digits, - and _; unique in the set, and the name of its files.
    path: of the file that holds it, relative to the set's folder.
    span: first byte and bytes of its record in that file, of a pack first frame and frames; None is the whole
    file.
    group: tracks of one group (an artist, an instrument) never part between splits.
    """

    id: str
    path: str
    group: str
    span: tuple[int, int] | None = None
    split: Split | None = None  # the set's own
    title: str = ""
    artist: str = ""
    url: str = ""
    claims: tuple[Claim, ...] = ()
    music: Music = Music()
    expected: Expected = Expected()


@dataclass(frozen=True, slots=True)
class Flaw:
    """A line or record that names no track."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What holds for a whole data set.

    text_license: SPDX id of the words that captions are made of; empty where they are the user's own.
    needs_consent: no licence that is published covers the sound.
    notes: single notes, where tempo, key and likeness say nothing.
    scores: songs are given as codes, without sounds.
    """

    text_license: str = ""
    text_attribution: str = ""
    needs_consent: bool = False
    notes: bool = False
    scores: bool = False


def track_id(prefix: str, words: str) -> str:
    """An id of words that may be anything: readable, and unique by its digest."""
    plain = unicodedata.normalize("NFKD", PurePosixPath(words).stem).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:_SLUG_CHARS].strip("-").lower()
    digest = hashlib.sha256(
        unicodedata.normalize("NFC", words).encode("utf-8", "surrogateescape")
    ).hexdigest()
    return "-".join(filter(None, (prefix, slug, digest[:10])))


def group_of(*names: str) -> str:
    """One spelling for an artist's name: without case, accents' encodings and needless space."""
    return " / ".join(
        " ".join(unicodedata.normalize("NFKC", name).casefold().split()) for name in names if name
    )
