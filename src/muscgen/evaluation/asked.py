"""What a prompt asks for that can be heard: tempo, key, families of instruments, and what shall not sound."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BPM = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?)\s*(?:bpm\b|beats per minute)", re.IGNORECASE)
_SLOWEST_BPM, _FASTEST_BPM = 20, 400  # others are no tempo
# A lower-case "a" is an article: "a minor change".
_KEY = re.compile(r"\b([A-G]|[b-g])(#|♯|b|♭|[ -](?i:sharp|flat))?[ -]((?i:major|minor|maj|min))\b")
_GENRES = re.compile(r"\bdrum\s*(?:and|&|n|'n')\s*bass\b|\bbrass monkey\b", re.IGNORECASE)
_WORDS = {
    "keyboard": r"pianos?|electric pianos?|rhodes|harpsichord|clavinet|celesta",
    "mallet": r"vibraphones?|marimbas?|xylophones?|glockenspiels?|music box|kalimba|tubular bells",
    "organ": r"organs?|accordions?|harmonium|harmonica",
    "guitar": r"(?<!bass )guitars?|ukulele|banjo",
    "bass": r"bass lines?|bass(?: guitars?)?(?! drum\b)|basslines?|contrabass|double bass|808s?",
    "string": r"strings?|violins?|violas?|cellos?|fiddles?|orchestra",
    "voice": r"choirs?|vocals?|voices?|singing",
    "brass": r"brass|trumpets?|trombones?|tubas?|french horns?|horns?",
    "reed": r"sax(?:ophone)?e?s?|clarinets?|oboes?|bassoons?",
    "flute": r"flutes?|piccolos?|recorders?|pan ?pipes?|ocarinas?|tin whistles?",
    "synth": r"synths?|synthesi[sz]ers?|square lead|saw lead|pads?",
    "drums": r"drum (?:kit|machine|loop|beat)s?|drums?|percussion|breakbeats?|hi-hats?|kick",
}
_NAMED, _NAMED_LAST = (
    {family: re.compile(rf"\b(?:{words}){end}", re.IGNORECASE) for family, words in _WORDS.items()}
    for end in (r"\b", "$")
)

# What shall not sound: "no X", "no soft X or Y", "without X, Y and Z". Commas lead on to an "or", behind
# "without" to an "and" too: in "no drums, piano and strings" the piano is wanted. An "and" leads on to bare
# names: in "no vocals and acoustic guitar" the guitar is.
_ARTICLE = "(?:(?:any|an?|the|more) )?"
_NO_ADJECTIVE = "and|n?or|but|with|without|no|any|an?|the|some|more|only|just|plus"
_ADJECTIVE = rf"(?!(?:{_NO_ADJECTIVE})\b)(?!\w*[^\W\ds]s\b)[\w'-]+"  # nor a plural: "no vocals piano ballad"
_BARE = rf"(?:{'|'.join(_WORDS.values())})\b"
_THING = rf"(?>(?:{_ADJECTIVE} )?\b{_BARE})"  # atomic: "electric piano" is one, in whichever way
_NO = rf"\b(?:no|neither) {_ARTICLE}"
_WITHOUT = rf"\bwithout {_ARTICLE}"
_UNWANTED = re.compile(
    rf"{_NO}{_THING}(?:(?:, {_THING})*,? n?or {_THING}| (?:and|&) {_BARE}|/{_THING})*"
    rf"|{_WITHOUT}{_THING}(?:(?:, {_THING})*,? n?or {_THING}|(?:, {_BARE})*,? (?:and|&) {_BARE}|/{_THING})*",
    re.IGNORECASE,
)
_BEGINNING = re.compile(f"{_NO}|{_WITHOUT}", re.IGNORECASE)
_BETWEEN = re.compile(r",? (?:n?or|and|&) |, |/", re.IGNORECASE)
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
    words = _GENRES.sub(";", " ".join(prompt.split()))
    phrases = (_BEGINNING.sub("", phrase) for phrase in _UNWANTED.findall(words))
    things = [thing for phrase in phrases for thing in _BETWEEN.split(phrase)]
    left = _UNWANTED.sub(";", words)
    wanted = {family for family, name in _NAMED.items() if name.search(left)}
    whole = {family for family, name in _NAMED.items() if any(map(name.fullmatch, things))}
    kinds = {  # by the last word: a bass of synths is no synth
        family for family, name in _NAMED_LAST.items() if any(map(name.search, things))
    }
    unwanted = whole | (kinds - wanted)  # "acoustic guitar, no electric guitar" is one with a guitar
    return Asked(
        bpm=_bpm_in(words),
        key=key_in(words),
        families=frozenset(wanted - unwanted),
        without=frozenset(unwanted),
    )


def _bpm_in(words: str) -> float | None:
    found = _BPM.search(words)
    bpm = float(found.group(1)) if found else 0.0
    return bpm if _SLOWEST_BPM <= bpm <= _FASTEST_BPM else None


def key_in(words: str) -> Key | None:
    """The first key that is named: "F# minor", "Db major", "in B flat maj"."""
    found = _KEY.search(words)
    if found is None:
        return None
    letter, shift, mode = found.groups()
    place = (_CLASSES[letter.upper()] + _SHIFTS[(shift or "").lower().strip(" -")]) % 12
    return place, "major" if mode.lower().startswith("maj") else "minor"
