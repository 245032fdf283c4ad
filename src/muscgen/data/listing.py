"""The first pass: tracks and their rights, one after the other, into the draft of the ledger.

A line of the draft is an entry, what is known of its music, and what the preparation needs. Nothing of the
sound is read; a file that is not there is out at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from muscgen.data import place as files
from muscgen.data.consent import Statements
from muscgen.data.ledger import Entry, Reason, Rule, enter
from muscgen.data.place import Place
from muscgen.data.readers import Reader
from muscgen.data.sources import Source
from muscgen.data.track import Expected, Flaw, Music, Track, track_id
from muscgen.data.work import Order
from muscgen.errors import InvalidRequest

_WITH_SOUND = b'"is_there":true}\n'  # what such a line ends with, so that the others need not be read
_LISTS = ("genres", "moods", "keywords", "instruments")


@dataclass(frozen=True, slots=True)
class Drafted:
    """A line of the draft."""

    entry: Entry
    music: Music
    order: dict[str, Any]  # what is expected of the file
    is_there: bool  # a file to look at

    def to_order(self, root: Path, *, notes: bool) -> Order:
        source = Source(str(root / self.entry.path), self.entry.path, self.entry.span)
        return Order(self.entry.id, source, self.entry.is_in, notes, **self.order)


def draft(root: Path, reader: Reader, rule: Rule, statements: Statements, place: Place) -> tuple[int, int]:
    """Write the draft; returns how many lines it has, and of how many there is sound.

    Raises InvalidRequest for a set that cannot be read.
    """
    count = there = 0
    seen: set[int] = set()
    with files.written(place.draft) as file:
        for item in reader.read(root):
            drafted = (
                _flawed(item, rule) if isinstance(item, Flaw) else _entered(item, root, rule, statements)
            )
            key = hash(drafted.entry.id)
            if key in seen:
                drafted = _flawed(Flaw(f"{drafted.entry.path} {count}", "the same id comes twice"), rule)
            seen.add(key)
            file.write(files.to_line(_to_dict(drafted)))
            count += 1
            there += drafted.is_there
    return count, there


def drafted(place: Place, *, with_sound: bool = False) -> Iterator[Drafted]:
    """The draft's lines in order; with_sound: only those of which there is sound."""
    for line in files.lines(place.draft, ending=_WITH_SOUND if with_sound else b""):
        yield Drafted(Entry.from_dict(line["entry"]), _music(line["music"]), line["order"], line["is_there"])


def root_of(path: Path) -> Path:
    """Absolute, links kept. Raises InvalidRequest where there is no such folder."""
    if not path.is_dir():
        raise InvalidRequest(f"there is no folder {path}", param="path")
    return path.absolute()


def _entered(track: Track, root: Path, rule: Rule, statements: Statements) -> Drafted:
    statement, *others = statements.all_of(track) or (None,)
    entry, is_there = enter(track, statement, rule, filter(None, others)), (root / track.path).is_file()
    if entry.is_in and not is_there:
        entry = entry.out(Reason.MISSING, f"there is no file {track.path}")
    expected = track.expected
    order = asdict(expected)
    return Drafted(entry, track.music, order, is_there)


def _flawed(flaw: Flaw, rule: Rule) -> Drafted:
    entry = Entry(
        id=track_id("flaw", f"{flaw.place}.x"),
        dataset=rule.dataset,
        path=flaw.place,
        span=None,
        title="",
        artist="",
        url="",
        group="",
        license="",
        license_url="",
        evidence=(),
        attribution="",
        consent="",
        policy="unknown",
        decision="out",
        reason=Reason.MALFORMED,
        detail=flaw.reason,
    )
    return Drafted(entry, Music(), asdict(Expected()), is_there=False)


def _to_dict(line: Drafted) -> dict[str, Any]:
    music = {name: getattr(line.music, name) for name in Music.__dataclass_fields__}
    return {"entry": line.entry.to_dict(), "music": music, "order": line.order, "is_there": line.is_there}


def _music(fields: dict[str, Any]) -> Music:
    return Music(**fields | {name: tuple(fields[name]) for name in _LISTS})
