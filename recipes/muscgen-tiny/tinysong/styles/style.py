"""What a style is drawn from, and the patterns and chords that many share.

A pattern is a bar in sixteenths: x a note, - held, . rest; twelve are a bar of three beats. A name that
stands twice is drawn twice as often, and "" is nobody.
bass: R root, T third, F fifth, O octave, L fifth below, X sixth, S seventh, A towards the next root.
drums: letters of meaning.HITS, k kick with hat, s snare with hat.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinysong.harmony import Scale

PAD, HALF, QUARTER, EIGHTH = "x---------------", "x-------x-------", "x---x---x---x---", "x-x-x-x-x-x-x-x-"
OFF, SPARSE, PUSH = "..x-..x-..x-..x-", "x-----x-x-------", "x--x--x-x--x--x-"
KEYS = (HALF, QUARTER, QUARTER, "x-----x-x-----x-", PUSH, EIGHTH, "x---x-x-x---x-x-")
STRUM = ("x---x-xx--x-x-xx", "x---x-x-x---x-x-", EIGHTH, "x---x---x-x-x---", "x---x-xx--xxx-x-")
ROOT, ROOT_FIFTH, ROOTS = "R---------------", "R-------F-------", "R-R-R-R-R-R-R-R-"
WALK = ("R---T---F---A---", "R---F---O---A---", "R---F---T---A---", "R---F---R---A---")
BACK = ("k.H.s.H.k.k.s.H.", "k.H.s.HKk.H.s.H.", "k.H.s.H.k.H.s.H.")
FLOOR = ("K.H.K.H.K.H.K.H.", "k.H.k.H.k.H.k.H.", "KHHHKHHHKHHHKHHH", "K.H.s.H.K.H.s.H.")

POP_MAJOR = (
    *("I V vi IV", "I vi IV V", "I IV vi V", "I iii IV V", "I V IV V", "I ii IV V", "I IV I V"),
    "I V vi IV I IV V I",
)
POP_MINOR = (
    *("i bVI iv V7", "i bVII bVI V7", "i iv bVI V7", "i iv i V7", "i bIII bVII iv", "i bVII i V7"),
    "i bVI bIII bVII i iv V7 i",
)
CLASSICAL_MAJOR = (
    *("I V I IV I IV V7 I", "I IV V7 I vi ii V7 I", "I vi ii V7 I IV V7 I", "I V vi iii IV I IV V7"),
    "I I V7 V7 V7 V7 I I",
)
CLASSICAL_MINOR = (
    *("i iv V7 i bVI iv V7 i", "i V7 i iv i bVI V7 i", "i bVII bIII bVI iv i V7 i"),
    "i i V7 V7 iv i V7 i",
)
JAZZ_MAJOR = (
    *("IM7 vi7 ii7 V7", "I ii7 V7 I", "I vi7 ii7 V7", "IM7 IM7 ii7 V7", "I.vi7 ii7.V7 I.vi7 ii7.V7"),
    "I I ii7 V7 iii7 VI7 ii7 V7",
)
JAZZ_MINOR = ("i iv iih V7", "i iih V7 i", "i bVIM7 iih V7", "i i iih V7", "i iv7 bVII7 bIIIM7 i iih V7 i")
FOLK_MAJOR = ("I IV I V", "I V vi IV", "I ii IV I", "I iii IV V", "I V IV I", "I IV V I")
FOLK_MINOR = ("i bVII i V7", "i bVII bVI V7", "i bIII bVII i", "i iv i V7", "i bVII i v")


@dataclass(frozen=True, slots=True)
class Style:
    """sixteenths: frames in one, of which one is drawn. minor, swing: how often.

    melody: names of rhythms, and of broken chords. chords: of who strikes; held: of who sustains.
    crash: whether a section begins with the cymbal. riff: whether a bar comes back as it was.
    """

    sixteenths: tuple[int, ...]
    minor: float
    major_chords: tuple[str, ...]
    minor_chords: tuple[str, ...]
    leads: tuple[str, ...]
    melody: tuple[str, ...]
    harmonies: tuple[str, ...]
    chords: tuple[str, ...]
    basses: tuple[str, ...]
    bass: tuple[str, ...]
    kits: tuple[str, ...] = ("",)
    drums: tuple[str, ...] = ("",)
    held: tuple[str, ...] = (PAD, PAD, HALF)
    beats: tuple[int, ...] = (4,)
    swing: float = 0.0
    scale: Scale = "diatonic"
    crash: bool = False
    riff: bool = False
