"""How often the mark is found in excerpts of finished files, after all that may have happened to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.watermark.attacks import Attack
from benchmarks.watermark.material import RATE, Track, at_rate, excerpt
from muscgen.audio import Audio
from muscgen.finishing import finish
from muscgen.provenance.marks import Mark
from muscgen.provenance.watermark import Detection, Payload, detect
from muscgen.provenance.watermarkers import Ours
from muscgen.request import Format, Output

SECRET = b"a key for measuring, of 32 bytes"
EXCERPT_S = 10.0
LENGTHS_S = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0)
FORMATS: tuple[Format, ...] = ("wav", "flac", "mp3", "ogg", "opus")


@dataclass(frozen=True, slots=True)
class Row:
    """found: with the right payload, and wrong: with another, of `tried`. likeness: of what was found, or 0.

    bit_errors: share of symbols heard wrong before correction, the median of those found.
    """

    name: str
    tried: int
    found: int
    wrong: int
    likeness_median: float
    likeness_least: float
    likeness_tenth: float
    bit_errors: float
    usual: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def mark_of(number: int) -> Mark:
    """Every track has a payload, and so a round, of its own."""
    return Mark(Ours({1: SECRET}), Payload.of(4_711, 1, f"track {number}"))


def finished(tracks: Sequence[Track], group: str, encoding: Format = "wav") -> list[Audio]:
    """What a player of the group's finished files hears: marked, levelled, limited, encoded."""
    output = Output(format=encoding, fade_in_s=0.5, fade_out_s=1.0)
    songs = [track.audio for track in tracks if track.group == group]
    return [at_rate(finish(song, output, {}, mark_of(at)).audio, RATE) for at, song in enumerate(songs)]


def under(attack: Attack, songs: Sequence[Audio], excerpts: int, seconds: float = EXCERPT_S) -> Row:
    """Each song attacked, and looked for in excerpts from anywhere; 0 excerpts: in the whole."""
    dice = np.random.default_rng(0)
    found = []
    for number, song in enumerate(songs):
        attacked = attack.change(song)
        for _ in range(excerpts or 1):
            part = excerpt(attacked, seconds, dice) if excerpts else attacked
            found.append((mark_of(number).payload, detect(part, {"": SECRET})))
    return _row(attack.name, found, usual=attack.usual)


def _row(name: str, found: list[tuple[Payload, Detection | None]], *, usual: bool) -> Row:
    right = [heard for payload, heard in found if heard is not None and heard.payload == payload]
    wrong = sum(heard is not None and heard.payload != payload for payload, heard in found)
    scores = [heard.likeness if heard in right and heard is not None else 0.0 for _, heard in found]
    errors = float(np.median([heard.bit_errors for heard in right])) if right else float("nan")
    return Row(
        name,
        len(found),
        len(right),
        wrong,
        float(np.median(scores)),
        min(scores),
        float(np.percentile(scores, 10)),
        errors,
        usual,
    )


def by_length(songs: Sequence[Audio], excerpts: int) -> list[Row]:
    untouched: Callable[[Audio], Audio] = lambda song: song  # noqa: E731
    return [under(Attack(f"{seconds:g} s", untouched), songs, excerpts, seconds) for seconds in LENGTHS_S]
