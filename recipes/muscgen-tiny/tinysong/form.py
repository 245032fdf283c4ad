"""How a piece goes on: sections of bars, who plays in each, and how loudly.

Phrases are of four bars. Theme, contrast, and the theme again, varied; the end is at home.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

ALL = frozenset({"lead", "harmony", "bass", "drums"})
PHRASE = 4  # bars
_LEAST_BARS = 6  # of a piece with a contrast
_OPENINGS = (  # who is heard before the theme; half of the pieces have none
    *((frozenset[str](),) * 6),
    *(frozenset({"harmony", "bass", "drums"}),) * 2,
    *(frozenset({"bass", "drums"}), frozenset({"harmony"}), frozenset({"harmony", "bass"})),
    frozenset({"lead", "harmony"}),
)
_THEMES = (ALL, ALL, ALL, ALL - {"drums"}, ALL - {"bass"})  # who is not in its first half comes in the second
_CONTRASTS = (ALL, ALL, ALL - {"drums"}, ALL - {"bass", "drums"}, ALL - {"lead"})
_FORMS = {1: "a", 2: "ab", 3: "aba", 4: "aaba", 5: "aabab"}
_QUICK = 6  # frames in a sixteenth; of such pieces an opening may have two bars


@dataclass(frozen=True, slots=True)
class Section:
    """letter: of the material; the same letter comes back varied. level: 0 to 1, of loudness at both ends.

    skipped: bars of its phrase that are left out, so that a short one is the way home. full: the busiest.
    """

    letter: str
    bars: int
    levels: tuple[float, float]
    plays: frozenset[str]
    skipped: int = 0
    full: bool = False


def sections(bars: int, sixteenth: int, players: frozenset[str], draws: random.Random) -> list[Section]:
    """As many bars as are asked for, in whole sections of at least one."""
    if bars < _LEAST_BARS:
        return [Section("a", bars, (0.7, 0.9), ALL)]
    opening, contrast, theme = draws.choice(_OPENINGS), draws.choice(_CONTRASTS), draws.choice(_THEMES)
    before = 0
    if opening & players and opening & players != players:
        before = draws.choice((1, 2)) if sixteenth <= _QUICK else 1
    body, rest = divmod(bars - before - 1, PHRASE)
    tag, after = (rest, 1) if rest != 1 else (0, 2)
    found = _body(body, theme, contrast if contrast & players else ALL)
    if tag:
        again = "b" if body == 1 else "a"
        found.append(Section(again, tag, (0.9, 1.0), ALL, skipped=PHRASE - tag, full=again == "a"))
    if before:
        found.insert(0, Section("i", before, (0.45, 0.55), opening))
    return [*found, Section("o", after, (0.8, 0.4), ALL)]


def _body(phrases: int, theme: frozenset[str], contrast: frozenset[str]) -> list[Section]:
    """The theme may begin without somebody; who is not in the contrast comes back with the theme."""
    form = _FORMS.get(phrases) or "aab" * (phrases // 3) + "a" * (phrases % 3)
    found: list[Section] = []
    for n, letter in enumerate(form):
        if n == 0 and theme != ALL:
            half = PHRASE // 2
            found += [
                Section("a", half, (0.55, 0.6), theme),
                Section("a", half, (0.65, 0.7), ALL, skipped=half),
            ]
        elif letter == "b":
            found.append(Section("b", PHRASE, (0.6, 0.85), contrast))
        else:
            again = "b" in form[:n]
            found.append(Section("a", PHRASE, (0.9, 1.0) if again else (0.6, 0.7), ALL, full=again))
    if found and not found[-1].full:  # the end is the loudest all the same
        found[-1] = replace(found[-1], plays=ALL, full=True, levels=(0.8, 0.95))
    return found
