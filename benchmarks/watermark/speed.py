"""How fast: in seconds of music a second of one core, by the process's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.watermark.material import Track
from benchmarks.watermark.survival import SECRET, mark_of
from muscgen.audio import Audio
from muscgen.provenance.watermark import detect

_EXCERPT_S = 10.0


@dataclass(frozen=True, slots=True)
class Speed:
    """Times real time. unmarked: the worst case, for everything is tried; with one key, or with five."""

    write: float
    find_marked: float
    find_unmarked: float
    find_unmarked_whole: float
    find_unmarked_five_keys: float


def measure(tracks: Sequence[Track]) -> Speed:
    """With one thread: OPENBLAS_NUM_THREADS=1, as `__main__` sets it."""
    songs = [track.audio for track in tracks]
    marked = [mark_of(0).write(song) for song in songs]
    five = {str(number): SECRET + bytes([number]) for number in range(5)}
    one = {"": SECRET + b"another"}
    detect(_start(songs[0]), one | five | {"": SECRET})  # the keys' patterns are drawn once a process
    return Speed(
        _times(mark_of(0).write, songs),
        _times(lambda song: detect(song, {"": SECRET}), [_start(song) for song in marked]),
        _times(lambda song: detect(song, one), [_start(song) for song in songs]),
        _times(lambda song: detect(song, one), songs),
        _times(lambda song: detect(song, five), [_start(song) for song in songs]),
    )


def _start(song: Audio) -> Audio:
    return Audio(song.samples[:, : round(_EXCERPT_S * song.sample_rate)], song.sample_rate)


def _times(work: Callable[[Audio], object], songs: Sequence[Audio]) -> float:
    began = time.process_time()
    for song in songs:
        work(song)
    return sum(song.duration_s for song in songs) / (time.process_time() - began)
