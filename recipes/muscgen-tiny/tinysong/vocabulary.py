"""What people call instruments, tempi and keys. Conditions after @ are as in `genres.py`."""

from __future__ import annotations


def _table(rows: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(row.split(";")) for name, row in rows.items()}


LEADS = _table({
    "piano": "piano;piano;piano;grand piano;acoustic piano;piano solo@jazz",
    "vibraphone": "vibraphone;vibraphone;vibes",
    "acoustic guitar": "acoustic guitar;acoustic guitar;guitar;nylon guitar;classical guitar;"
        "fingerpicked guitar@picked",
    "music box": "music box", "flute": "flute;flute;flute;wooden flute",
    "violin": "violin;violin;violin;fiddle@folk;fiddle@country;fiddle@celtic",
    "saxophone": "saxophone;saxophone;sax;sax;tenor sax",
    "trumpet": "trumpet;trumpet;trumpet;horn@jazz;horn@march",
    "square lead": "square lead;square lead;square wave;8-bit lead;chip lead;square synth",
    "synth lead": "synth lead;synth lead;synth;synthesizer;lead synth;saw synth",
    "harp": "harp;harp;harp;celtic harp@celtic",
    "marimba": "marimba;marimba;marimba;mallets", "clarinet": "clarinet",
    "electric guitar": "electric guitar;electric guitar;lead guitar;guitar;distorted guitar@metal;"
        "distorted guitar@rock;overdriven guitar@punk",
})  # fmt: skip
HARMONIES = _table({
    "piano": "piano;piano;piano chords",
    "electric piano": "electric piano;electric piano;rhodes;electric piano chords;e-piano;keys",
    "acoustic guitar": "acoustic guitar;acoustic guitar;strummed guitar@folk;strummed guitar@pop;guitar;"
        "guitar chords",
    "electric guitar": "electric guitar;distorted guitars;power chords;electric guitars;distorted guitar;"
        "guitar riffs",
    "strings": "strings;strings;string section;orchestral strings",
    "synth pad": "synth pad;synth pads;warm pad;pads;synth;lush pads",
    "organ": "organ;organ;organ chords;church organ@church;pipe organ@church",
    "choir": "choir;choir;voices;choral voices",
    "brass": "brass;brass;brass section;horns;horn section",
})  # fmt: skip
BASSES = _table({
    "electric bass": "electric bass;electric bass;bass guitar;bass;slap bass@funk;funky bass@funk;"
        "walking bass@walking",
    "upright bass": "upright bass;upright bass;double bass;bass;acoustic bass;walking bass@walking",
    "synth bass": "synth bass;synth bass;bass;synth bassline", "cello": "cello;cello;cellos",
    "sub bass": "sub bass;sub bass;deep bass;bass;808 bass@trap;808@trap;heavy bass@drum and bass",
    "piano": "piano",
})  # fmt: skip
KITS = _table({
    "rock": "drums;rock drums;drum kit;live drums;acoustic drums",
    "electronic": "drum machine;drums;electronic drums;electronic beat;beat;808 drums@trap;"
        "trap drums@trap;four on the floor drums@four on the floor",
    "brush": "brushes;brush drums;brushed drums;drums;soft drums",
    "lofi": "lofi drums;drums;dusty drums;mellow beat;lofi beat",
    "percussion": "percussion;percussion;percussion drums;drums;hand drums@folk;hand drums@latin;"
        "congas@latin;war drums@epic;big drums@epic;marching drums@march;snare drums@march",
})  # fmt: skip
# Any number of these is nearest to the tempo of so many frames in a sixteenth.
BPM = {
    5: (138, 165),
    6: (117, 137),
    7: (101, 116),
    8: (89, 100),
    9: (80, 88),
    10: (72, 79),
    11: (66, 71),
    12: (55, 65),
}
ROUND = (55, 60, 65, 70, 75, 80, 85, 90, 95, 100, 105, 110, 115, 120, 125, 128, 130, 140, 145, 150, 160)
TEMPI = _table({str(frames): row for frames, row in {
    5: "very fast;fast;fast;uptempo;fast tempo;quick;up-tempo;fast-paced",
    6: "fast;fast;fast tempo;uptempo;quick;up-tempo",
    7: "medium tempo;mid-tempo;moderate;medium;moderate tempo;moderately fast",
    8: "medium tempo;mid-tempo;moderate;medium;moderate tempo",
    9: "slow;slow tempo;moderately slow;slow", 10: "slow;slow tempo;slow;downtempo",
    11: "slow;very slow;slow tempo;downtempo",
    12: "very slow;very slow;slow;very slow tempo;slow tempo",
}.items()})  # fmt: skip
SPELLED = {1: ("C#", "Db"), 3: ("Eb", "D#"), 6: ("F#", "Gb"), 8: ("Ab", "G#"), 10: ("Bb", "A#")}
SAID = {"#": " sharp", "b": " flat"}
