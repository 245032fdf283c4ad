"""The bars of a piece: where each begins, over which chords, in which section, and how loud it is."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tinysong.form import PHRASE, Section
from tinysong.harmony import Bar, bars, chord
from tinysong.loudness import shaped
from tinysong.score import Score
from tinysong.styles import Style

_SOFT, _LOUD = 42, 118  # velocities
_DOMINANTS = (7, 10)  # roots that lead home


@dataclass(frozen=True, slots=True)
class Plan:
    """One bar of the piece: where it begins, its chords and the next bar's, and how loud it is."""

    start: int
    slots: int
    chords: Bar
    then: Bar
    section: Section
    level: float
    begins: bool
    ends: bool
    last: bool

    def velocity(self, slot: int) -> int:
        """Beats are a little louder than what is between them."""
        weight = 1.0 if slot % 4 == 0 else 0.88
        return round((_SOFT + (_LOUD - _SOFT) * self.level) * weight)


def plans(score: Score, style: Style, form: list[Section], draws: random.Random) -> list[Plan]:
    """Theme and contrast have their own chords."""
    slots, progressions = 4 * score.beats, _progressions(score, style, draws)
    rows: list[tuple[Section, int, Bar]] = []
    phrases = dict.fromkeys("iabo", 0)
    for section in form:
        row = progressions[section.letter]
        first = PHRASE * phrases[section.letter] + section.skipped
        rows += [(section, n, row[(first + n) % len(row)]) for n in range(section.bars)]
        phrases[section.letter] += section.skipped + section.bars >= PHRASE
    chords = _led_home([bar for _, _, bar in rows], score, slots)
    return [
        Plan(
            start=n * slots,
            slots=slots,
            chords=chords[n],
            then=chords[min(n + 1, len(rows) - 1)],
            section=section,
            level=shaped(score.shape, _level(section, at), n / max(1, len(rows) - 1)),
            begins=at == 0,
            ends=at == section.bars - 1,
            last=n == len(rows) - 1,
        )
        for n, (section, at, _) in enumerate(rows)
    ]


def _progressions(score: Score, style: Style, draws: random.Random) -> dict[str, tuple[Bar, ...]]:
    """Theme and contrast have others, where the style knows two."""
    names = style.minor_chords if score.minor else style.major_chords
    first = draws.choice(names)
    second = draws.choice([name for name in names if name != first] or names)
    home = bars("i" if score.minor else "I", 4 * score.beats)
    found = {letter: bars(name, 4 * score.beats) for letter, name in (("a", first), ("b", second))}
    return {**found, "i": home, "o": home}


def _led_home(chords: list[Bar], score: Score, slots: int) -> list[Bar]:
    """The last bar is at home, and a dominant before it."""
    [home] = bars("i" if score.minor else "I", slots)
    found = [*chords[:-1], home]
    if len(found) > 2 and found[-2][-1][1].bass not in _DOMINANTS:
        found[-2] = ((0, chord("V7")),)
    return found


def _level(section: Section, bar: int) -> float:
    first, last = section.levels
    return first + (last - first) * bar / max(1, section.bars - 1)
