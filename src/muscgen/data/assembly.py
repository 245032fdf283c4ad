"""The last pass: ledger and records together become what is trained from.

Twice through the draft. First what depends on all tracks is learnt: copies, splits, bytes whose rights
disagree. Then every track is decided, and its lines are written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from muscgen.data import audiocraft, shards
from muscgen.data import place as files
from muscgen.data.duplicates import Duplicates, Twin
from muscgen.data.fingerprint import Frames, from_text
from muscgen.data.ledger import RIGHTS, Entry, Reason, Rule
from muscgen.data.listing import Drafted, drafted
from muscgen.data.manifest import Codec, Count, Manifest, Shard, keep
from muscgen.data.place import Place
from muscgen.data.preparer import Job
from muscgen.data.shards import Sample, ShardWriter
from muscgen.data.splits import Shares, Splits
from muscgen.data.track import SPLITS, Music, Split
from muscgen.data.work import codes_name

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """A track, its record if it has one, and what was decided so far."""

    entry: Entry
    music: Music
    record: Record | None


@dataclass(slots=True)
class _Known:
    """What the first pass learns of the tracks of which there is sound, by their number."""

    ids: list[str] = field(default_factory=list)
    twins: dict[int, Twin] = field(default_factory=dict)
    barred: set[bytes] = field(default_factory=set)  # digests of sounds that are out for their rights


def assemble(place: Place, rule: Rule, job: Job, shares: Shares) -> Manifest:
    """Write ledger, lists, shards and the manifest; remove what no longer belongs to them."""
    splits = Splits(shares)
    known = _learn(place, splits)
    with ExitStack() as stack:
        output = _Output(place, rule, job, stack)
        number = 0
        for line in drafted(place):
            output.add(_decided(number, _judged(line, place), known, splits))
            number += line.is_there
        return output.finish()


def _judged(line: Drafted, place: Place) -> Judged:
    """A line of the draft with what came of its sound."""
    record = next(files.lines(place.record(line.entry.id)), None) if line.is_there else None
    entry = line.entry
    if record is not None:
        entry = replace(entry, sha256=record["sha256"])
        if entry.is_in and record["reason"] != Reason.PERMITTED:
            entry = entry.out(Reason(record["reason"]), record["detail"])
    return Judged(entry, line.music, record)


def _learn(place: Place, splits: Splits) -> _Known:
    known, duplicates = _Known(), Duplicates()
    for number, line in enumerate(drafted(place, with_sound=True)):
        judged = _judged(line, place)
        entry = judged.entry
        known.ids.append(entry.id)
        if entry.is_in and judged.record is not None:
            splits.see(entry.group, entry.split)
            duplicates.add(number, entry.sha256, from_text(judged.record["sketch"]))
        elif entry.reason in RIGHTS and entry.sha256:
            known.barred.add(bytes.fromhex(entry.sha256))

    def frames(number: int) -> Frames:
        record = next(files.lines(place.record(known.ids[number])))
        return from_text(record["fingerprint"])

    known.twins = duplicates.find(frames)
    return known


def _decided(number: int, judged: Judged, known: _Known, splits: Splits) -> Judged:
    entry = judged.entry
    if not entry.is_in:
        return replace(judged, entry=replace(entry, split=None)) if entry.split else judged
    if bytes.fromhex(entry.sha256) in known.barred:
        entry = entry.out(
            Reason.CONFLICT, "the same bytes are in the set under rights that do not permit this use"
        )
    elif twin := known.twins.get(number):
        first = known.ids[twin.of]
        if twin.different_bits:
            detail = f"it sounds like {first}: {twin.different_bits:.0%} of the bits differ"
            entry = entry.out(Reason.NEAR_DUPLICATE, detail)
        else:
            entry = entry.out(Reason.DUPLICATE, f"the same bytes as {first}")
    return replace(judged, entry=replace(entry, split=splits.of(entry.group) if entry.is_in else None))


class _Output:
    """Files that are written side by side, and take their names together at the end."""

    def __init__(self, place: Place, rule: Rule, job: Job, stack: ExitStack) -> None:
        self._place, self._rule, self._job, self._stack = place, rule, job, stack
        self._ledger = stack.enter_context(files.written(place.ledger))
        self._digest = hashlib.sha256()
        self._tracks_path = place.folder / "work" / "tracks.jsonl"
        self._tracks = stack.enter_context(files.written(self._tracks_path))
        self._lists: dict[Split, BinaryIO] = {
            split: stack.enter_context(files.written(place.list_of(split))) for split in SPLITS
        }
        self._shards = {split: ShardWriter(place, split) for split in SPLITS}
        self._counts = {split: Count() for split in SPLITS}
        self._licenses: Counter[str] = Counter()
        self._ids: set[str] = set()  # of tracks whose sound is kept, in or out
        self._sounds: set[str] = set()  # names of their codes

    def add(self, judged: Judged) -> None:
        entry, record = judged.entry, judged.record
        line = files.to_line(entry.to_dict())
        self._ledger.write(line)
        self._digest.update(line)
        if record is not None and "clip" in record and entry.reason not in RIGHTS:
            self._ids.add(entry.id)
            self._sounds.add(self._place.codes("", codes_name(record)).stem)
        if entry.is_in and entry.split is not None and record is not None:
            self._take(entry, entry.split, judged.music, record)

    def _take(self, entry: Entry, split: Split, music: Music, record: Record) -> None:
        measured, rate = record["measured"], self._job.sound.sample_rate
        music = replace(
            music,
            tempo_bpm=music.tempo_bpm or measured["tempo_bpm"],
            key=music.key or measured["key"],
        )
        duration_s = measured["duration_s"]
        info = audiocraft.info(entry, music, duration_s=duration_s, sample_rate=rate)
        content, text = audiocraft.to_bytes(info), self._place.text(entry.id)
        if not text.is_file() or text.read_bytes() != content:
            files.write(text, content)
        clip = self._place.clip(entry.id)
        self._lists[split].write(
            files.to_line(audiocraft.listed(clip, duration_s=duration_s, sample_rate=rate))
        )
        codes = self._codes(record)
        key = f"{record['clip']['sha256']} {hashlib.sha256(content).hexdigest()} {codes and codes.name}"
        self._shards[split].add(Sample(entry.id, key, record["clip"]["bytes"], clip, text, codes))
        self._tracks.write(files.to_line({"id": entry.id, "sha256": entry.sha256, "consent": entry.consent}))
        count = self._counts[split]
        self._counts[split] = Count(tracks=count.tracks + 1, seconds=round(count.seconds + duration_s, 3))
        self._licenses[entry.license] += 1

    def _codes(self, record: Record) -> Path | None:
        codec = self._job.codec
        return None if codec is None else self._place.codes(codec.revision, codes_name(record))

    def finish(self) -> Manifest:
        written = [shard for split in SPLITS for shard in self._shards[split].close()]
        self._stack.close()
        traits, codec = self._rule.traits, self._job.codec
        names = (
            sorted({*self._licenses, *traits.text_license.split(" AND ")} - {""}) if self._licenses else []
        )
        manifest = Manifest(
            dataset=self._rule.dataset,
            use=self._rule.use,
            sample_rate=self._job.sound.sample_rate,
            channels=self._job.sound.channels,
            loudness_lufs=self._job.sound.loudness_lufs,
            codec=codec
            and Codec(
                model=codec.model,
                revision=codec.revision,
                frame_rate=codec.frame_rate,
                codebooks=codec.codebooks,
                vocabulary=codec.vocabulary,
            ),
            license=" AND ".join(names),
            licenses=dict(sorted(self._licenses.items())),
            text_license=traits.text_license,
            text_attribution=traits.text_attribution,
            splits=self._counts,
            ledger=self._digest.hexdigest(),
            shards=tuple(Shard.model_validate(shard) for shard in written),
        )
        keep(self._place, manifest, self._tracks_path)
        shards.prune(self._place, written)
        _prune(self._place.folder / "clips", self._ids)
        _prune(self._place.folder / "codes", self._sounds)  # of every codec
        self._place.draft.unlink()
        return manifest


def _prune(folder: Path, wanted: set[str]) -> None:
    """Files of tracks that may not be used any more, or are not in the set any more, are removed."""
    for path in folder.rglob("*.*"):
        if path.stem not in wanted and path.is_file():
            path.unlink()
