"""NSynth: single notes of 4 s, as wav files beside examples.json or as TFRecords, both of the same fields.

nsynth-{train,valid,test}/{examples.json, audio/<note_str>.wav}
nsynth-{train,valid,test}.tfrecord (or parts: .tfrecord-00000-of-00010)

Instruments of the training set are in no other; they are what splits keep apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from muscgen.data.readers import tfrecord
from muscgen.data.readers.tables import relative
from muscgen.data.track import SPLITS, Claim, Expected, Flaw, Music, Split, Track, Traits
from muscgen.errors import InvalidRequest

TRAITS = Traits(text_license="CC-BY-4.0", text_attribution="NSynth (Engel et al., 2017)", notes=True)
PUBLISHED = Claim(
    "url", "https://creativecommons.org/licenses/by/4.0/", "magenta.tensorflow.org/datasets/nsynth"
)
URL = "https://magenta.tensorflow.org/datasets/nsynth"
NOTE_S = 4.0
NEEDED = (
    "note_str", "instrument_str", "instrument_family_str", "instrument_source_str", "pitch", "velocity",
    "qualities_str", "sample_rate",
)  # fmt: skip
_NAME = re.compile(r"[a-z_]+_(?:acoustic|electronic|synthetic)_\d{3}-\d{3}-\d{3}")
_SCALE = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
_TOUCH = (
    (37, "very softly"),
    (62, "softly"),
    (87, "at medium strength"),
    (113, "loudly"),
    (128, "very loudly"),
)


def read(root: Path) -> Iterator[Track | Flaw]:
    """Raises InvalidRequest where the folder holds nothing of NSynth's."""
    places = [(split, folder) for split in SPLITS if (folder := root / f"nsynth-{split}").is_dir()]
    files = [(split, path) for split in SPLITS for path in sorted(root.glob(f"nsynth-{split}.tfrecord*"))]
    if not places and not files:
        raise InvalidRequest(
            f"{root} holds neither nsynth-train (valid, test) nor nsynth-train.tfrecord",
            param="path",
            suggestion="the folder that nsynth-train.jsonwav.tar.gz was unpacked in",
        )
    for split, folder in places:
        yield from _from_json(folder, split, root)
    unpacked = {split for split, _ in places}  # the same notes are not read twice
    for split, path in files:
        if split not in unpacked:
            yield from _from_records(path, split, root)


def _from_json(folder: Path, split: Split, root: Path) -> Iterator[Track | Flaw]:
    """examples.json holds all notes in one object of 300 MB, so it is read note by note."""
    import ijson

    table = folder / "examples.json"
    name = relative(table, root)
    try:
        with table.open("rb") as file:
            for note, fields in ijson.kvitems(file, ""):
                if (
                    not _NAME.fullmatch(note)
                    or not isinstance(fields, dict)
                    or fields.get("note_str") != note
                ):
                    yield Flaw(f"{name} {note[:80]}", "it is no note, or another one than its name says")
                else:
                    yield _track(fields, f"{name} {note}", f"{folder.name}/audio/{note}.wav", split)
    except OSError as error:
        raise InvalidRequest(f"{name} cannot be read: {error.strerror}", param="path") from error
    except ijson.JSONError as error:
        yield Flaw(name, f"it cannot be read any further: {str(error).splitlines()[0]}")


def _from_records(path: Path, split: Split, root: Path) -> Iterator[Track | Flaw]:
    name = relative(path, root)
    try:
        for record in tfrecord.records(path):
            place = f"{name} byte {record.start}"
            if record.damage:
                yield Flaw(place, record.damage)
                continue
            yield _from_example(record, place, name, split)
    except tfrecord.Damaged as damage:
        yield Flaw(name, str(damage))


def _from_example(record: tfrecord.Record, place: str, name: str, split: Split) -> Track | Flaw:
    try:
        features = tfrecord.example(record.content, leave_out=frozenset({"audio"}))
    except tfrecord.Damaged as damage:
        return Flaw(place, str(damage))
    fields = {key: _plain(key, values) for key, values in features.items()}
    return _track(fields, place, name, split, (record.start, len(record.content)))


def _plain(name: str, values: tfrecord.Values) -> Any:  # noqa: ANN401  (as examples.json has it)
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
    if name in ("qualities", "qualities_str"):
        return texts
    return texts[0] if len(texts) == 1 else None


def _track(
    fields: Any,  # noqa: ANN401
    place: str,
    path: str,
    split: Split,
    span: tuple[int, int] | None = None,
) -> Track | Flaw:
    if not isinstance(fields, dict) or (missing := [name for name in NEEDED if fields.get(name) is None]):
        return Flaw(place, f"fields are missing: {', '.join(missing) if isinstance(fields, dict) else 'all'}")
    note, pitch, velocity = str(fields["note_str"]), fields["pitch"], fields["velocity"]
    if not _NAME.fullmatch(note) or not isinstance(pitch, int) or not isinstance(velocity, int):
        return Flaw(place, f"{note!r} with pitch {pitch!r} and velocity {velocity!r} is no note")
    return Track(
        id=f"nsynth-{note}",
        path=path,
        group=str(fields["instrument_str"]),
        span=span,
        split=split,
        title=note,
        artist="NSynth",
        url=URL,
        claims=(PUBLISHED,),
        music=_music(fields),
        expected=Expected(duration_s=NOTE_S),
    )


def _music(fields: dict[str, Any]) -> Music:
    family = str(fields["instrument_family_str"]).replace("_", " ")
    source = str(fields["instrument_source_str"])
    qualities = tuple(str(word).replace("_", " ") for word in fields["qualities_str"])
    pitch = fields["pitch"]
    name = f"{_SCALE[pitch % 12]}{pitch // 12 - 1}"  # MIDI: 60 is C4
    touch = next(words for above, words in _TOUCH if fields["velocity"] < above or above == _TOUCH[-1][0])
    article = "an" if source[:1] in "aeiou" else "a"
    sentence = f"A single note of {article} {source} {family}, {name}, played {touch}"
    return Music(
        description=f"{sentence}; {', '.join(qualities)}." if qualities else f"{sentence}.",
        keywords=("single note", source, *qualities),
        instruments=(family,),
    )
