"""Copies of the published layouts, made in code: the same files, columns, quoting and oddities."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import struct
from pathlib import Path

import google_crc32c
import numpy as np
import soundfile
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from data.tunes import tune, write

ALBUM = (
    "comments date_created date_released engineer favorites id information listens producer tags title "
    "tracks type"
)
ARTIST = (
    "active_year_begin active_year_end associated_labels bio comments date_created favorites id latitude "
    "location longitude members name related_projects tags website wikipedia_page"
)
TRACK = (
    "bit_rate comments composer date_created date_recorded duration favorites genre_top genres genres_all "
    "information interest language_code license listens lyricist number publisher tags title"
)
RAW = (
    "track_id album_id album_title album_url artist_id artist_name artist_url artist_website "
    "license_image_file license_image_file_large license_parent_id license_title license_url tags "
    "track_bit_rate track_comments track_composer track_copyright_c track_copyright_p track_date_created "
    "track_date_recorded track_disc_number track_duration track_explicit track_explicit_notes "
    "track_favorites track_file track_genres track_image_file track_information track_instrumental "
    "track_interest track_language_code track_listens track_lyricist track_number track_publisher "
    "track_title track_url"
)
MUSICCAPS = (
    "ytid start_s end_s audioset_positive_labels aspect_list caption author_id is_balanced_subset "
    "is_audioset_eval"
)
FMA_COLUMNS = [
    (group, name)
    for group, names in (("album", ALBUM), ("artist", ARTIST), ("set", "split subset"), ("track", TRACK))
    for name in names.split()
]
LICENCES = (
    ("Attribution-NonCommercial-ShareAlike 3.0 International", "http://creativecommons.org/licenses/by-nc-sa/3.0/"),
    ("Attribution", "http://creativecommons.org/licenses/by/4.0/"),
    ("Attribution-Noncommercial-No Derivative Works 3.0 United States", "http://creativecommons.org/licenses/by-nc-nd/3.0/us/"),
    ("CC0 1.0 Universal", "http://creativecommons.org/publicdomain/zero/1.0/"),
    ("Attribution-ShareAlike 3.0 International", "http://creativecommons.org/licenses/by-sa/3.0/"),
    ("FMA-Limited: Download Only", "http://www.freemusicarchive.org/FMA_License"),
    ("", ""),
)  # fmt: skip
MAESTRO = "canonical_composer canonical_title split year midi_filename audio_filename duration"
MAESTRO_LICENSE = """Attribution-NonCommercial-ShareAlike 4.0 International

=======================================================================

