"""Rhythms of a bar in sixteenths, x a note, - held, . rest: what leads sing, and how their phrases end."""

from __future__ import annotations

from functools import lru_cache

MELODIES = {
    "slow": (
        "x-------x-------", "x-----x-x-------", "x---x---x-------", "x-------x---x---", "x-----------x---",
        "x-----x-x---x---", "x---x-x-x-------",
    ),
    "even": (
        "x---x---x---x---", "x---x-x-x---x---", "x-----x-x---x-x-", "x-x-x---x---x---", "x---x---x-x-x---",
        "x-----x-x-x-x---", "x-x-x-x-x---x---", "x-----x-x---x---",
    ),
    "fast": (
        "x-x-x-x-x-x-x---", "x-x-x---x-x-x---", "x---x-x-x-x-x-x-", "x-x-x-x-x-x-x-x-", "x-x-x-x-x---x-x-",
        "x---xxx-x---x-x-",
    ),
    "classical": (
        "x---x-x-x---x-x-", "x-x-x-x-x---x---", "x-----xxx---x---", "xxxxx-x-x---x---", "x---x---x-x-x-x-",
        "x-xxx-x-x---x---",
    ),
    "syncopated": (
        "x--x--x---x-x---", "x-x--x-x--x-x---", "x--x--x-x-----x-", "x--x--x--x--x-x-", "x-x-x--x--x-x---",
        "x---x--x--x-x---",
    ),
    "riff": (
        "x--x--x-..x-x-..", "x.x.x--x..x.x-..", "x--x..x.x--x..x.", "x.xx..x.x.xx..x.", "x...x--x..x.x...",
        "x-x...x.x--x....",
    ),
    "swung": (
        "x-x-x---..x-x-x-", "x---..x-x-x-x---", "x---x-x---x-x---", "x-x-x-x-x-x-x---", "..x-x-x-x---x---",
        "x-----x-..x-x---", "x-x-x---x-----x-",
    ),
    "bluesy": (
        "x-x-x-----x-x---", "..x-x-x-x-------", "x---x-x-x-----..", "x-x---x-x---....", "x-----x-x-x-x---",
    ),
    "chip": (
        "x-x-x-x-x-x-x---", "x-x-xxx-x-x-x-x-", "x-xxx-x-x-xxx-x-", "x--x--x-x-x-x---", "x---x-x-x-xxx-x-",
    ),
    "march": ("x---x-xxx---x---", "x--xx---x--xx---", "x---x---x--xx-x-", "x-xxx---x-xxx---"),
    "synth": (
        "x-----x-x-------", "x---x---x-----x-", "x--x--x---------", "x-----x-----x---", "x--x--x-x---x---",
    ),
    "tropical": ("x--x--x-x--x--x-", "x-x--x-x--x-x-x-", "x--x--x-..x-x-x-", "x-x-x--x-x-x-x--"),
    "three slow": ("x-------x---", "x---x---x---", "x-----x-x---", "x-----------"),
    "three": ("x---x---x---", "x-----x-x---", "x---x-x-x---", "x-x-x---x---", "x-------x-x-"),
    "three fast": ("x-x-x-x-x-x-", "x---x-x-x-x-", "x-x-x-x-x---", "x---x---x-x-"),
}  # fmt: skip
CADENCES = {
    "slow": ("x---x---x-----..", "x-----x-x-----..", "x-------x-----..", "x-----------...."),
    "even": ("x---x---x-----..", "x-x-x---x-----..", "x-----x-x---....", "x---x-x-x-----.."),
    "fast": ("x-x-x-x-x-----..", "x-x-x---x---....", "x---x-x-x-----.."),
    "riff": ("x--x--x-x---....", "x.x.x--x----...."),
    "three": ("x-------....", "x---x-----..", "x---------.."),
}
ENDING = {  # of which kind a phrase's last bar is; what is not here ends evenly
    "slow": "slow", "synth": "slow", "fast": "fast", "classical": "fast", "chip": "fast", "tropical": "fast",
    "riff": "riff", "three slow": "three", "three": "three", "three fast": "three",
}  # fmt: skip
THREE = {"slow": "three slow", "synth": "three slow", "even": "three", "syncopated": "three"}  # else fast
# Broken chords: steps on the ladder of the chord's tones, low to high, begun anew in each bar.
BROKEN = {
    "slow broken": "x---" * 4,
    "broken": "x-" * 8,
    "quick broken": "x" * 16,
    "montuno": "x.xxx.xx.xx.xx.x",
}
FIGURES = (
    (0, 1, 2, 3, 4, 3, 2, 1), (0, 2, 1, 3, 2, 4, 3, 2), (0, 1, 2, 1, 3, 2, 1, 2), (0, 2, 3, 4, 0, 2, 3, 4),
    (0, 1, 2, 3, 0, 1, 2, 3), (3, 2, 1, 0, 3, 2, 1, 0), (0, 2, 1, 2, 0, 2, 1, 2), (0, 2, 4, 3, 5, 4, 3, 2),
)  # fmt: skip
FIGURES_IN_THREE = ((0, 1, 2, 3, 2, 1), (0, 2, 1, 3, 2, 1), (0, 1, 2, 4, 3, 2), (3, 2, 1, 2, 1, 0))


@lru_cache(None)
def onsets(pattern: str) -> tuple[tuple[int, int, str], ...]:
    """Where notes begin, how long they are, in sixteenths, and their letter."""
    found: list[tuple[int, int, str]] = []
    for slot, letter in enumerate(pattern):
        if letter == "-" and found:
            start, length, kind = found[-1]
            found[-1] = (start, length + (start + length == slot), kind)
        elif letter not in "-.":
            found.append((slot, 1, letter))
    return tuple(found)
