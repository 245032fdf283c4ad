"""From a seed to a piece: the same seed is the same piece, on every machine."""

from __future__ import annotations

import random
from dataclasses import replace

from tinysong import hearing, meaning, players
from tinysong.form import sections
from tinysong.loudness import SHAPES
from tinysong.plan import plans
from tinysong.score import Score
from tinysong.styles import STYLES, Style

_TAKES = 6  # of a piece whose notes tell neither its key nor its tempo; the clearest is kept


def compose(seed: int, seconds: float) -> Score:
    """A piece of about so many seconds, in whole bars, at least one."""
    facts = random.Random(seed)  # noqa: S311  (music, not keys)
    name = facts.choice(sorted(STYLES))
    style = STYLES[name]
    blank = _facts(name, style, seconds, facts)
    takes: list[tuple[bool, float, Score]] = []
    for take in range(_TAKES):
        draws = random.Random(seed * _TAKES + take)  # noqa: S311  (music, not keys)
        score = _played(replace(blank, form=[], traits=set(), levels=[], notes=[], hits=[]), style, draws)
        takes.append((hearing.tells_key(score), hearing.pulse_lead(score), score))
        if takes[-1][0] and takes[-1][1] > 0:
            break
    return max(takes, key=lambda told: told[:2])[2]


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
        shape=draws.choice(SHAPES),
    )


def _played(score: Score, style: Style, draws: random.Random) -> Score:
    parts = {"lead": score.lead, "harmony": score.harmony, "bass": score.bass, "drums": score.kit}
    there = frozenset(part for part, name in parts.items() if name)
    form = sections(score.length // (4 * score.beats), score.sixteenth, there, draws)
    score.form.extend(section.letter for section in form for _ in range(section.bars))
    bars = plans(score, style, form, draws)
    score.levels.extend(bar.level for bar in bars)
    if score.lead:
        players.sing(score, style, form, bars, draws)
    if score.harmony:
        players.strum(score, style, bars, draws)
    if score.bass:
        players.low(score, style, bars, draws)
    if score.kit:
        players.strike(score, style, bars, draws)
    return score