Creative Commons Corporation ("Creative Commons") is not a law firm and
does not provide legal services or legal advice.
"""


def maestro(root: Path, count: int, *, ending: str = "csv", audio: bool = True, licence: bool = True) -> Path:
    """maestro-v3.0.0 of so many pieces, two performances of each."""
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for n in range(count):
        year = f"20{4 + n % 15:02d}"
        name = f"{year}/MIDI-Unprocessed_XP_{n:02d}_R1_{year}_01_ORIG_MID--AUDIO_{n:02d}_R1"
        composer = ("Alban Berg", "Frédéric Chopin", "Johann Sebastian Bach / Ferruccio Busoni")[n // 2 % 3]
        split = ("train", "train", "validation", "test")[n // 2 % 4]
        title = f'Sonata No. {n // 2}, "Grande", Op. {n // 2}'
        seconds = 2.0
        rows.append(
            [composer, title, split, f"20{4 + n % 15:02d}", f"{name}.midi", f"{name}.wav", f"{seconds:.9f}"]
        )
        if audio:
            write(root / f"{name}.wav", n, seconds, 44_100, 2)
            (root / f"{name}.midi").write_bytes(b"MThd\0\0\0\6\0\1\0\2\1\x80")
    if licence:
        (root / "LICENSE").write_text(MAESTRO_LICENSE)
    (root / "README").write_text("# The MAESTRO Dataset v3.0.0\n")
    if ending == "csv":
        _csv(root / "maestro-v3.0.0.csv", [MAESTRO.split(), *rows])
    else:
        columns = {
            name: {str(n): row[i] for n, row in enumerate(rows)} for i, name in enumerate(MAESTRO.split())
        }
        for kind, name in ((int, "year"), (float, "duration")):
            columns[name] = {n: kind(value) for n, value in columns[name].items()}
        (root / "maestro-v3.0.0.json").write_text(json.dumps(columns))
    return root


def fma(
    root: Path, count: int, *, size: str = "small", audio: bool = True, seconds: float = 2.0, first: int = 2
) -> Path:
    """fma_metadata and fma_<size>: tracks 2, 3, 5 ... under licences that take turns, three to an artist."""
    metadata, sounds = root / "fma_metadata", root / f"fma_{size}"
    metadata.mkdir(parents=True, exist_ok=True)
    sounds.mkdir(exist_ok=True)
    sums = []
    with (
        (metadata / "tracks.csv").open("w", encoding="utf-8", newline="") as tracks,
        (metadata / "raw_tracks.csv").open("w", encoding="utf-8", newline="") as raws,
    ):
        table, raw = csv.writer(tracks, lineterminator="\n"), csv.writer(raws, lineterminator="\n")
        table.writerow(["", *(group for group, _ in FMA_COLUMNS)])
        table.writerow(["", *(name for _, name in FMA_COLUMNS)])
        table.writerow(["track_id", *("" for _ in FMA_COLUMNS)])
        raw.writerow(RAW.split())
        for n in range(count):
            tid = n * 3 // 2 + first
            title, url = LICENCES[n % len(LICENCES)]
            artist = n // 3 + 1
            fields = {
                ("artist", "id"): str(artist),
                ("artist", "name"): f'Artist {artist}, the "Great"',
                ("artist", "bio"): "<p>Born in\nBasel</p>",
                ("set", "split"): ("training", "training", "validation", "test")[artist % 4],
                ("set", "subset"): ("small", "small", "medium", "large")[n % 4],
                ("track", "duration"): str(round(seconds)),
                ("track", "genre_top"): "Hip-Hop" if n % 2 else "",
                ("track", "genres"): "[21, 10]",
                ("track", "genres_all"): "[21, 10]",
                ("track", "license"): title,
                ("track", "tags"): "['lo-fi', \"don't\"]" if n % 2 else "[]",
                ("track", "title"): f"Song {n}",
            }
            table.writerow([str(tid), *(fields.get(column, "0") for column in FMA_COLUMNS)])
            known = {"track_id": str(tid), "license_title": title, "license_url": url}
            known["track_url"] = f"http://freemusicarchive.org/music/A{artist}/Album/Song_{n}"
            raw.writerow([known.get(name, "") for name in RAW.split()])
            if audio:
                path = write(sounds / f"{tid // 1000:03d}" / f"{tid:06d}.mp3", n, seconds, 44_100, 2)
                digest = hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
                sums.append(f"{digest}  {tid // 1000:03d}/{tid:06d}.mp3\n")
    genres = "genre_id,#tracks,parent,title,top_level\n10,13845,0,Pop,10\n21,8389,0,Hip-Hop,21\n"
    (metadata / "genres.csv").write_text(genres)
    if audio:
        (sounds / "checksums").write_text("".join(sums))
        (sounds / "README.txt").write_text("see fma_metadata\n")
    return root


def notes(count: int):
    """The fields of NSynth notes, as examples.json has them."""
    for n in range(count):
        family, number = ("bass", 0) if n % 2 else ("guitar", 3)
        instrument, pitch, velocity = (
            f"{family}_acoustic_{n // 4:03d}",
            40 + n % 48,
            (25, 50, 75, 100, 127)[n % 5],
        )
        yield {
            "qualities": [0, 1, 0, 0, 0, 0, 0, 0, 1, 0] if n % 3 else [0] * 10,
            "pitch": pitch,
            "note": 100_000 + n,
            "instrument_source_str": "acoustic",
            "velocity": velocity,
            "instrument_str": instrument,
            "instrument": n // 4,
            "sample_rate": 16_000,
            "qualities_str": ["dark", "reverb"] if n % 3 else [],
            "instrument_source": 0,
            "note_str": f"{instrument}-{pitch:03d}-{velocity:03d}",
            "instrument_family": number,
            "instrument_family_str": family,
        }


def nsynth(root: Path, count: int, *, split: str = "train", audio: bool = True) -> Path:
    """nsynth-train: examples.json and wav files."""
    folder = root / f"nsynth-{split}"
    (folder / "audio").mkdir(parents=True)
    found = {}
    for n, note in enumerate(notes(count)):
        found[note["note_str"]] = note
        if audio:
            path = folder / "audio" / f"{note['note_str']}.wav"
            soundfile.write(path, tune(n, 4.0, 16_000), 16_000, subtype="PCM_16")
    (folder / "examples.json").write_text(json.dumps(found, indent=4))
    return root


def nsynth_records(root: Path, count: int, *, split: str = "train", samples: int = 64_000) -> Path:
    """nsynth-train.tfrecord, serialised by protobuf's own code."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"nsynth-{split}.tfrecord"
    with path.open("wb") as file:
        for n, note in enumerate(notes(count)):
            file.write(framed(example(note | {"audio": tune(n, 4.0, 16_000)[:samples, 0]})))
    return path


