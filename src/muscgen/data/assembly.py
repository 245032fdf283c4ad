"""The last pass: ledger and records together become what is trained from.

Twice through the draft. First what depends on all tracks is learnt: copies, splits, bytes whose rights
disagree. Then every track is decided, and its lines are written.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from muscgen.data import audiocraft, shards
from muscgen.data import place as files
from muscgen.data.duplicates import Duplicates, Twin
from muscgen.data.fingerprint import from_text
from muscgen.data.keeping import Keeping, Record
from muscgen.data.ledger import RIGHTS, Entry, Reason, Rule
from muscgen.data.listing import Drafted, drafted
from muscgen.data.manifest import Codec, Count, Manifest, Shard, held_line, keep
from muscgen.data.place import Place
from muscgen.data.preparer import Job
from muscgen.data.shards import ShardWriter
from muscgen.data.splits import Shares, Splits
from muscgen.data.taken_back import TakenBack
from muscgen.data.track import SPLITS, Music, Split
from muscgen.rights.policies import all_of


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


def assemble(
    place: Place,
    rule: Rule,
    job: Job,
    shares: Shares,
    keeping: Keeping,
    taken: TakenBack,
    stack: ExitStack,
) -> Manifest:
    """Write ledger, lists, shards and the manifest; remove what no longer belongs to them.

    taken: what was taken back here. stack: with files that take their names when all is written.
    """
    splits = Splits(shares)
    known = _learn(place, splits, keeping, taken)
    output = _Output(place, rule, job, keeping, stack)
    number = 0
    for line in drafted(place):
        output.add(_decided(number, _judged(line, keeping, taken), known, splits))
        number += line.is_there
    return output.finish()


def _judged(line: Drafted, keeping: Keeping, taken: TakenBack) -> Judged:
    """A line of the draft with what came of its sound or codes."""
    record, entry = keeping.record(line), line.entry
    if record is not None:
        entry = replace(entry, sha256=record["sha256"])
        if entry.is_in and taken.bars(entry.sha256, entry.consents):
            entry = entry.out(Reason.REVOKED, "it was taken back under another name or by another consent")
        if entry.is_in and record["reason"] != Reason.PERMITTED:
            entry = entry.out(Reason(record["reason"]), record["detail"])
    elif entry.is_in:
        entry = entry.out(Reason.UNREADABLE, "it changed while the set was prepared")
    return Judged(entry, line.music, record)


def _learn(place: Place, splits: Splits, keeping: Keeping, taken: TakenBack) -> _Known:
    known, duplicates = _Known(), Duplicates()
    for number, line in enumerate(drafted(place, with_sound=True)):
        judged = _judged(line, keeping, taken)
        entry = judged.entry
        known.ids.append(entry.id)
        if entry.is_in and judged.record is not None:
            splits.see(entry.group, entry.split)
            duplicates.add(number, entry.sha256, from_text(judged.record["sketch"]))
        elif entry.reason in RIGHTS and entry.sha256:
            known.barred.add(bytes.fromhex(entry.sha256))
    known.twins = duplicates.find(lambda number: keeping.fingerprint(known.ids[number]))
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

    def __init__(self, place: Place, rule: Rule, job: Job, keeping: Keeping, stack: ExitStack) -> None:
        self._place, self._rule, self._job = place, rule, job
        self._keeping, self._stack = keeping, stack
        self._ledger = stack.enter_context(files.written(place.ledger))
        self._digest = hashlib.sha256()
        self._tracks_path = place.folder / "work" / "tracks.jsonl"
        self._tracks = stack.enter_context(files.written(self._tracks_path))
        self._shards = {split: ShardWriter(place, split) for split in SPLITS}
        self._counts = {split: Count() for split in SPLITS}
        self._licenses: Counter[str] = Counter()

    def add(self, judged: Judged) -> None:
        entry, record = judged.entry, judged.record
        line = files.to_line(entry.to_dict())
        self._ledger.write(line)
        self._digest.update(line)
        if record is not None:
            self._keeping.see(entry, record)
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
        info = audiocraft.info(
            entry, music, duration_s=duration_s, sample_rate=rate, ending=self._keeping.ending
        )
        text = audiocraft.to_bytes(info)
        self._shards[split].add(self._keeping.sample(entry, split, text, record))
        self._tracks.write(files.to_line(held_line(entry)))
        count = self._counts[split]
        self._counts[split] = Count(tracks=count.tracks + 1, seconds=round(count.seconds + duration_s, 3))
        self._licenses[entry.license] += 1

    def finish(self) -> Manifest:
        written = [shard for split in SPLITS for shard in self._shards[split].close()]
        self._stack.close()
        traits, codec = self._rule.traits, self._job.codec
        licenses = [*self._licenses, traits.text_license] if self._licenses else []
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
            license=all_of(licenses),
            licenses=dict(sorted(self._licenses.items())),
            text_license=traits.text_license,
            text_attribution=traits.text_attribution,
            splits=self._counts,
            ledger=self._digest.hexdigest(),
            shards=tuple(Shard.model_validate(shard) for shard in written),
        )
        keep(self._place, manifest, self._tracks_path)
        shards.prune(self._place, written)
        self._keeping.finish()
        self._place.draft.unlink()
        return manifest
