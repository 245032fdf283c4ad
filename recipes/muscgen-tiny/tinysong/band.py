"""What accompanies: chords, bass and drums of a bar, by the patterns of a style."""

from __future__ import annotations

from tinysong import meaning
from tinysong.harmony import Bar, Chord, at, scale
from tinysong.rhythms import onsets

KICKED = {"k": "KH", "s": "SH"}
_FILLS = {
    "rock": ("S.S.SSPP", "..S.SSPP", "P.PPP.PP", "SSSSPPPP", "k.S.SSPP", "s.HSSPPP"),
    "electronic": ("S.S.SSSS", "..S.S.SS", "k.S.SSPP", "S..S..SS"),
    "brush": ("H.s.SSS.", "..S.S.SS", "s.H.S.P."),
    "lofi": ("H.s.SSS.", "..S.S.SS", "s.H.S.P."),
    "percussion": ("P.P.PPPP", "PPP.PPP.", "K.PPK.PP"),
}
_LOW = {"cello": 36, "piano": 36}  # where roots begin; of the others a few tones lower
_LOWEST_ROOT = 32


def fills(kit: str) -> tuple[str, ...]:
    return _FILLS[kit]


def chords(pattern: str, bar: Bar, key: int, *, plain: bool) -> list[tuple[int, int, int, str]]:
    """Start, length, root and quality; a chord that changes is struck again. plain: nobody plays the bass."""
    changes = {start for start, _ in bar if start}
    struck = "".join("x" if n in changes and kind == "-" else kind for n, kind in enumerate(pattern))
    found = []
    for slot, length, _ in onsets(struck):
        over = at(bar, slot)
        root, quality = (over.bass, over.plain) if plain else (over.root, over.quality)
        found.append((slot, length, (key + root) % 12, quality))
    return found


def low(
    pattern: str, bar: Bar, then: Chord, instrument: str, key: int, *, minor: bool
) -> list[tuple[int, int, int]]:
    """Start, length and pitch of the bass. then: the chord of the next bar, to which A leads."""
    changes = {start for start, _ in bar if start}
    lowest = _LOW.get(instrument, _LOWEST_ROOT)
    struck = "".join("R" if n in changes else kind for n, kind in enumerate(pattern))
    found = []
    for slot, length, kind in onsets(struck):
        over = at(bar, slot)
        root = lowest + (key + over.bass - lowest) % 12
        if kind == "A":
            pitch = _towards(lowest + (key + then.bass - lowest) % 12, root, key, then, minor=minor)
        else:
            above = {"R": 0, "T": over.third, "F": over.fifth, "O": 12, "L": -5, "X": 9, "S": 10}
            pitch = root + above[kind]
        found.append((slot, length, _fitted(pitch)))
    return found


def _towards(goal: int, root: int, key: int, then: Chord, *, minor: bool) -> int:
    """A step of the scale from the next root, on the side from which the bass comes."""
    side = -1 if goal >= root else 1
    fitting = scale("diatonic", minor, then)
    return next(goal + side * size for size in (1, 2, 3) if (goal + side * size - key) % 12 in fitting)


def _fitted(pitch: int) -> int:
    highest = meaning.BASS_LOW + meaning.BASS_PITCHES - 1
    while pitch > highest:
        pitch -= 12
    return pitch if pitch >= meaning.BASS_LOW else pitch + 12


def strokes(pattern: str, fill: str, *, crash: bool) -> str:
    """A fill takes the end of the bar; the cymbal its beginning, and the kick with it."""
    filled = pattern[: len(pattern) - len(fill)] + fill if fill else pattern
    return "X" + filled[1:] if crash else filled
