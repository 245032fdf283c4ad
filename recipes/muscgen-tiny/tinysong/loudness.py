"""How loud a piece is as it goes on: what it does on the whole, and the beats that are marked soft.

Levels go from 0 to 1 and are velocities in what FluidSynth plays. In codes each bar has so many soft beats;
the decoder's own slowness (dynamics.py) makes levels of them, with the first beat of the bar the loudest.
"""

from __future__ import annotations

from collections.abc import Sequence

SHAPES = ("", "", "", "", "soft", "soft", "loud", "growing", "growing", "fading")  # drawn from
WORDS = {
    "soft": ("soft", "quiet", "softly played", "played quietly", "soft and quiet", "pianissimo"),
    "loud": ("loud", "powerful", "played loudly", "loud all the way", "fortissimo", "full volume"),
    "growing": (
        *("crescendo", "builds up", "building up", "growing louder", "getting louder", "slowly building"),
        *("starts quietly and builds up", "from quiet to loud"),
    ),
    "fading": (
        *("fading out", "fades out", "fade out", "getting quieter", "diminuendo", "decrescendo"),
        *("from loud to quiet", "dying away"),
    ),
}
UNFIT = {  # moods that would say something else
    "soft": frozenset(("powerful", "intense", "aggressive", "energetic", "heavy", "driving", "massive")),
    "loud": frozenset(
        ("soft", "gentle", "quiet", "calm", "peaceful", "tender", "mellow", "relaxed", "sleepy")
    ),
}
_SOFT, _LOUD = (0.0, 0.35), (0.85, 1.0)
_GROWTH = 0.8  # of a piece that grows: more is how loud its sections are
_LOUDEST = 0.85  # from here on no beat is soft
_ALL_SOFT = 0.15
_FIRST_TO_SOFTEN = (3, 1, 2, 0)  # beats of the bar


def shaped(shape: str, level: float, along: float) -> float:
    """The level of a section's bar in a piece of this shape; along: from 0 at its begin to 1 at its end."""
    if shape in ("soft", "loud"):
        low, high = _SOFT if shape == "soft" else _LOUD
        return low + (high - low) * level
    if shape in ("growing", "fading"):
        return _GROWTH * (along if shape == "growing" else 1 - along) + (1 - _GROWTH) * level
    return level


def soft_beats(levels: Sequence[float], beats: int) -> list[bool]:
    """For each beat of the piece, whether it is marked; levels: a bar each."""
    order = [beat for beat in _FIRST_TO_SOFTEN if beat < beats]
    found: list[bool] = []
    for level in levels:
        share = (_LOUDEST - level) / (_LOUDEST - _ALL_SOFT)
        soft = set(order[: round(beats * min(1.0, max(0.0, share)))])
        found += [beat in soft for beat in range(beats)]
    return found
