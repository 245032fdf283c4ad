"""From a seed to a piece: the same seed is the same piece, on every machine."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from tinysong import band, hearing, meaning
from tinysong.form import PHRASE, Section, sections
from tinysong.harmony import Bar, bars, chord
from tinysong.lead import Motif, Voice, motif, phrase, tonic
from tinysong.score import Hit, Note, Score
from tinysong.styles import STYLES, Style

_SOFT, _LOUD = 42, 118  # velocities
_TAKES = 4  # of a piece whose notes tell another key; the last is kept
_SUSTAINED = frozenset({"strings", "synth pad", "choir", "organ", "brass"})
_IN_THREE = {"chords": ("....x---x---", "x---x---x---", "x-----------"), "bass": ("R-----------",)}
_SHORT_FILL = 4  # sixteenths
_DOMINANTS = (7, 10)  # roots that lead home


@dataclass(frozen=True, slots=True)
class _Plan:
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


def compose(seed: int, seconds: float) -> Score:
    """A piece of about so many seconds, in whole bars, at least one."""
    facts = random.Random(seed)  # noqa: S311  (music, not keys)
    name = facts.choice(sorted(STYLES))
    style = STYLES[name]
    blank = _facts(name, style, seconds, facts)
    for take in range(_TAKES):
        draws = random.Random(seed * _TAKES + take)  # noqa: S311  (music, not keys)
        score = _played(replace(blank, form=[], traits=set(), notes=[], hits=[]), style, draws)
        if hearing.tells_key(score):
            break
    return score


def _facts(name: str, style: Style, seconds: float, draws: random.Random) -> Score:
    """Who plays, in which key and how fast; no note yet."""
    sixteenth, beats = draws.choice(style.sixteenths), draws.choice(style.beats)
    slots = 4 * beats
    lead, harmony, bass = (draws.choice(names) for names in (style.leads, style.harmonies, style.basses))
    harmony = harmony or (style.harmonies[0] if not lead else "")
    others = sorted({other for other in style.harmonies if other not in ("", harmony)})
    swung = draws.random() < style.swing
    return Score(
        style=name,
        sixteenth=sixteenth,
        swing=min(max(1, round(sixteenth / 5)), 12 - sixteenth, sixteenth - 3) if swung else 0,
        key=draws.randrange(12),
        minor=draws.random() < style.minor,
        beats=beats,
        lead=lead,
        harmony=harmony,
        bass=bass,
        kit=draws.choice(style.kits),
        length=max(1, round(seconds * meaning.FRAMES_S / (slots * sixteenth))) * slots,
        answer=draws.choice([*others, ""]) if harmony else "",
        echo_frames=draws.choice((0, 1, 2)),
    )


def _played(score: Score, style: Style, draws: random.Random) -> Score:
    parts = {"lead": score.lead, "harmony": score.harmony, "bass": score.bass, "drums": score.kit}
    players = frozenset(part for part, name in parts.items() if name)
    count = score.length // (4 * score.beats)
    form = sections(count, score.sixteenth, players, draws)
    score.form.extend(section.letter for section in form for _ in range(section.bars))
    progressions = _progressions(score, style, draws)
    plans = _plans(score, form, progressions)
    if score.lead:
        _sing(score, style, form, plans, draws)
    if score.harmony:
        _strum(score, style, plans, draws)
    if score.bass:
        _low(score, style, plans, draws)
    if score.kit:
        _strike(score, style, plans, draws)
    return score


def _progressions(score: Score, style: Style, draws: random.Random) -> dict[str, tuple[Bar, ...]]:
    """Theme and contrast have others, where the style knows two."""
    names = style.minor_chords if score.minor else style.major_chords
    first = draws.choice(names)
    second = draws.choice([name for name in names if name != first] or names)
    home = bars("i" if score.minor else "I", 4 * score.beats)
    found = {letter: bars(name, 4 * score.beats) for letter, name in (("a", first), ("b", second))}
    return {**found, "i": home, "o": home}


def _plans(score: Score, form: list[Section], progressions: dict[str, tuple[Bar, ...]]) -> list[_Plan]:
    slots = 4 * score.beats
    rows: list[tuple[Section, int, Bar]] = []
    phrases = dict.fromkeys("iabo", 0)
    for section in form:
        row = progressions[section.letter]
        first = PHRASE * phrases[section.letter] + section.skipped
        rows += [(section, n, row[(first + n) % len(row)]) for n in range(section.bars)]
        phrases[section.letter] += section.skipped + section.bars >= PHRASE
    chords = _led_home([bar for _, _, bar in rows], score, slots)
    return [
        _Plan(
            start=n * slots,
            slots=slots,
            chords=chords[n],
            then=chords[min(n + 1, len(rows) - 1)],
            section=section,
            level=_between(section.levels, at / max(1, section.bars - 1)),
            begins=at == 0,
            ends=at == section.bars - 1,
            last=n == len(rows) - 1,
        )
        for n, (section, at, _) in enumerate(rows)
    ]


def _led_home(chords: list[Bar], score: Score, slots: int) -> list[Bar]:
    """The last bar is at home, and a dominant before it."""
    [home] = bars("i" if score.minor else "I", slots)
    found = [*chords[:-1], home]
    if len(found) > 2 and found[-2][-1][1].bass not in _DOMINANTS:
        found[-2] = ((0, chord("V7")),)
    return found


def _between(ends: tuple[float, float], share: float) -> float:
    return ends[0] + (ends[1] - ends[0]) * share


def _sing(score: Score, style: Style, form: list[Section], plans: list[_Plan], draws: random.Random) -> None:
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
    voice: Voice, motifs: dict[str, Motif], section: Section, plans: list[_Plan]
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


def _strum(score: Score, style: Style, plans: list[_Plan], draws: random.Random) -> None:
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


def _low(score: Score, style: Style, plans: list[_Plan], draws: random.Random) -> None:
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


def _strike(score: Score, style: Style, plans: list[_Plan], draws: random.Random) -> None:
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
