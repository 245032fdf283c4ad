"""What the lead plays: a motif of few rhythms and steps over the chords of a phrase; or broken chords."""

from __future__ import annotations

import random
from bisect import bisect_left
from dataclasses import dataclass

from tinysong import rhythms
from tinysong.harmony import Bar, Scale, at, ladders

Sung = list[tuple[int, int, int]]  # of a bar: start and length in sixteenths, pitch
_FORMS = ("aabc", "aabc", "abac", "aaac")  # of a phrase's bars; c is its cadence
_RIFF_FORMS = ("aaba", "aaba", "aaac")
_LONG = 6  # sixteenths; so long a note is one of the chord
_LOWEST, _HIGHEST, _MIDDLE = 1, 21, (9, 10, 11, 12)  # above the instrument's lowest pitch


@dataclass(frozen=True, slots=True)
class Voice:
    """Who sings, and in which key."""

    low: int
    key: int
    minor: bool
    scale: Scale
    slots: int  # of a bar

    def ladders(self, bar: Bar, slot: int) -> tuple[list[int], list[int]]:
        chord, low = at(bar, slot), self.low
        return ladders(self.scale, self.minor, chord, self.key, low + _LOWEST, low + _HIGHEST)

    def strong(self, slot: int) -> bool:
        return slot % (8 if self.slots == 16 else 12) == 0


@dataclass(frozen=True, slots=True)
class Motif:
    """Material of a letter. figure: of broken chords, which then are all that is played."""

    form: str
    rhythm: dict[str, str]
    steps: dict[str, tuple[int, ...]]
    starts: tuple[int, int, int, int]
    figure: tuple[int, ...] = ()


def motif(voice: Voice, kind: str, draws: random.Random, *, riff: bool) -> Motif:
    """kind: of rhythms.MELODIES, or of BROKEN."""
    three = voice.slots != 16
    if kind in rhythms.BROKEN:
        pattern = rhythms.BROKEN["broken" if three and kind != "slow broken" else kind][: voice.slots]
        figure = draws.choice(rhythms.FIGURES_IN_THREE if three else rhythms.FIGURES)
        base = voice.low + draws.randrange(0, 7)
        return Motif("aaaa", {"a": pattern}, {}, (base,) * 4, figure)
    if three:
        kind = rhythms.THREE.get(kind, "three fast")
    pool, ends = rhythms.MELODIES[kind], rhythms.CADENCES[rhythms.ENDING.get(kind, "even")]
    first = voice.low + draws.choice(_MIDDLE) + draws.choice((-3, 0, 0, 3))
    rise = draws.choice((0, 0, 2, 3))
    return Motif(
        form=draws.choice(_RIFF_FORMS if riff else _FORMS),
        rhythm={"a": draws.choice(pool), "b": draws.choice(pool), "c": draws.choice(ends)},
        steps={letter: _steps(draws) for letter in "abv"},
        starts=(first, first + rise, first + draws.choice((3, 4, 5)), first + rise),
    )


def phrase(voice: Voice, motif: Motif, chords: list[Bar], *, varied: bool, home: bool) -> list[Sung]:
    """A bar for each of chords, at most four. varied: some go other ways; home: to the tonic."""
    if motif.figure:
        return [_broken(voice, motif, bar) for bar in chords]
    found: list[Sung] = []
    last = motif.starts[0]
    for n, (letter, bar) in enumerate(zip(motif.form, chords, strict=False)):
        closes = n == len(chords) - 1 and (home or letter == "c")
        if closes:
            sung = _cadence(voice, motif.rhythm["c"], last, bar, motif.starts[0], home=home)
        else:
            own = "a" if letter == "c" else letter
            steps = motif.steps["v" if varied and n % 2 else own]
            sung = _sung(voice, motif.rhythm[own], steps, motif.starts[n], bar)
        last = sung[-1][2]
        found.append(sung)
    return found


def tonic(voice: Voice, near: int) -> int:
    """The nearest one in reach."""
    reach = range(voice.low + _LOWEST, voice.low + _HIGHEST + 1)
    return min((p for p in reach if (p - voice.key) % 12 == 0), key=lambda p: abs(p - near))


def _steps(draws: random.Random) -> tuple[int, ...]:
    """Of a contour: mostly single ones that keep their direction; a leap is answered by a step back."""
    found: list[int] = []
    up, leapt = draws.choice((-1, 1)), False
    for _ in range(16):
        if leapt:
            up, leapt = -up, False
            found.append(up)
            continue
        size = draws.choices((1, 0, 2, 3, 4), (62, 10, 14, 9, 5))[0]
        leapt = size > 2
        found.append(size * up)
        if draws.random() < 0.3:
            up = -up
    return tuple(found)


def _sung(voice: Voice, rhythm: str, steps: tuple[int, ...], start: int, bar: Bar) -> Sung:
    """Strong and long notes are of the chord."""
    found: Sung = []
    pitch = start
    for n, (slot, length, _) in enumerate(rhythms.onsets(rhythm)):
        scale, tones = voice.ladders(bar, slot)
        place = _nearest(scale, pitch) + (steps[n - 1] if n else 0)
        pitch = scale[_within(place, len(scale))]
        if voice.strong(slot) or length >= _LONG or n == 0:
            pitch = tones[_nearest(tones, pitch)]
        found.append((slot, length, pitch))
    return found


def _cadence(voice: Voice, rhythm: str, start: int, bar: Bar, middle: int, *, home: bool) -> Sung:
    """Straight to a tone of the last chord; the tonic where it is one."""
    notes = rhythms.onsets(rhythm)
    _, tones = voice.ladders(bar, notes[-1][0])
    goals = [pitch for pitch in tones if home and (pitch - voice.key) % 12 == 0] or tones
    goal = min(goals, key=lambda pitch: 0.6 * abs(pitch - middle) + 0.5 * abs(pitch - start))
    found: Sung = []
    for n, (slot, length, _) in enumerate(notes[:-1]):
        scale, tones = voice.ladders(bar, slot)
        first, then = _nearest(scale, start), _nearest(scale, goal)
        pitch = scale[_within(first + round((then - first) * (n + 0.6) / len(notes)), len(scale))]
        found.append((slot, length, tones[_nearest(tones, pitch)] if voice.strong(slot) else pitch))
    return [*found, (notes[-1][0], notes[-1][1], goal)]


def _broken(voice: Voice, motif: Motif, bar: Bar) -> Sung:
    found: Sung = []
    for n, (slot, length, _) in enumerate(rhythms.onsets(motif.rhythm["a"])):
        _, tones = voice.ladders(bar, slot)
        ladder = tones[bisect_left(tones, motif.starts[0]) :] or tones
        found.append((slot, length, ladder[_within(motif.figure[n % len(motif.figure)], len(ladder))]))
    return found


def _within(place: int, count: int) -> int:
    """Turned back at both ends."""
    place = abs(place)
    return place if place < count else max(0, 2 * (count - 1) - place)


def _nearest(ladder: list[int], pitch: int) -> int:
    above = bisect_left(ladder, pitch)
    if above == len(ladder) or (above and pitch - ladder[above - 1] <= ladder[above] - pitch):
        return above - 1
    return above
