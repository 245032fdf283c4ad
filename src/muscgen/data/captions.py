"""What a prompt would have said. The words of the data set where it has some, else a sentence of its facts.

Neither titles nor artists go into a caption: a model should not learn to answer to names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from muscgen.data.track import Music

_MOST_WORDS = 3  # of one kind in a sentence
Template = Callable[[str, str, str, str], str]  # kind of music, instruments, moods, tempo and key


def _plain(kind: str, instruments: str, moods: str, count: str) -> str:
    return ", ".join(filter(None, (kind, f"with {instruments}" if instruments else "", moods, count)))


def _moods_first(kind: str, instruments: str, moods: str, count: str) -> str:
    head = f"{moods} {kind}" if moods else kind
    return ", ".join(filter(None, (head, instruments, count)))


def _sentence(kind: str, instruments: str, moods: str, count: str) -> str:
    played = f" played by {instruments}" if instruments else ""
    return ". ".join(filter(None, (f"A piece of {kind}{played}", moods, count)))


_TEMPLATES: tuple[Template, ...] = (_plain, _moods_first, _sentence)


def caption(track_id: str, music: Music) -> str:
    """The set's own words, or a template that the id chooses: always the same for a track. Never empty."""
    if music.description:
        return " ".join(music.description.split())
    kind = _listed(music.genres).lower() or "music"
    count = ", ".join(filter(None, (tempo(music.tempo_bpm), f"in {music.key}" if music.key else "")))
    words = (kind, _listed(music.instruments).lower(), _listed(music.moods).lower(), count)
    choice = hashlib.sha256(track_id.encode()).digest()[0] % len(_TEMPLATES)
    text = _TEMPLATES[choice](*words)
    return text[:1].upper() + text[1:]


def tempo(bpm: float | None) -> str:
    return "" if bpm is None else f"{bpm:g} bpm"


def _listed(words: tuple[str, ...]) -> str:
    some = [word for word in dict.fromkeys(words) if word][:_MOST_WORDS]
    return " and ".join(filter(None, (", ".join(some[:-1]), some[-1]))) if some else ""
