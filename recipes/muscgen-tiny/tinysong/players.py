"""Who plays what in the bars of a piece: a lead that sings, chords, bass and drums."""

from __future__ import annotations

import random

from tinysong import band, meaning
from tinysong.form import PHRASE, Section
from tinysong.lead import Motif, Voice, motif, phrase, tonic
from tinysong.plan import Plan
from tinysong.score import Hit, Note, Score
from tinysong.styles import Style

_SUSTAINED = frozenset({"strings", "synth pad", "choir", "organ", "brass"})
_IN_THREE = {"chords": ("....x---x---", "x---x---x---", "x-----------"), "bass": ("R-----------",)}
_SHORT_FILL = 4  # sixteenths


def sing(score: Score, style: Style, form: list[Section], plans: list[Plan], draws: random.Random) -> None:
    """Letters have a motif each; when one comes back in full, it goes other ways."""
    voice = Voice(meaning.LEADS[score.lead], score.key, score.minor, style.scale, 4 * score.beats)
    kind = draws.choice(style.melody)
    motifs = {letter: motif(voice, kind, draws, riff=style.riff) for letter in "ab"}
    if motifs["a"].figure:
        score.traits.add("arpeggio")
    at = 0
    for section in form:
        mine = plans[at : at + section.bars]
        at += section.bars
        if "lead" not in section.plays:
            continue
        for plan, sung in zip(mine, _section(voice, motifs, section, mine), strict=True):
            for slot, length, pitch in sung if not plan.last else [(0, plan.slots, tonic(voice, sung[0][2]))]:
                score.notes.append(Note("lead", plan.start + slot, length, pitch, plan.velocity(slot)))


def _section(
    voice: Voice, motifs: dict[str, Motif], section: Section, plans: list[Plan]
) -> list[list[tuple[int, int, int]]]:
    """Phrases of four bars, of which the first may be left out."""
    mine = motifs["b" if section.letter == "b" else "a"]
    chords = [plan.chords for plan in plans]
    padded = [chords[0]] * section.skipped + chords
    found: list[list[tuple[int, int, int]]] = []
    for first in range(0, len(padded), PHRASE):
        row = padded[first : first + PHRASE]
        home = plans[-1].last or (section.full and first + PHRASE >= len(padded))
        found += phrase(voice, mine, row, varied=section.full, home=home)
    return found[section.skipped :]


def strum(score: Score, style: Style, plans: list[Plan], draws: random.Random) -> None:
    names = style.held if score.harmony in _SUSTAINED else style.chords
    first, second = _two(names, 4 * score.beats, "chords", draws)
    for plan in plans:
        if not ("harmony" in plan.section.plays or (not score.lead and "lead" in plan.section.plays)):
            continue
        pattern = (
            ("x" + "-" * 15)[: plan.slots] if plan.last else second if plan.section.letter == "b" else first
        )
        plain = not (score.bass and "bass" in plan.section.plays)
        for slot, length, root, quality in band.chords(pattern, plan.chords, score.key, plain=plain):
            score.notes.append(Note("harmony", plan.start + slot, length, root, plan.velocity(slot), quality))


def low(score: Score, style: Style, plans: list[Plan], draws: random.Random) -> None:
    first, second = _two(style.bass, 4 * score.beats, "bass", draws)
    walks = [pattern for pattern in style.bass if "A" in pattern]
    if "A" in first:
        score.traits.add("walking")
    for plan in plans:
        if "bass" not in plan.section.plays:
            continue
        pattern = second if plan.section.full and "A" not in first else first
        if "A" in pattern:
            pattern = draws.choice(walks)
        if plan.last:
            pattern = "R" + "-" * (plan.slots - 1)
        then = plan.then[0][1]
        for slot, length, pitch in band.low(
            pattern, plan.chords, then, score.bass, score.key, minor=score.minor
        ):
            score.notes.append(Note("bass", plan.start + slot, length, pitch, plan.velocity(slot)))


def strike(score: Score, style: Style, plans: list[Plan], draws: random.Random) -> None:
    """Fills lead into the next section, and short ones, in some pieces, into every other bar."""
    slots = 4 * score.beats
    first, second = _two(style.drums, slots, "", draws)
    fill, small = draws.choice(band.fills(score.kit)), draws.random() < 0.3
    if all(pattern[n] in "Kk" for pattern in (first, second) for n in range(0, slots, 4)):
        score.traits.add("four on the floor")
    for n, plan in enumerate(plans):
        if "drums" not in plan.section.plays:
            continue
        pattern = second if plan.section.full or plan.section.letter == "b" else first
        ending = fill if plan.ends else fill[-_SHORT_FILL:] if small and n % 4 == 3 else ""
        crash = style.crash and plan.begins and plan.section.letter != "i"
        if plan.last:
            pattern, ending = ("X" if style.crash else pattern[0]) + "." * (slots - 1), ""
        row = band.strokes(pattern, ending if slots == 16 else "", crash=crash)
        for slot, letter in enumerate(row):
            if letter != ".":
                hit = band.KICKED.get(letter, letter)
                score.hits.append(Hit(plan.start + slot, hit, plan.velocity(slot)))


def _two(patterns: tuple[str, ...], slots: int, part: str, draws: random.Random) -> tuple[str, str]:
    """One for the theme, and one for what is not the theme, or the same."""
    fitting = [pattern for pattern in patterns if len(pattern) == slots] or _IN_THREE[part]
    return draws.choice(fitting), draws.choice(fitting)
