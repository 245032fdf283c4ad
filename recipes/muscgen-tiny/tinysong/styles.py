"""The styles that the recipe composes in. A pattern is a bar in sixteenths: x a note, - held, . rest.

basses: R root, F fifth, O octave, - held. drums: letters of meaning.HITS, k kick with hat, s snare with hat.
"""

from __future__ import annotations

from dataclasses import dataclass

PAD, HALF, QUARTER = "x---------------", "x-------x-------", "x---x---x---x---"
OFF, STRUM, PUSH = "..x-..x-..x-..x-", "x---x-xx--x-x-xx", "x--x--x-x--x--x-"
SLOW = ("x-------x-------", "x-----x-x-------", "x---x---x-------", "x-------x---x---")
EVEN = ("x---x---x---x---", "x---x-x-x---x---", "x-x-x---x-x-x---", "x-----x-x---x-x-")
FAST = ("x-x-x-x-x-x-x---", "x-x-x---x-x-x---", "x---x-x-x-x-x-x-", "x-x-x-x-x---x-x-")
SYNCOPATED = ("x--x--x---x-x---", "x-x--x-x--x-x---", "x--x--x-x-----x-", "x---x--x--x-x---")
RIFF = ("x--x--x-..x-x-..", "x.x.x--x..x.x-..", "x--x..x.x--x..x.", "x-x...x.x--x....")
THREE = ("x-------x---", "x---x---x---", "x-----x-x---", "x-x-x---x---")


@dataclass(frozen=True, slots=True)
class Style:
    """sixteenths: frames in one, of which one is drawn. minor: how often. None plays where "" is drawn."""

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
    kits: tuple[str, ...]
    drums: tuple[str, ...]
    moods: tuple[str, ...]
    beats: int = 4


POP = ("I V vi IV", "vi IV I V", "I vi IV V"), ("i bVI bIII bVII", "i iv bVI V7", "i bVII bVI V7")
FOLK = ("I IV I V", "I V vi IV", "vi IV I V"), ("i bVII bVI bVII", "i bIII bVII i", "i iv bVII bIII")
JAZZ = ("ii V7 I vi", "I vi ii V7", "I IV ii V7"), ("i iv bVII bIII", "i bVI iv V7")

