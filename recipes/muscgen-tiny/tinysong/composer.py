"""From a seed to a piece: the same seed is the same piece, on every machine."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tinysong import meaning
from tinysong.form import Chord, Section, chords, sections
from tinysong.score import Hit, Note, Score
from tinysong.styles import STYLES, Style

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_KICKED = {"k": "KH", "s": "SH"}
_FILL = "S.S.SSPP"  # of the last half bar before another section
_SOFT, _LOUD = 42, 118  # velocities
_VARIED = 0.3  # of a phrase's notes, when it comes back


@dataclass(frozen=True, slots=True)
class _Bar:
    """One bar of the piece: where it begins, its chord, its section, and how loud it is."""

    start: int
    slots: int
    chord: Chord
    section: Section
    level: float
    ends_section: bool
    last: bool

    def velocity(self, slot: int) -> int:
        """Beats are a little louder than what is between them."""
        weight = 1.0 if slot % 4 == 0 else 0.88
        return round((_SOFT + (_LOUD - _SOFT) * self.level) * weight)


def compose(seed: int, seconds: float) -> Score:
    """A piece of about so many seconds, in whole bars, at least one."""
    draws = random.Random(seed)  # noqa: S311  (music, not keys)
    name = draws.choice(sorted(STYLES))
    style = STYLES[name]
    sixteenth, minor = draws.choice(style.sixteenths), draws.random() < style.minor
    slots = 4 * style.beats
    count = max(1, round(seconds * meaning.FRAMES_S / (slots * sixteenth)))
    score = Score(
        style=name,
        mood=draws.choice(style.moods),
        sixteenth=sixteenth,
        key=draws.randrange(12),
        minor=minor,
        beats=style.beats,
        lead=draws.choice(style.leads),
        harmony=draws.choice(style.harmonies),
        bass=draws.choice(style.basses),
        kit=draws.choice(style.kits),
        length=count * slots,
        form="".join(section.letter * section.bars for section in sections(count)),
    )
    bars = _bars(score, style, count, draws)
    _accompany(score, style, bars, draws)
    if score.lead:
        _sing(score, style, bars, draws)
    return score


def _bars(score: Score, style: Style, count: int, draws: random.Random) -> list[_Bar]:
    """Sections of other letters have other chords; the last bar is at home."""
    progressions = {
        letter: chords(draws.choice(style.minor_chords if score.minor else style.major_chords))
        for letter in "ab"
    }
    found: list[_Bar] = []
    home, slots = Chord(0, "min" if score.minor else "maj"), 4 * score.beats
    for section in sections(count):
        row = progressions["b" if section.letter == "b" else "a"]
        first, then = section.levels
        for n in range(section.bars):
            last = len(found) == count - 1
            found.append(
                _Bar(
                    start=len(found) * slots,
                    slots=slots,
                    chord=home if last else row[n % len(row)],
                    section=section,
                    level=first + (then - first) * n / max(1, section.bars - 1),
                    ends_section=n == section.bars - 1,
                    last=last,
                )
            )
    return found


def _accompany(score: Score, style: Style, bars: list[_Bar], draws: random.Random) -> None:
    harmony, bass, drums = (draws.choice(rows) for rows in (style.chords, style.bass, style.drums))
    alone = not score.lead  # then the harmony is heard from the first bar on
    for bar in bars:
        plays = bar.section.plays
        if score.harmony and ("harmony" in plays or alone):
            for slot, length in _onsets("x---------------"[: bar.slots] if bar.last else harmony):
                root = (score.key + bar.chord.root) % 12
                score.notes.append(
                    Note("harmony", bar.start + slot, length, root, bar.velocity(slot), bar.chord.quality)
                )
        if score.bass and "bass" in plays:
            _low(score, bar, "R---------------"[: bar.slots] if bar.last else bass)
        if score.kit and "drums" in plays and not bar.last:
            _strike(score, bar, drums)


def _low(score: Score, bar: _Bar, pattern: str) -> None:
    root = meaning.BASS_LOW + (score.key + bar.chord.root - meaning.BASS_LOW) % 12
    above = {"R": 0, "F": 7, "O": 12}
    for slot, length in _onsets(pattern, "".join(above)):
        pitch = root + above[pattern[slot]]
        score.notes.append(Note("bass", bar.start + slot, length, pitch, bar.velocity(slot)))


def _strike(score: Score, bar: _Bar, pattern: str) -> None:
    """A fill leads into the next section, a stroke of the cymbal begins it."""
    if bar.ends_section and score.beats == 4:
        pattern = pattern[: bar.slots - len(_FILL)] + _FILL
    for slot, letter in enumerate(pattern):
        if letter != ".":
            score.hits.append(Hit(bar.start + slot, _KICKED.get(letter, letter), bar.velocity(slot)))


def _onsets(pattern: str, letters: str = "x") -> list[tuple[int, int]]:
    """Where notes begin, and how long they are, in sixteenths."""
    found: list[tuple[int, int]] = []
    for slot, letter in enumerate(pattern):
        if letter in letters:
            found.append((slot, 1))
        elif letter == "-" and found:
            found[-1] = (found[-1][0], found[-1][1] + 1)
    return found


def _sing(score: Score, style: Style, bars: list[_Bar], draws: random.Random) -> None:
    """Two bars of rhythm and steps a letter; when a letter comes back, some of its steps are others."""
    low = meaning.LEADS[score.lead]
    scale = [p for p in range(low, low + meaning.LEAD_PITCHES) if (p - score.key) % 12 in _scale(score)]
    phrases = {letter: [_phrase(style, draws) for _ in range(2)] for letter in "ab"}
    sung = [bar for bar in bars if "lead" in bar.section.plays]
    place = len(scale) // 2
    for n, bar in enumerate(sung):
        again = bar.section.letter == "a" and bar.section is not sung[0].section
        phrase = phrases["b" if bar.section.letter == "b" else "a"][n % 2]
        for slot, length, step in [(0, bar.slots, 0)] if bar.last else phrase:
            varied = again and draws.random() < _VARIED
            place = _within(place + (draws.choice((-2, -1, 1, 2)) if varied else step), len(scale))
            if slot % 8 == 0:
                place = _nearest(scale, place, score.key, bar.chord)
            score.notes.append(Note("lead", bar.start + slot, length, scale[place], bar.velocity(slot)))


def _phrase(style: Style, draws: random.Random) -> list[tuple[int, int, int]]:
    """Notes of a bar: start, length, and the step from the one before, mostly small."""
    steps = (-1, 1, -1, 1, 0, 2, -2, 3)
    return [(slot, length, draws.choice(steps)) for slot, length in _onsets(draws.choice(style.melody))]


def _scale(score: Score) -> tuple[int, ...]:
    return _MINOR if score.minor else _MAJOR


def _within(place: int, count: int) -> int:
    """Turned back at both ends; count is more than any step."""
    return abs(place) if place < count else 2 * (count - 1) - place


def _nearest(scale: list[int], place: int, key: int, chord: Chord) -> int:
    """The tone of the chord that is nearest on the scale; where the scale has none, what was there."""
    tones = {(key + chord.root + step) % 12 for step in meaning.QUALITIES[chord.quality]}
    fitting = [n for n, pitch in enumerate(scale) if pitch % 12 in tones]
    return min(fitting, key=lambda n: abs(n - place), default=place)
