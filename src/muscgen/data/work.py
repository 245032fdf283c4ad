"""One track's sound, from the data set to what a model learns from. Whoever does it leaves the same files.

hash ─► decode in a limited process ─► fit to learn from? ─► rate, channels, level ─► flac, measures ─► codes
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from muscgen.audio import Audio
from muscgen.backends.listening import Listener
from muscgen.data import place as files
from muscgen.data import spoken
from muscgen.data.fingerprint import NO_FINGERPRINT, fingerprint
from muscgen.data.ledger import Reason
from muscgen.data.measure import measure, unfit
from muscgen.data.place import Place
from muscgen.data.sources import Source, opened
from muscgen.data.spoken import NotSpoken
from muscgen.errors import UnreadableAudio
from muscgen.finishing.loudness import integrated, true_peak_db
from muscgen.intake import Limits, decode, fitted

VERSION = 1  # count up when the same order gives other files
LIMITS = Limits(max_s=3_700.0, cpu_s=300, wall_s=600.0, memory_bytes=8_000_000_000)
CEILING_DB = -1.0  # no gain takes the true peak beyond
_INT16 = 32_768


@dataclass(frozen=True, slots=True)
class Sound:
    """What every prepared sound is. loudness_lufs: None leaves levels as they are."""

    sample_rate: int
    channels: int
    loudness_lufs: float | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted of one track. prepare: False only hashes it, for the ledger of what is out."""

    id: str
    source: Source
    prepare: bool
    notes: bool
    sha1: str = ""
    duration_s: float | None = None
    flaw: str = ""
    codes: str = ""  # SHA-256 of the file of codes beside it

    def key(self, sound: Sound) -> str:
        """Of everything that its files follow from, beside the source's content."""
        mine = asdict(self)
        del mine["source"]["file"]  # where the set lies does not matter
        if not self.codes:
            del mine["codes"]
        parts = {"version": VERSION, "order": mine, "sound": asdict(sound)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the work goes, and with what. codec, books: revisions of the listener's codec."""

    place: Place
    sound: Sound
    listener: Listener | None = None
    codec: str = ""
    books: str = ""


def work(order: Order, bench: Bench) -> dict[str, Any]:
    """The track's record, from the disk where it lies there and still holds; then with its codes."""
    record = _kept(order, bench)
    if record is None:
        record = _made(order, bench)
        files.write(bench.place.record(order.id), files.to_line(record))
    if record["reason"] == Reason.PERMITTED and order.prepare:
        try:
            _encode(record, order, bench)
        except NotSpoken as error:
            name = spoken.beside(Path(order.source.name)).name
            record = failed(order, bench, Reason.UNFIT, f"{name}: {error}", record["sha256"])
            record |= {"codec": [bench.codec, bench.books]}  # another may take them, or leave them
            files.write(bench.place.record(order.id), files.to_line(record))
    return record


def given_up(order: Order, bench: Bench, detail: str) -> dict[str, Any]:
    """The record, on the disk too, of a track that is tried again in the next run."""
    record = failed(order, bench, Reason.UNREADABLE, detail) | {"again": True}
    files.write(bench.place.record(order.id), files.to_line(record))
    return record


def made_of(order: Order, place: Place, sound: Sound) -> dict[str, Any] | None:
    """The record on the disk, if it is of this order and of the file as it is."""
    found = next(files.lines(place.record(order.id)), None)
    if found is None or found["key"] != order.key(sound) or found["stamp"] != order.source.stamp():
        return None
    return found


def codes_name(record: dict[str, Any]) -> str:
    """Of a prepared sound's codes: its own hash, or one of the codes that lay beside it too."""
    clip = record["clip"]
    return str(clip.get("codes") or clip["sha256"])


def failed(order: Order, bench: Bench, reason: Reason, detail: str, sha256: str = "") -> dict[str, Any]:
    """The record of a track that came to nothing."""
    return {
        "id": order.id,
        "key": order.key(bench.sound),
        "stamp": order.source.stamp(),
        "bytes": order.source.size,
        "sha256": sha256,
        "reason": reason,
        "detail": detail,
        "reused": False,
    }


def _kept(order: Order, bench: Bench) -> dict[str, Any] | None:
    """The record of an earlier run, if nothing that it follows from has changed."""
    found = made_of(order, bench.place, bench.sound)
    codec = [bench.codec, bench.books]
    if found is None or "again" in found or found.get("codec", codec) != codec:
        return None
    if "clip" in found and not bench.place.clip(order.id).is_file():
        return None
    return found | {"reused": True}


def _made(order: Order, bench: Bench) -> dict[str, Any]:
    if order.source.stamp() is None:
        return failed(order, bench, Reason.MISSING, f"there is no file {order.source.name}")
    try:
        sha256, sha1 = order.source.digests(with_sha1=bool(order.sha1))
    except OSError as error:
        words = f"it cannot be read: {error.strerror}"
        return failed(order, bench, Reason.UNREADABLE, words) | {"again": True}
    if order.prepare and order.flaw:
        return failed(order, bench, Reason.UNFIT, order.flaw, sha256)
    if order.sha1 and sha1 != order.sha1:
        return failed(order, bench, Reason.WRONG_CHECKSUM, f"its SHA-1 is {sha1}, not {order.sha1}", sha256)
    if not order.prepare:
        return failed(order, bench, Reason.PERMITTED, "", sha256)
    return _prepared(order, bench, sha256)


def _prepared(order: Order, bench: Bench, sha256: str) -> dict[str, Any]:
    """Leaves the track's clip."""
    try:
        audio = _decoded(order.source)
    except UnreadableAudio as error:
        return failed(order, bench, Reason.UNREADABLE, error.detail, sha256)
    if fault := unfit(audio, order.duration_s):
        return failed(order, bench, *fault, sha256)
    samples, content = _finished(audio, bench.sound)
    bench.place.record(order.id).unlink(missing_ok=True)  # it is not of what is written now
    files.write(bench.place.clip(order.id), content)
    sha256_clip = hashlib.sha256(content).hexdigest()
    clip = {"sha256": sha256_clip, "bytes": len(content)}
    if order.codes:
        clip["codes"] = hashlib.sha256(f"{sha256_clip} {order.codes}".encode()).hexdigest()
    marks = NO_FINGERPRINT if order.notes else fingerprint(samples)
    frames, sketch = marks.to_text()
    return failed(order, bench, Reason.PERMITTED, "", sha256) | {
        "clip": clip,
        "measured": asdict(measure(samples, notes=order.notes)),
        "fingerprint": frames,
        "sketch": sketch,
    }


def _decoded(source: Source) -> Audio:
    with opened(source) as content:
        return content if isinstance(content, Audio) else decode(content, limits=LIMITS)


def _finished(audio: Audio, sound: Sound) -> tuple[Audio, bytes]:
    """The sound as it is kept, and its file: 16 bits, so that what is measured is what a reader hears."""
    samples = fitted(audio, sound.sample_rate, sound.channels)
    if sound.loudness_lufs is not None:
        samples = samples * _gain(Audio(samples, sound.sample_rate), sound.loudness_lufs)
    whole = np.rint(samples * _INT16).clip(-_INT16, _INT16 - 1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, whole.T, sound.sample_rate, format="FLAC", subtype="PCM_16")
    return Audio(_floats(whole), sound.sample_rate), file.getvalue()


def _gain(audio: Audio, loudness_lufs: float) -> np.float32:
    gain_db = min(loudness_lufs - integrated(audio), CEILING_DB - true_peak_db(audio))
    return np.float32(10 ** (gain_db / 20))


def _encode(record: dict[str, Any], order: Order, bench: Bench) -> None:
    """Leaves the codes [K, F] of a prepared sound beside it, for this codec, unless they are there.

    Raises NotSpoken for a file of codes beside the source that is none, or not this sound's.
    """
    if bench.listener is None:
        return
    path = bench.place.codes(bench.codec, codes_name(record))
    if path.is_file():
        return
    whole, _ = soundfile.read(bench.place.clip(order.id), dtype="int16", always_2d=True)
    frames = len(whole) // bench.listener.shape.hop  # whole ones
    codes = _said(order, bench, frames)
    if codes is None:
        codes = bench.listener.encode(_floats(whole.T)[:, : frames * bench.listener.shape.hop])
    kept = codes.astype(np.int16 if bench.listener.shape.vocabulary <= _INT16 else np.int32)
    file = io.BytesIO()
    np.save(file, kept, allow_pickle=False)
    files.write(path, file.getvalue())


def _said(order: Order, bench: Bench, frames: int) -> NDArray[np.integer] | None:
    """The codes beside the source, where this codec speaks them. Raises NotSpoken."""
    if not order.codes or bench.listener is None:
        return None
    found = spoken.read(Path(order.source.file))
    if found.books != bench.books:
        return None
    spoken.check(found.codes, bench.listener.shape, frames)
    return found.codes


def _floats(whole: NDArray[np.int16]) -> NDArray[np.float32]:
    return np.ascontiguousarray(whole, np.float32) / np.float32(_INT16)
