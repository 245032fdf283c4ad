"""The files that audiocraft trains from: a list of sounds a split, and the text of each beside it.

AudioMeta (one a line of data.jsonl) and MusicInfo (<name>.json) of audiocraft 1.3: a key that is missing
there raises KeyError, texts may be empty, bpm is one number or empty, a key with a comma is dropped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from muscgen.data.captions import caption
from muscgen.data.ledger import Entry
from muscgen.data.track import Music


def listed(path: Path, *, duration_s: float, sample_rate: int) -> dict[str, Any]:
    """A line of data.jsonl. The path is absolute: audiocraft looks relative ones up in its own folder."""
    return {
        "path": str(path.absolute()),
        "duration": duration_s,
        "sample_rate": sample_rate,
        "amplitude": None,
        "weight": None,
        "info_path": None,
    }


def info(entry: Entry, music: Music, *, duration_s: float, sample_rate: int, ending: str) -> dict[str, Any]:
    """The text beside a sound; `muscgen` is ours, and audiocraft does not look at it.

    ending: of the sound's file; empty where there is none.
    """
    return {
        "key": music.key.replace(",", " "),
        "artist": entry.artist,
        "sample_rate": sample_rate,
        "file_extension": ending,
        "description": caption(entry.id, music),
        "keywords": ", ".join(_clean(music.keywords)),
        "duration": duration_s,
        "bpm": "" if music.tempo_bpm is None else music.tempo_bpm,
        "genre": ", ".join(_clean(music.genres)).lower(),
        "title": entry.title,
        "name": entry.id,
        "instrument": ", ".join(_clean(music.instruments)) or "Mix",
        "moods": list(_clean(music.moods)),
        "muscgen": {
            "dataset": entry.dataset,
            "license": entry.license,
            "attribution": entry.attribution,
            "source_sha256": entry.sha256,
        },
    }


def to_bytes(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"


def _clean(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(" ".join(word.replace(",", " ").split()) for word in words)
