"""FMA: tracks of the Free Music Archive, each under a licence of its own.

fma_metadata/tracks.csv       two header rows (album | artist | set | track over the column's name), then the
                              index's name alone in a third, as pandas writes it
fma_metadata/raw_tracks.csv   has the licence's address, where tracks.csv has its title only
fma_metadata/genres.csv       names of genres
fma_<size>/<tid // 1000:03d>/<tid:06d>.mp3, fma_<size>/checksums (sha1 a file)

Sizes lie in each other: small, medium, large (all tracks, clips of 30 s), full (all tracks, whole).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from muscgen.data.readers.lookup import Ascending, Digests
from muscgen.data.readers.tables import Row, check_columns, fields, number, opened, relative, rows
from muscgen.data.track import Claim, Expected, Flaw, Music, Split, Track, Traits, group_of
from muscgen.errors import InvalidRequest

TRAITS = Traits(text_license="CC-BY-4.0", text_attribution="FMA's metadata (Defferrard et al., 2017)")
SIZES = ("small", "medium", "large", "full")
CLIP_S = 30.0
NEEDED = (
    "set.split", "set.subset", "artist.id", "artist.name", "track.title", "track.license", "track.duration",
    "track.genre_top", "track.genres", "track.tags",
)  # fmt: skip
_SPLITS: dict[str, Split] = {"training": "train", "validation": "valid", "test": "test"}
_NO_AUDIO, _CUT = "has no audio in the published archive", "lasts some 1.5 s in the published archive"
KNOWN_FLAWS = dict.fromkeys((99134, 108925, 133297), _NO_AUDIO) | dict.fromkeys((98565, 98567, 98569), _CUT)
_CHECKSUM = re.compile(r"([0-9a-f]{40}) [ *](?:\./)?(\d{3}/(\d{6})\.mp3)")


@dataclass(frozen=True, slots=True)
class _Beside:
    """What lies beside tracks.csv: rows of raw_tracks.csv, names of genres, SHA-1 of files."""

    raw: Ascending[Row]
    genres: dict[int, str]
    sha1: Digests


def read(root: Path) -> Iterator[Track | Flaw]:
    """Tracks of the largest size that lies there. Raises InvalidRequest for another layout."""
    size = _size(root)
    table = root / "fma_metadata" / "tracks.csv"
    beside = _beside(root, size)
    subsets = SIZES[: SIZES.index(size) + 1]
    for item in _rows(table, root):
        if isinstance(item, Flaw):
            yield item
        elif size in ("large", "full") or item[1]["set.subset"] in subsets:
            yield _track(item[1], f"fma_metadata/tracks.csv line {item[0]}", size, beside)
    beside.raw.finish()


def _size(root: Path) -> str:
    for size in reversed(SIZES):
        if (root / f"fma_{size}").is_dir():
            return size
    raise InvalidRequest(
        f"{root} holds none of {', '.join(f'fma_{size}' for size in SIZES)}",
        param="path",
        suggestion="a folder with fma_metadata and fma_small, unpacked",
    )


def _rows(table: Path, root: Path) -> Iterator[tuple[int, Row] | Flaw]:
    with opened(table, root) as file:
        reader = csv.reader(file)
        first, second = next(reader, []), next(reader, [])
        header = ["track_id", *(f"{over}.{name}" for over, name in zip(first[1:], second[1:], strict=False))]
        check_columns(table, header, NEEDED, root)
        for item in fields(reader, header, relative(table, root)):
            if isinstance(item, Flaw) or item[1]["track_id"] != "track_id":  # the index's name
                yield item


def _beside(root: Path, size: str) -> _Beside:
    metadata = root / "fma_metadata"
    raw, genres, sums = (
        metadata / "raw_tracks.csv",
        metadata / "genres.csv",
        root / f"fma_{size}" / "checksums",
    )
    return _Beside(
        raw=Ascending(relative(raw, root), _raw(raw, root) if raw.is_file() else ()),
        genres=dict(_genre_names(genres, root)) if genres.is_file() else {},
        sha1=Digests(_checksums(sums) if sums.is_file() else ()),
    )


def _raw(path: Path, root: Path) -> Iterator[tuple[int, Row]]:
    for item in rows(path, ("track_id", "license_url", "track_url"), root):
        if not isinstance(item, Flaw) and item[1]["track_id"].isdecimal():
            yield int(item[1]["track_id"]), item[1]


def _genre_names(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    for item in rows(path, ("genre_id", "title"), root):
        if not isinstance(item, Flaw) and item[1]["genre_id"].isdecimal():
            yield int(item[1]["genre_id"]), item[1]["title"]


def _checksums(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if match := _CHECKSUM.match(line.strip()):
                yield int(match[3]), match[1]


def _track(row: Row, place: str, size: str, beside: _Beside) -> Track | Flaw:
    if not row["track_id"].isdecimal():
        return Flaw(place, f"{row['track_id']!r} is no track's number")
    tid = int(row["track_id"])
    raw = beside.raw.get(tid) or {"license_url": "", "track_url": ""}
    path = f"fma_{size}/{tid // 1000:03d}/{tid:06d}.mp3"
    duration_s = number(row["track.duration"])
    clip_s = duration_s if size == "full" or duration_s is None else min(duration_s, CLIP_S)
    return Track(
        id=f"fma-{tid:06d}",
        path=path,
        group=row["artist.id"] or group_of(row["artist.name"]),
        split=_SPLITS.get(row["set.split"]),
        title=row["track.title"],
        artist=row["artist.name"],
        url=raw["track_url"],
        claims=(
            Claim("url", raw["license_url"], "fma_metadata/raw_tracks.csv license_url"),
            Claim("title", row["track.license"], "fma_metadata/tracks.csv track.license"),
        ),
        music=Music(genres=_genres(row, beside.genres), keywords=_tags(row["track.tags"])),
        expected=Expected(beside.sha1.get(tid), clip_s, KNOWN_FLAWS.get(tid, "")),
    )


def _genres(row: Row, names: dict[int, str]) -> tuple[str, ...]:
    """The top genre, then the others by name; never twice."""
    try:
        numbers = json.loads(row["track.genres"] or "[]")
        others = [names.get(int(number), "") for number in numbers]
    except (ValueError, TypeError):
        others = []
    return tuple(dict.fromkeys(filter(None, (row["track.genre_top"], *others))))


def _tags(text: str) -> tuple[str, ...]:
    """A Python list of texts, as pandas wrote it."""
    return tuple(word for word in re.findall(r"'([^']+)'|\"([^\"]+)\"", text) for word in word if word)
