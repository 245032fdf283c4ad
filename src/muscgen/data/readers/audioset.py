"""AudioSet and MusicCaps: labels and captions of videos, over sound that the user brings.

*_segments.csv        three lines of #, then YTID, start_seconds, end_seconds, "mid,mid"
ontology.json         a list of {id, name, child_ids, ...}
musiccaps-public.csv  captions, by ytid
any folder below      the user's own sound, a file a video: named by its id, alone or as downloaders do
                      (<id>.wav, Y<id>.wav, <id>_30.wav, [<id>]-[30-40].wav)

Nothing here licenses sound: each file needs a consent.
"""

from __future__ import annotations

import ast
import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from muscgen.data.readers.files import sounds
from muscgen.data.readers.tables import Row, fields, opened, relative, rows
from muscgen.data.track import Expected, Flaw, Music, Split, Track, Traits
from muscgen.errors import InvalidRequest

TRAITS = Traits(
    text_license="CC-BY-4.0 AND CC-BY-SA-4.0",
    text_attribution="AudioSet (Gemmeke et al., 2017) and MusicCaps (Agostinelli et al., 2023)",
    needs_consent=True,
)
SEGMENTS = ("YTID", "start_seconds", "end_seconds", "positive_labels")
CAPTIONS = (
    "ytid", "start_s", "end_s", "audioset_positive_labels", "aspect_list", "caption", "is_audioset_eval",
)  # fmt: skip
ONTOLOGY, MUSICCAPS = "ontology.json", "musiccaps-public.csv"
_NAME = re.compile(r"\[?Y?([A-Za-z0-9_-]{11})\]?(?:[_-]\[?[\d.]+(?:[_-][\d.]+)?\]?)?")
_HASHES = 3  # lines of comment, the last of which names the columns


@dataclass(frozen=True, slots=True)
class _Labels:
    """The ontology's music: names by id, and which of them are genres, moods and instruments."""

    names: Mapping[str, str]
    music: frozenset[str]
    genres: frozenset[str]
    moods: frozenset[str]
    instruments: frozenset[str]


def read(root: Path) -> Iterator[Track | Flaw]:
    """Tracks of which there is sound. Raises InvalidRequest where no table, or no ontology, lies there."""
    tables = sorted(root.glob("*_segments.csv"))
    captioned = root / MUSICCAPS
    if not tables and not captioned.is_file():
        raise InvalidRequest(
            f"{root} holds neither *_segments.csv nor {MUSICCAPS}",
            param="path",
            suggestion="AudioSet's csv files",
        )
    labels = _ontology(root)
    found = dict(_by_video(sounds(root)))
    captions = dict(_captions(captioned, root)) if captioned.is_file() else {}
    seen: set[str] = set()
    for table in tables:
        split: Split = "test" if table.name.startswith("eval") else "train"
        for item in _segments(table, root):
            if isinstance(item, Flaw):
                yield item
            elif (video := item["YTID"]) in found and video not in seen:
                seen.add(video)
                yield _track(video, found[video], item["positive_labels"], split, captions.get(video), labels)
    for video, caption in captions.items():
        if video in found and video not in seen:
            split = "test" if caption["is_audioset_eval"] == "True" else "train"
            yield _track(video, found[video], caption["audioset_positive_labels"], split, caption, labels)


def _segments(path: Path, root: Path) -> Iterator[Row | Flaw]:
    name = relative(path, root)
    with opened(path, root) as file:
        comments = [file.readline() for _ in range(_HASHES)]
        columns = tuple(word.strip() for word in comments[-1].lstrip("# ").split(","))
        if columns != SEGMENTS:
            raise InvalidRequest(
                f"{name}: its third line does not name the columns",
                param="path",
                suggestion="# " + ", ".join(SEGMENTS),
            )
        for item in fields(_spaced(file), SEGMENTS, name):
            yield item if isinstance(item, Flaw) else item[1]


def _spaced(file: TextIO) -> Iterator[list[str]]:
    return csv.reader(file, skipinitialspace=True)


def _captions(path: Path, root: Path) -> Iterator[tuple[str, Row]]:
    for item in rows(path, CAPTIONS, root):
        if not isinstance(item, Flaw):
            yield item[1]["ytid"], item[1]


def _by_video(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        match = _NAME.fullmatch(os.path.splitext(os.path.basename(path))[0])  # noqa: PTH119, PTH122
        if match:
            yield match[1], path


def _ontology(root: Path) -> _Labels:
    path = root / ONTOLOGY
    try:
        nodes = {node["id"]: node for node in json.loads(path.read_text("utf-8"))}
        names = {mid: str(node["name"]) for mid, node in nodes.items()}
        children = {mid: list(node["child_ids"]) for mid, node in nodes.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f"{ONTOLOGY} cannot be read in {root}: {error}", param="path", suggestion="AudioSet's ontology"
        ) from error

    def below(name: str) -> frozenset[str]:
        waiting = [mid for mid, called in names.items() if called == name]
        found: set[str] = set()
        while waiting:
            mid = waiting.pop()
            if mid not in found:
                found.add(mid)
                waiting += children.get(mid, [])
        return frozenset(found)

    heads = {
        mid for mid, name in names.items() if name in ("Music genre", "Music mood", "Musical instrument")
    }
    return _Labels(
        names,
        below("Music"),
        below("Music genre") - heads,
        below("Music mood") - heads,
        below("Musical instrument") - heads,
    )


def _track(video: str, path: str, labels: str, split: Split, caption: Row | None, ontology: _Labels) -> Track:
    mids = [mid.strip() for mid in labels.split(",")]
    is_music = caption is not None or not ontology.music.isdisjoint(mids)
    return Track(
        id=f"audioset-{video}",
        path=path,
        group=video,
        split=split,
        url=f"https://www.youtube.com/watch?v={video}",
        music=_music(mids, caption, ontology),
        expected=Expected(flaw="" if is_music else "no label of AudioSet's says that it is music"),
    )


def _music(mids: list[str], caption: Row | None, ontology: _Labels) -> Music:
    def named(group: frozenset[str]) -> tuple[str, ...]:
        return tuple(ontology.names[mid].lower() for mid in mids if mid in group)

    return Music(
        description=caption["caption"] if caption else "",
        genres=named(ontology.genres),
        moods=tuple(mood.removesuffix(" music") for mood in named(ontology.moods)),
        keywords=_aspects(caption["aspect_list"]) if caption else (),
        instruments=named(ontology.instruments),
    )


def _aspects(text: str) -> tuple[str, ...]:
    """A Python list of texts, as text."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    return tuple(str(word) for word in found) if isinstance(found, list) else ()