def framed(content: bytes) -> bytes:
    """A record of a TFRecord file."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def _masked(content: bytes) -> bytes:
    crc = google_crc32c.value(content)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def example(fields) -> bytes:
    """A serialised tf.train.Example."""
    message = _EXAMPLE()
    for name, value in fields.items():
        feature = message.features.feature[name]
        values = list(value) if isinstance(value, list | np.ndarray) else [value]
        if values and isinstance(values[0], str):
            feature.bytes_list.value.extend(text.encode() for text in values)
        elif values and isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        elif values:
            feature.float_list.value.extend(float(number) for number in values)
        else:
            feature.bytes_list.SetInParent()
    return message.SerializeToString()


def _example_class():
    """tf.train.Example after tensorflow/core/example/{example,feature}.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for number, (field, kind, label, type_name) in enumerate(fields, 1):
            made.field.add(name=field, number=number, type=kind, label=label, type_name=type_name)
        return made

    one, many = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
    message("BytesList", ("value", kinds.TYPE_BYTES, many, None))
    message("FloatList", ("value", kinds.TYPE_FLOAT, many, None))
    message("Int64List", ("value", kinds.TYPE_INT64, many, None))
    feature = message(
        "Feature",
        ("bytes_list", kinds.TYPE_MESSAGE, one, ".t.BytesList"),
        ("float_list", kinds.TYPE_MESSAGE, one, ".t.FloatList"),
        ("int64_list", kinds.TYPE_MESSAGE, one, ".t.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = message("Features", ("feature", kinds.TYPE_MESSAGE, many, ".t.Features.FeatureEntry"))
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=one)
    entry.field.add(name="value", number=2, type=kinds.TYPE_MESSAGE, label=one, type_name=".t.Feature")
    message("Example", ("features", kinds.TYPE_MESSAGE, one, ".t.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


_EXAMPLE = _example_class()

ONTOLOGY = (
    ("/m/04rlf", "Music", ["/m/04szw", "/m/0glt670", "/t/dd00030"]),
    ("/m/04szw", "Musical instrument", ["/m/05r5c"]),
    ("/m/05r5c", "Piano", []),
    ("/m/0glt670", "Music genre", ["/m/064t9", "/m/0ggx5q"]),
    ("/m/064t9", "Pop music", []),
    ("/m/0ggx5q", "Ambient music", []),
    ("/t/dd00030", "Music mood", ["/t/dd00033"]),
    ("/t/dd00033", "Sad music", []),
    ("/m/09x0r", "Speech", []),
)


def videos(count: int) -> list[str]:
    return [f"-a{n:08d}_"[:11].ljust(11, "x") for n in range(count)]


def audioset(root: Path, count: int, *, audio: bool = True) -> Path:
    """Segments, ontology, MusicCaps, and the user's own sound under audio/."""
    root.mkdir(parents=True, exist_ok=True)
    names = videos(count)
    with (root / "balanced_train_segments.csv").open("w", encoding="utf-8") as file:
        file.write("# Segments csv created Sun Mar  5 10:54:31 2017\n")
        file.write(
            f"# num_ytids={count}, num_segs={count}, num_unique_labels=527, num_positive_labels=52882\n"
        )
        file.write("# YTID, start_seconds, end_seconds, positive_labels\n")
        for n, name in enumerate(names):
            labels = ("/m/04rlf,/m/05r5c,/m/0ggx5q", "/m/09x0r", "/t/dd00033,/m/064t9")[n % 3]
            file.write(f'{name}, {30 * (n % 5)}.000, {30 * (n % 5) + 10}.000, "{labels}"\n')
    nodes = [
        {
            "id": mid, "name": name, "description": f"What is called {name}.", "citation_uri": "",
            "positive_examples": [], "child_ids": children, "restrictions": [],
        }
        for mid, name, children in ONTOLOGY
    ]  # fmt: skip
    (root / "ontology.json").write_text(json.dumps(nodes, indent=2))
    rows = [
        [
            name, "30", "40", "/m/04rlf,/m/05r5c", "['slow', \"pianist's touch\", 'calm']",
            "A calm piano\nplays slowly.", "4", "False", "True",
        ]
        for name in names[:1]
    ]  # fmt: skip
    _csv(root / "musiccaps-public.csv", [MUSICCAPS.split(), *rows])
    if audio:
        endings = ("{}.wav", "Y{}.wav", "{}_30.wav", "[{}]-[30-40].wav")
        for n, name in enumerate(names):
            write(root / "audio" / endings[n % 4].format(name), n)
    return root


def _csv(path: Path, rows) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), "utf-8")