STYLES = {
    "piano ballad": Style(
        (8, 9, 10, 11, 12), 0.5, *POP, ("piano",), (*SLOW, *EVEN), ("piano",), (HALF, QUARTER), ("piano",),
        ("R---------------", "R-------F-------"), ("",), ("",), ("sad", "tender", "calm", "romantic"),
    ),
    "pop": Style(
        (5, 6, 7, 8), 0.35, *POP, ("piano", "synth lead", "violin", "flute", "acoustic guitar"), EVEN,
        ("piano", "acoustic guitar", "electric piano", "synth pad"), (HALF, QUARTER, PUSH),
        ("electric bass", "synth bass"), ("R-R-R-R-R-R-R-R-", "R-----R-R-----R-", "R--R--R-R--R--R-"),
        ("rock", "electronic"), ("k.H.s.H.k.k.s.H.", "k.H.s.H.k.H.s.H."), ("happy", "bright", "upbeat"),
    ),
    "rock": Style(
        (5, 6, 7), 0.5, ("I bVII IV I", "I IV V IV"), ("i bVI bVII i", "i bIII bVII bVI"),
        ("electric guitar", "electric guitar", ""), SYNCOPATED, ("electric guitar",),
        ("x-x-x-x-x-x-x-x-", "x.x.x-x.x.x.x-x.", HALF), ("electric bass",), ("R-R-R-R-R-R-R-R-",), ("rock",),
        ("k.H.s.H.k.k.s.H.", "k.k.s.H.H.k.s.H."), ("energetic", "driving", "heavy"),
    ),
    "folk": Style(
        (6, 7, 8, 9), 0.4, *FOLK, ("acoustic guitar", "flute", "violin", "harp"), EVEN, ("acoustic guitar",),
        (STRUM, HALF), ("upright bass", ""), ("R-------F-------",), ("", "percussion"),
        ("K...H...K.K.H...",), ("warm", "gentle", "peaceful"),
    ),
    "jazz": Style(
        (5, 6, 7), 0.4, *JAZZ, ("saxophone", "trumpet", "clarinet", "vibraphone", "piano"), SYNCOPATED,
        ("piano", "electric piano"), (HALF, "x-....x-........", "....x-....x-...."), ("upright bass",),
        ("R---F---O---F---", "R-------F-------"), ("brush",), ("k...s.H.k...s.H.", "X...s.H.k...s.H."),
        ("smooth", "relaxed", "smoky"),
    ),
    "bossa nova": Style(
        (5, 6, 7), 0.3, *JAZZ, ("flute", "saxophone", "vibraphone"), SYNCOPATED, ("acoustic guitar",),
        ("x---..x---x---..", "x-..x-x-..x-x-.."), ("upright bass",), ("R-----F-F-----R-",),
        ("brush", "percussion"), ("k.H.H.s.k.H.s.k.",), ("relaxed", "sunny", "gentle"),
    ),
    "lofi": Style(
        (8, 9, 10), 0.5, *JAZZ, ("piano", "vibraphone", "saxophone", ""), SLOW, ("electric piano", "piano"),
        (PAD, HALF), ("sub bass", "electric bass"), ("R-----R-F-------", "R-------F-----R-"), ("lofi",),
        ("k.H.s.H.H.k.s.H.", "k..Ks.H.H.k.s..."), ("mellow", "dreamy", "calm"),
    ),
    "house": Style(
        (6,), 0.6, *POP, ("synth lead", "piano", ""), RIFF, ("piano", "synth pad", "organ"), (OFF, PAD),
        ("synth bass",), ("..R-..R-..R-..R-", "R-O-R-O-R-O-R-O-"), ("electronic",),
        ("k.H.k.H.k.H.k.H.", "K.H.s.H.K.H.s.H."), ("uplifting", "groovy", "energetic"),
    ),
    "techno": Style(
        (5, 6), 1.0, POP[0], ("i i bVI i", "i i iv i", "i i bVI bVII"), ("synth lead", "square lead"), RIFF,
        ("synth pad",), (PAD,), ("synth bass",), (".RRR.RRR.RRR.RRR", "..R-..R-..R-..R-"), ("electronic",),
        ("K.H.K.H.K.H.K.H.", "KHHHKHHHKHHHKHHH"), ("dark", "hypnotic", "driving"),
    ),
    "funk": Style(
        (6, 7, 8), 0.6, ("I IV I IV", "I I IV bVII"), ("i IV i IV", "i bVII bVI bVII"),
        ("saxophone", "trumpet", "electric guitar", ""), RIFF, ("electric piano", "brass", "organ"),
        (OFF, "..x-..x.x..x...."), ("electric bass",), ("R..R..O.R..R..O.", "R.R...O...R.O.R."), ("rock",),
        ("k.H.s.H.k.k.s.H.", "k.k.s.H.s.k.s.H."), ("groovy", "upbeat", "funky"),
    ),
    "reggae": Style(
        (8, 9, 10), 0.35, ("I IV I IV", "I V vi IV"), ("i iv i iv", "i bVII i bVII"),
        ("trumpet", "saxophone", ""), SYNCOPATED, ("organ", "acoustic guitar"), (OFF,), ("electric bass",),
        ("R-----F-R-R-....", "R--R--R-F---...."), ("rock",), ("H.H.H.H.s.H.H.H.",), ("sunny", "laid-back"),
    ),
    "ambient": Style(
        (10, 11, 12), 0.4, ("I I IV IV", "I IV I IV"), ("i i bVI bVI", "i bVI i bVII"),
        ("flute", "harp", "piano", "music box", ""), SLOW, ("synth pad", "choir", "strings"), (PAD,),
        ("sub bass", ""), ("R---------------",), ("",), ("",), ("calm", "dreamy", "floating", "peaceful"),
    ),
    "cinematic": Style(
        (6, 7, 8, 10), 0.6, ("I iii IV V", "I V vi IV"), ("i bVI iv V7", "i bIII bVI V"),
        ("violin", "trumpet", "piano"), SLOW, ("strings", "brass", "choir"), (PAD, HALF), ("cello",),
        ("R---------------", "R-R-R-R-R-R-R-R-"), ("percussion", ""),
        ("K..K..K.K..K..P.", "X.....K.K...K.K."), ("epic", "dramatic", "heroic", "sad"),
    ),
    "waltz": Style(
        (5, 6, 7, 8), 0.4, ("I I V7 V7", "I vi ii V7"), ("i iv V7 i", "i i V7 V7"),
        ("violin", "clarinet", "flute", "piano"), THREE, ("strings", "piano"),
        ("....x---x---", "x-----------"), ("cello", "upright bass"), ("R-----------",), ("", "brush"),
        ("k...H...H...",), ("elegant", "dancing"), 3,
    ),
    "chiptune": Style(
        (5, 6), 0.4, *POP, ("square lead",), FAST, ("synth pad", ""), (HALF,), ("synth bass",),
        ("R-O-R-O-R-O-R-O-", "R-F-O-F-R-F-O-F-"), ("electronic",), ("K.H.S.H.K.H.S.H.",),
        ("playful", "retro"),
    ),
    "march": Style(
        (5, 6, 7), 0.2, ("I IV V7 I", "I I V7 I"), ("i iv V7 i",), ("trumpet", "flute", "clarinet"),
        ("x---x-xxx---x---", "x--xx---x--xx---"), ("brass",), (QUARTER, HALF), ("upright bass",),
        ("R---F---R---F---",), ("percussion", "rock"), ("k.S.k.SSk.S.kSSS", "K.S.K.S.K.SSK.SS"),
        ("proud", "festive"),
    ),
}  # fmt: skip
