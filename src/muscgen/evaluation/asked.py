"""What a prompt asks for that can be heard: tempo, key, families of instruments, and what shall not sound."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BPM = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?)\s*(?:bpm\b|beats per minute)", re.IGNORECASE)
# A lower-case "a" is an article: "a minor change".
_KEY = re.compile(r"\b([A-G]|[b-g])(#|♯|b|♭| sharp| flat)?[ -](major|minor|maj|min)\b")
_GENRES = re.compile(r"\bdrum\s*(?:and|&|n|'n')\s*bass\b|\bbrass monkey\b", re.IGNORECASE)
_WORDS = {
    "keyboard": r"pianos?|electric pianos?|rhodes|harpsichord|clavinet|celesta",
    "mallet": r"vibraphones?|marimbas?|xylophones?|glockenspiels?|music box|kalimba|tubular bells",
    "organ": r"organs?|accordions?|harmonium|harmonica",
    "guitar": r"guitars?|ukulele|banjo",
    "bass": r"bass(?: guitar)?|basslines?|bass lines?|contrabass|double bass|808s?",
    "string": r"strings?|violins?|violas?|cellos?|fiddles?|orchestra",
    "voice": r"choirs?|vocals?|voices?|singing",
    "brass": r"brass|trumpets?|trombones?|tubas?|french horns?|horns?",
    "reed": r"sax(?:ophone)?e?s?|clarinets?|oboes?|bassoons?",
    "flute": r"flutes?|piccolos?|recorders?|pan ?pipes?|ocarinas?|tin whistles?",
    "synth": r"synths?|synthesi[sz]ers?|square lead|saw lead|pads?",
    "drums": r"drums?|drum kits?|percussion|breakbeats?|hi-hats?|kick",
}
_FAMILIES = {
    family: re.compile(rf"\b(no |without (?:any )?)?(?:{words})\b", re.IGNORECASE)
    for family, words in _WORDS.items()
}
_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHIFTS = {"": 0, "#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
Key = tuple[int, str]  # pitch class from C, "major" or "minor"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a song is measured against; nothing is asked where a field is empty."""

    bpm: float | None = None
    key: Key | None = None
    families: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


def asked_in(prompt: str) -> Asked:
    """What the words say. A tempo in words ("slow") asks for no number."""
    words = _GENRES.sub(" ", prompt)
    bpm = _BPM.search(words)
    wanted: set[str] = set()
    unwanted: set[str] = set()
    for family, pattern in _FAMILIES.items():
        for found in pattern.finditer(words):
            (unwanted if found.group(1) else wanted).add(family)
    return Asked(
        bpm=float(bpm.group(1)) if bpm else None,
        key=key_in(words),
        families=frozenset(wanted - unwanted),
        without=frozenset(unwanted),
    )


def key_in(words: str) -> Key | None:
    """The first key that is named: "F# minor", "Db major", "in B flat maj"."""
    found = _KEY.search(words)
    if found is None:
        return None
    letter, shift, mode = found.groups()
    place = (_CLASSES[letter.upper()] + _SHIFTS[(shift or "").strip()]) % 12
    return place, "major" if mode.startswith("maj") else "minor"
