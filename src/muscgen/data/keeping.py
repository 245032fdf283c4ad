"""How a set's tracks are kept: sounds in files of their own, or codes, which their packs hold already."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from muscgen.data import audiocraft
from muscgen.data import place as files
from muscgen.data.fingerprint import Frames, from_text
from muscgen.data.ledger import RIGHTS, Entry
from muscgen.data.listing import Drafted
from muscgen.data.place import Place
from muscgen.data.preparer import CodecChoice, Job
from muscgen.data.readers.packs import Song
from muscgen.data.scores import dtype_of, weighed
from muscgen.data.shards import Held, Sample
from muscgen.data.track import SPLITS, Split
from muscgen.data.work import codes_name, made_of

Record = dict[str, Any]


class Keeping(Protocol):
    """What the last pass asks of a kind of set."""

    ending: str  # of the files of sound; empty where there is none

    def record(self, line: Drafted) -> Record | None:
        """What came of a track's sound or codes; None where nobody looked at it as it is now."""

    def fingerprint(self, track_id: str) -> Frames:
        """Of a track that may be another's copy."""

    def see(self, entry: Entry, record: Record) -> None:
        """Every track that has a record, in or out, before the others are asked for."""

    def sample(self, entry: Entry, split: Split, text: bytes, record: Record) -> Sample:
        """Of a track that is in: what its shard holds."""

    def finish(self) -> None:
        """When the manifest is kept: remove what is nobody's any more."""


class Sounds:
    """clips/, codes/ and audiocraft's lists."""

    ending = "flac"

    def __init__(self, place: Place, root: Path, job: Job, stack: ExitStack, *, notes: bool) -> None:
        self._place, self._root, self._job, self._notes = place, root, job, notes
        self._lists: dict[Split, BinaryIO] = {
            split: stack.enter_context(files.written(place.list_of(split))) for split in SPLITS
        }
        self._ids: set[str] = set()  # of tracks whose sound is kept, in or out
        self._sounds: set[str] = set()  # names of their codes

    def record(self, line: Drafted) -> Record | None:
        if not line.is_there:
            return None
        return made_of(line.to_order(self._root, notes=self._notes), self._place, self._job.sound)

    def fingerprint(self, track_id: str) -> Frames:
        return from_text(next(files.lines(self._place.record(track_id)))["fingerprint"])

    def see(self, entry: Entry, record: Record) -> None:
        if "clip" in record and entry.reason not in RIGHTS:
            self._ids.add(entry.id)
            self._sounds.add(self._place.codes("", codes_name(record)).stem)

    def sample(self, entry: Entry, split: Split, text: bytes, record: Record) -> Sample:
        clip, beside = self._place.clip(entry.id), self._place.text(entry.id)
        if not beside.is_file() or beside.read_bytes() != text:
            files.write(beside, text)
        duration_s, rate = record["measured"]["duration_s"], self._job.sound.sample_rate
        listed = audiocraft.listed(clip, duration_s=duration_s, sample_rate=rate)
        self._lists[split].write(files.to_line(listed))
        codec = self._job.codec
        codes = None if codec is None else self._place.codes(codec.revision, codes_name(record))
        mark = "" if codec is None or codes is None else f"{codec.revision} {codes.name}"
        key = f"{record['clip']['sha256']} {hashlib.sha256(text).hexdigest()} {mark}"
        return Sample(entry.id, key, record["clip"]["bytes"], beside, clip, codes)

    def finish(self) -> None:
        _prune(self._place.folder / "clips", self._ids)
        _prune(self._place.folder / "codes", self._sounds)  # of every codec


class Scores:
    """Nothing beside the shards: packs are small, and their songs looked at in no time."""

    ending = ""

    def __init__(self, place: Place, root: Path, codec: CodecChoice) -> None:
        self._place, self._root, self._codec = place, root, codec

    def record(self, line: Drafted) -> Record | None:
        return weighed(line.to_order(self._root, notes=False), self._codec) if line.is_there else None

    def fingerprint(self, track_id: str) -> Frames:
        del track_id
        return np.empty(0, np.uint32)  # codes are copies where they are the same

    def see(self, entry: Entry, record: Record) -> None:
        pass

    def sample(self, entry: Entry, split: Split, text: bytes, record: Record) -> Sample:
        del split
        assert entry.span is not None  # noqa: S101  every song of a pack has one
        song = Song(self._root / entry.path, entry.span, dtype_of(self._codec))
        key = f"{entry.sha256} {hashlib.sha256(text).hexdigest()} {self._codec.books}"
        return Sample(entry.id, key, record["bytes"], Held(text), codes=song)

    def finish(self) -> None:
        for name in ("clips", "codes"):  # of an earlier set in this place
            _prune(self._place.folder / name, set())
        for split in SPLITS:
            self._place.list_of(split).unlink(missing_ok=True)


def _prune(folder: Path, wanted: set[str]) -> None:
    """Files of tracks that may not be used any more, or are not in the set any more, are removed."""
    for path in folder.rglob("*.*"):
        if path.stem not in wanted and path.is_file():
            path.unlink()
